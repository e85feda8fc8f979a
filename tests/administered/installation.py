"""Gitea, Argo CD and cluster together, and the settings that a person begins with."""

from __future__ import annotations

import stat
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.administered.argocd import PASSWORD, AdministeredArgoCd, administered_argocd
from tests.administered.cluster import AdministeredCluster, administered_cluster
from tests.administered.gitea import AdministeredGitea, administered_gitea
from thinkube_catalog.domain.bootstrap import Effect, Outcome, Wishes
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations.bootstrap import carry_out, plan
from thinkube_catalog.settings import load_settings
from thinkube_catalog.wiring.bootstrap import open_bootstrap
from thinkube_catalog.wiring.doctor import examine

PASSWORDS = {"Password of Gitea's root": "root-password", "Password of Argo CD's admin": PASSWORD}
SECRETS = (
    *("GITEA_TOKEN", "GITEA_READ_TOKEN", "ARGOCD_TOKEN"),
    *("ARGOCD_WEBHOOK_SECRET", "KUBERNETES_TOKEN"),
)


@dataclass
class Outside:
    """The three systems, and the folder that the program is started in."""

    gitea: AdministeredGitea
    argocd: AdministeredArgoCd
    cluster: AdministeredCluster
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / ".env"

    def wishes(self, **changes: object) -> Wishes:
        """Return what a person with all rights wishes for."""
        wishes = Wishes(
            settings=self.file,
            ask=lambda title, _file: SecretValue(PASSWORDS[title]),
            gitea_admin="root",
            kubeconfig=self.cluster.kubeconfig(self.folder),
        )
        return replace(wishes, **changes)  # type: ignore[arg-type] # named by the tests

    def bootstrap(self, **changes: object) -> list[Outcome]:
        with open_bootstrap(self.wishes(**changes)) as parts:
            return list(carry_out(parts))

    def plan(self) -> list[Outcome]:
        with open_bootstrap(self.wishes()) as parts:
            return list(plan(parts))

    def state(self) -> object:
        """Return everything that there is outside."""
        return self.gitea.state(), self.argocd.state(), self.cluster.state()

    def kept(self) -> Mapping[str, str]:
        """Return what stands in the file, by names without their prefix."""
        values = dotenv_values(self.file)
        return {name.removeprefix("THINKUBE_"): value or "" for name, value in values.items()}

    def secrets(self) -> list[str]:
        """Return every value that nobody may see."""
        kept = self.kept()
        return [*PASSWORDS.values(), *(kept[name] for name in SECRETS if name in kept)]

    def mode(self) -> int:
        return stat.S_IMODE(self.file.stat().st_mode)

    def doctor(self) -> list[Check]:
        """Look at the installation as the file describes it, but for this machine."""
        outside = ("gitea", "argocd", "cluster", "image")
        return [it for it in examine(load_settings()) if it.name.startswith(outside)]


@contextmanager
def outside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Outside]:
    """Serve all three, and start in an empty folder with their addresses in the environment."""
    with (
        administered_gitea() as gitea,
        administered_argocd() as argocd,
        administered_cluster() as cluster,
    ):
        cluster.install_argocd()
        cluster.groups["gateway.networking.k8s.io/v1"] = ["httproutes"]
        argocd.webhook_secret = cluster.webhook_secret
        argocd.policies = cluster.argocd_policies
        monkeypatch.chdir(folder)
        addresses = {
            "THINKUBE_GITEA_URL": gitea.url,
            "THINKUBE_ARGOCD_URL": argocd.url,
            "THINKUBE_KUBERNETES_URL": cluster.url,
            "THINKUBE_DATA_DIR": str(folder / "data"),
        }
        for name, value in addresses.items():
            monkeypatch.setenv(name, value)
        yield Outside(gitea, argocd, cluster, folder)


def effects(outcomes: Iterable[Outcome]) -> dict[str, Effect]:
    return {outcome.part: outcome.effect for outcome in outcomes}


def faults(outcomes: Iterable[Outcome]) -> str:
    """Return what is left to be done, in words."""
    good = {Effect.LEFT, Effect.MADE, Effect.CORRECTED}
    return "\n".join(
        f"{it.part}: {it.effect}: {it.message} {it.mend}"
        for it in outcomes
        if it.effect not in good
    )
