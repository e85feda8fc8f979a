"""The platform of commands that need no service: the catalog is real, records there are none."""

from __future__ import annotations

from thinkube_catalog.adapters.copier import CopierRenderer
from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.adapters.memory.deployments import MemoryDeployments
from thinkube_catalog.adapters.memory.engine import MemoryEngine
from thinkube_catalog.adapters.memory.runs import MemoryRuns
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.settings import Settings
from thinkube_catalog.wiring.forges import open_forge, template_sources
from thinkube_catalog.wiring.parts import conventions, file_catalogs, providers, with_publishing


def open_platform(settings: Settings) -> Platform:
    """Return it; nothing runs yet, the renderer starts with the first need of it."""
    forge = open_forge(settings)
    sources = template_sources(settings)
    secrets = MemorySecrets()
    platform = Platform(
        catalogs=file_catalogs(settings, sources),
        sources=sources,
        renderer=CopierRenderer(sources),
        forge=forge,
        engine=MemoryEngine(forge, secrets),
        deployments=MemoryDeployments(),
        runs=MemoryRuns(),
        secrets=secrets,
        merger=GitMerger(),
        conventions=conventions(settings),
        providers=providers(settings),
        deployments_owner=settings.gitea_org,
        templates_owner=settings.templates_org,
    )
    return with_publishing(platform, settings)
