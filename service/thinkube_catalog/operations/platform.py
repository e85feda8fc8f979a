"""The platform: the outside world that operations work on, as ports, and how things are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from thinkube_catalog.domain.bindings import Provider
from thinkube_catalog.domain.catalog import Catalogs, TemplateSources
from thinkube_catalog.domain.deployments import Deployments, Runs
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import GitOpsEngine
from thinkube_catalog.domain.merging import Merger
from thinkube_catalog.domain.rendering import Renderer
from thinkube_catalog.domain.secrets import Secrets


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Platform:
    """Every port, gathered by `wiring` (or by a test).

    `runs_objects` says that the engine runs what `k8s/` holds, and not `thinkube.yaml` itself.
    `secret_store` is what the engine fetches values of secrets from, in words; empty where it
    gets those that `secrets` keeps.
    """

    catalogs: Catalogs
    sources: TemplateSources
    renderer: Renderer
    forge: Forge
    engine: GitOpsEngine
    deployments: Deployments
    runs: Runs
    secrets: Secrets
    merger: Merger
    conventions: Conventions = field(default_factory=Conventions)
    runs_objects: bool = False
    providers: tuple[Provider, ...] = ()
    secret_store: str = ""
    deployments_owner: str = "thinkube-deployments"
    templates_owner: str = "thinkube-templates"
    now: Callable[[], datetime] = _now
