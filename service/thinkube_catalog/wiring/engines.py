"""The GitOps engine of an installation, chosen by its setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from thinkube_catalog.adapters.local_engine.engine import LocalEngine, Options
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import GitOpsEngine
from thinkube_catalog.domain.secrets import Secrets
from thinkube_catalog.settings import Settings
from thinkube_catalog.wiring.parts import conventions


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


ENGINES: Mapping[str, Callable[[Settings, Forge, Secrets], Engine]] = {"local": _local}


def open_engine(settings: Settings, forge: Forge, secrets: Secrets) -> Engine:
    """Return the engine that the setting names; it follows nothing until it is started."""
    return ENGINES[settings.engine](settings, forge, secrets)
