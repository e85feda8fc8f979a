"""The forge of an installation, chosen by its setting, and what goes with the choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.template_sources import GitTemplateSources
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.settings import Settings


def _local(settings: Settings) -> Forge:
    return LocalForge(settings.data_dir / "git")


def _gitea(settings: Settings) -> Forge:
    token = settings.gitea_token.get_secret_value()
    return GiteaForge(settings.data_dir / "gitea", settings.gitea_url, token)


FORGES: Mapping[str, Callable[[Settings], Forge]] = {"local": _local, "gitea": _gitea}


def open_forge(settings: Settings) -> Forge:
    """Return the forge that the setting names; it has not been asked anything yet."""
    return FORGES[settings.forge](settings)


def close_forge(forge: Forge) -> None:
    """Close what the forge holds open, where it does."""
    if isinstance(forge, GiteaForge):
        forge.close()


def template_sources(settings: Settings) -> GitTemplateSources:
    """Return the sources of templates, which may read private ones from our own forge."""
    return GitTemplateSources(settings.data_dir / "templates", tokens=_tokens(settings))


def _tokens(settings: Settings) -> Mapping[str, str]:
    if settings.forge != "gitea":
        return {}
    parts = urlsplit(settings.gitea_url)
    return {f"{parts.scheme}://{parts.netloc}": settings.gitea_token.get_secret_value()}
