"""What the commands are given by `main`: ways to the platform and to the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from thinkube_catalog.cli.client import Client
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.operations.platform import Platform


class Serve(Protocol):
    """Run the service until it is told to stop."""

    def __call__(self, *, host: str | None, port: int | None) -> None: ...


@dataclass(frozen=True)
class Backend:
    """Built by `main` from the settings, each part only when a command asks for it.

    `platform` opens the ports without the service; `connect` returns a client of the service of
    `server` (empty: the configured or the local one, which is started if need be, and says
    so through the callback); `stop` ends the local service, False if none ran.
    """

    platform: Callable[[], Platform]
    connect: Callable[[str, Callable[[str], None]], Client]
    stop: Callable[[], bool]
    serve: Serve
    doctor: Callable[[], list[Check]]
