"""Bootstrap on real servers: from nothing to a doctor that has nothing to mend."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from dotenv import dotenv_values

from tests.administered.installation import effects, faults
from tests.argocd_rights import take_back
from thinkube_catalog.adapters.kubernetes.administration import ClusterAdministration
from thinkube_catalog.domain.bootstrap import Effect, Outcome, Wishes
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations.bootstrap import carry_out, plan
from thinkube_catalog.settings import load_settings
from thinkube_catalog.wiring.bootstrap import open_bootstrap
from thinkube_catalog.wiring.doctor import examine

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(600)]


def given(name: str) -> str:
    return os.environ[f"THINKUBE_TEST_{name}"]


@dataclass
class Live:
    """An installation with names of its own on servers that others use too."""

    name: str
    folder: Path
    root: httpx.Client
    kubeconfig: Path | None = None

    @property
    def wishes(self) -> Wishes:
        passwords = {
            f"Password of Gitea's {given('GITEA_ADMIN')}": "GITEA_PASSWORD",
            "Password of Argo CD's admin": "ARGOCD_ADMIN_PASSWORD",
        }
        return Wishes(
            settings=self.folder / ".env",
            ask=lambda title, _file: SecretValue(given(passwords[title])),
            gitea_admin=given("GITEA_ADMIN"),
            kubeconfig=self.kubeconfig,
            account=f"{self.name}-catalog",
            reader=f"{self.name}-reader",
        )

    def bootstrap(self) -> list[Outcome]:
        with open_bootstrap(self.wishes) as parts:
            return list(carry_out(parts))

    def plan(self) -> list[Outcome]:
        with open_bootstrap(self.wishes) as parts:
            return list(plan(parts))

    def kept(self) -> Mapping[str, str]:
        values = dotenv_values(self.folder / ".env").items()
        return {name.removeprefix("THINKUBE_"): value or "" for name, value in values}

    def doctor(self) -> list[Check]:
        systems = ("gitea", "argocd", "cluster", "image")
        return [it for it in examine(load_settings()) if it.name.startswith(systems)]

    def made(self) -> list[str]:
        """Name what is in the organisation and in the project of ours."""
        kept = self.kept()
        argocd = {"Authorization": f"Bearer {kept['ARGOCD_TOKEN']}"}
        url = f"{kept['ARGOCD_URL']}/api/v1/applications"
        there = httpx.get(url, params={"projects": self.name}, headers=argocd, timeout=60).json()
        repositories = self.root.get(f"orgs/{kept['GITEA_ORG']}/repos").json()
        return [
            *(str(each["name"]) for each in repositories),
            *(str(each["metadata"]["name"]) for each in there.get("items") or ()),
        ]

    def remove_from_gitea(self) -> None:
        organisation = f"{self.name}-deployments"
        self.root.delete(f"repos/{organisation}/chat")
        for name in (organisation, f"{self.name}-templates"):
            self.root.delete(f"orgs/{name}")
        for account in ("catalog", "reader", "builder", "puller"):
            self.root.delete(f"admin/users/{self.name}-{account}", params={"purge": True})


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    name = f"boot-{uuid4().hex[:6]}"
    settings = {
        "GITEA_URL": given("GITEA_URL"),
        "GITEA_ORG": f"{name}-deployments",
        "TEMPLATES_ORG": f"{name}-templates",
        "BUILD_USER": f"{name}-builder",
        "PULL_USER": f"{name}-puller",
        "DATA_DIR": str(tmp_path / "data"),
    }
    tests = {each for each in os.environ if each.startswith("THINKUBE_TEST_")}
    known = {each: os.environ[each] for each in tests}
    for each, value in settings.items():
        monkeypatch.setenv(f"THINKUBE_{each}", value)
    monkeypatch.chdir(tmp_path)
    # They are no settings, and the program refuses names that it does not know.
    monkeypatch.setattr(f"{__name__}.given", lambda asked: known[f"THINKUBE_TEST_{asked}"])
    for each in tests:
        monkeypatch.delenv(each)
    account = (known["THINKUBE_TEST_GITEA_ADMIN"], known["THINKUBE_TEST_GITEA_PASSWORD"])
    with httpx.Client(
        base_url=f"{settings['GITEA_URL']}/api/v1/", auth=account, timeout=60
    ) as root:
        made = Live(name, tmp_path, root)
        yield made
        made.remove_from_gitea()


def told(checks: list[Check]) -> str:
    return "\n".join(
        f"{it.name}: {it.message} -> {it.mend}" for it in checks if it.warning or not it.good
    )


def heads(url: str, token: str) -> subprocess.CompletedProcess[str]:
    """Ask a repository for its branches, as Argo CD does."""
    secret = base64.b64encode(f"anything:{token}".encode()).decode()
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {secret}",
        "GIT_TERMINAL_PROMPT": "0",
    }
    command = ["git", "ls-remote", "--heads", url]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_real_gitea_is_set_up_from_nothing(live: Live) -> None:
    assert {it.effect for it in live.plan()[1:-1]} == {Effect.WANTED}
    assert faults(live.bootstrap()) == ""
    assert set(effects(live.bootstrap()).values()) == {Effect.LEFT}
    assert told(live.doctor()) == ""
    kept = live.kept()
    account = {"Authorization": f"token {kept['GITEA_TOKEN']}"}
    made = httpx.post(
        f"{kept['GITEA_URL']}/api/v1/orgs/{kept['GITEA_ORG']}/repos",
        json={"name": "chat", "private": True, "auto_init": True, "default_branch": "main"},
        headers=account,
        timeout=60,
    )
    assert made.status_code == httpx.codes.CREATED, made.text
    assert told(live.doctor()) == ""
    (live.folder / ".env").unlink()  # every value is lost
    replaced = {it.part for it in live.bootstrap() if it.effect is Effect.CORRECTED}
    assert f"token thinkube-catalog of {live.name}-catalog" in replaced
    assert live.kept()["GITEA_TOKEN"] != kept["GITEA_TOKEN"]
    assert told(live.doctor()) == ""


@pytest.fixture
def whole(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """The same with an Argo CD and a cluster."""
    settings = {
        "ARGOCD_URL": given("ARGOCD_URL"),
        "ARGOCD_PROJECT": live.name,
        "KUBERNETES_URL": given("KUBERNETES_URL"),
        "KUBERNETES_CA": given("KUBERNETES_CA"),
        "ROUTING": "ingress",
    }
    for each, value in settings.items():
        monkeypatch.setenv(f"THINKUBE_{each}", value)
    live.kubeconfig = Path(given("KUBECONFIG"))
    yield live
    login = {"username": "admin", "password": given("ARGOCD_ADMIN_PASSWORD")}
    with httpx.Client(base_url=f"{given('ARGOCD_URL')}/api/v1/", timeout=60) as argocd:
        token = argocd.post("session", json=login).json()["token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        argocd.delete(f"projects/{live.name}", headers=headers)
        url = f"{given('GITEA_URL')}/{live.name}-deployments/"
        argocd.delete(f"repocreds/{quote(url, safe='')}", headers=headers)
    take_back(Path(given("KUBECONFIG")), live.name)


def test_a_whole_installation_is_set_up_from_nothing(whole: Live) -> None:
    assert faults(whole.bootstrap()) == ""
    assert set(effects(whole.bootstrap()).values()) == {Effect.LEFT}
    checks = whole.doctor()
    assert told(checks) == ""
    messages = {it.name: it.message for it in checks}
    assert (
        "Argo CD reaches https://kubernetes.default.svc (in-cluster), version v1."
        in (messages["argocd cluster"])
    )
    assert "a test delivery" in messages["gitea to argocd"]
    assert whole.made() == []
    kept = whole.kept()
    made = httpx.post(
        f"{kept['GITEA_URL']}/api/v1/orgs/{kept['GITEA_ORG']}/repos",
        json={"name": "chat", "private": True, "auto_init": True, "default_branch": "main"},
        headers={"Authorization": f"token {kept['GITEA_TOKEN']}"},
        timeout=60,
    )
    assert made.status_code == httpx.codes.CREATED, made.text
    url = f"{kept['GITEA_URL']}/{kept['GITEA_ORG']}/chat.git"
    assert "refs/heads/main" in heads(url, kept["GITEA_READ_TOKEN"]).stdout
    left = [it for it in whole.doctor() if it.warning or not it.good]
    # Made by hand: nobody has connected it.
    assert ["chat will not tell" in it.message for it in left] == [True], told(left)
    assert kept["ARGOCD_WEBHOOK_SECRET"] == given("ARGOCD_WEBHOOK_SECRET")  # taken over


def test_a_cluster_is_told_by_its_name_as_well(
    whole: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_ARGOCD_CLUSTER", "in-cluster")
    assert faults(whole.bootstrap()) == ""
    assert told(whole.doctor()) == ""
    monkeypatch.setenv("THINKUBE_ARGOCD_CLUSTER", "nowhere")
    unknown = {it.name: it for it in whole.doctor()}["argocd cluster"]
    assert (unknown.good, "no clusters with this name: nowhere" in unknown.message) == (False, True)


def test_without_the_right_a_cluster_is_known_and_no_more(whole: Live) -> None:
    whole.bootstrap()
    assert whole.kubeconfig is not None
    take_back(whole.kubeconfig, whole.name)
    check = {it.name: it for it in whole.doctor()}["argocd cluster"]
    assert (check.good, "this token may not see" in check.message) == (True, True)


def test_argo_cd_holds_the_role_to_its_project(whole: Live) -> None:
    """Deploy with the token, where it may, and where it may not."""
    whole.bootstrap()
    kept = whole.kept()
    prefix = "tkt-"
    headers = {
        "Authorization": f"Bearer {kept['ARGOCD_TOKEN']}",
        "Content-Type": "application/json",
    }

    def create(namespace: str, repository: str) -> int:
        body = {
            "metadata": {"name": f"{whole.name}-app"},
            "spec": {
                "project": whole.name,
                "source": {"repoURL": repository, "targetRevision": "main", "path": "k8s"},
                "destination": {
                    "server": "https://kubernetes.default.svc",
                    "namespace": namespace,
                },
            },
        }
        address = f"{kept['ARGOCD_URL']}/api/v1/applications?upsert=true&validate=false"
        return httpx.post(address, json=body, headers=headers, timeout=60).status_code

    ours = f"{kept['GITEA_URL']}/{kept['GITEA_ORG']}/chat.git"
    assert create("argocd", ours) == httpx.codes.BAD_REQUEST
    assert create("kube-system", ours) == httpx.codes.BAD_REQUEST
    assert create(f"{prefix}a", "https://git.example.org/a/b.git") == httpx.codes.BAD_REQUEST
    assert create(f"{prefix}a", ours) == httpx.codes.OK
    address = f"{kept['ARGOCD_URL']}/api/v1/applications/{whole.name}-app"
    gone = httpx.delete(
        address, params={"project": whole.name, "cascade": False}, headers=headers, timeout=60
    )
    assert gone.status_code == httpx.codes.OK


def test_a_token_of_the_service_account_has_its_rights_and_no_others(whole: Live) -> None:
    whole.bootstrap()
    kept = whole.kept()
    verify = ssl.create_default_context(cafile=kept["KUBERNETES_CA"])
    headers = {"Authorization": f"Bearer {kept['KUBERNETES_TOKEN']}"}
    with httpx.Client(base_url=kept["KUBERNETES_URL"], headers=headers, verify=verify) as cluster:
        secrets = cluster.get("/api/v1/namespaces/argocd/secrets")
        assert secrets.status_code == httpx.codes.FORBIDDEN
        assert cluster.get("/api/v1/namespaces/argocd").status_code == httpx.codes.OK
    assert whole.kubeconfig is not None
    administration = ClusterAdministration(whole.kubeconfig, 20)
    assert administration.review(kept["KUBERNETES_TOKEN"]).endswith(":thinkube-catalog")
    administration.close()
