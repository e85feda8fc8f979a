"""The GitOps engine of an installation, chosen by its setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.cluster import RegistryAccount
from thinkube_catalog.adapters.argocd.desired import Placement
from thinkube_catalog.adapters.argocd.engine import ArgoCdEngine
from thinkube_catalog.adapters.argocd.engine import Options as ArgoCdOptions
from thinkube_catalog.adapters.local_engine.engine import LocalEngine, Options
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import GitOpsEngine
from thinkube_catalog.domain.secrets import Secrets, SecretValue
from thinkube_catalog.settings import Settings
from thinkube_catalog.wiring.clusters import open_cluster
from thinkube_catalog.wiring.parts import conventions, sealing_keys


class Engine(GitOpsEngine, Protocol):
    """An engine that looks after things by itself between two calls."""

    def start(self) -> None:
        """Begin to follow applications."""
        ...

    def stop(self) -> None:
        """Stop following them; what runs goes on running."""
        ...


def _local(settings: Settings, forge: Forge, secrets: Secrets) -> Engine:
    options = Options(conventions=conventions(settings))
    return LocalEngine(settings.data_dir / "engine", forge, secrets, options)


def _argocd(settings: Settings, forge: Forge, secrets: Secrets) -> Engine:
    cluster = open_cluster(settings, sealing_keys(settings))
    names = conventions(settings)
    options = ArgoCdOptions(
        Placement(
            project=settings.argocd_project,
            cluster=settings.argocd_cluster,
            prefix=settings.namespace_prefix,
            repositories=settings.gitea_url,
        ),
        address=lambda name: f"https://{name}.{names.domain_name}",
        pages=f"{settings.argocd_url.rstrip('/')}/applications/{settings.argocd_namespace}",
        read_token=settings.gitea_read_token.get_secret_value(),
        puller=_puller(settings, names.container_registry),
        builds=forge.build,
    )
    client = ArgoCdClient(settings.argocd_url, settings.argocd_token.get_secret_value())
    return ArgoCdEngine(client, cluster, secrets, forge.head, options, cluster.close)


def _puller(settings: Settings, registry: str) -> RegistryAccount | None:
    token = settings.pull_token.get_secret_value()
    return RegistryAccount(registry, settings.pull_user, SecretValue(token)) if token else None


ENGINES: Mapping[str, Callable[[Settings, Forge, Secrets], Engine]] = {
    "local": _local,
    "argocd": _argocd,
}


def open_engine(settings: Settings, forge: Forge, secrets: Secrets) -> Engine:
    """Return the engine that the setting names; it follows nothing until it is started."""
    return ENGINES[settings.engine](settings, forge, secrets)
