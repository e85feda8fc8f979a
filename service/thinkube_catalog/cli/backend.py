"""What the commands are given by `main`: ways to the platform and to the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from thinkube_catalog.cli.output import Json

if TYPE_CHECKING:  # commands import what they need when they run: `tkt --help` needs none of it
    from pathlib import Path

    from thinkube_catalog.cli.client import Client
    from thinkube_catalog.domain.bootstrap import Part, Wishes
    from thinkube_catalog.domain.checks import Check
    from thinkube_catalog.domain.questions import Form
    from thinkube_catalog.operations.browse import Page, TemplateDetails
    from thinkube_catalog.operations.platform import Platform


class Serve(Protocol):
    """Run the service until it is told to stop."""

    def __call__(self, *, host: str | None, port: int | None) -> None: ...


class Documents(Protocol):
    """The API's JSON documents, so that `--json` says the same with and without a service."""

    def templates(self, page: Page) -> Json: ...

    def template(self, details: TemplateDetails) -> Json: ...

    def form(self, form: Form) -> Json: ...


@dataclass(frozen=True)
class Backend:
    """Built by `main` from the settings, each part only when a command asks for it.

    `platform` opens the ports without the service; `connect` returns a client of the service of
    `server` (empty: the configured or the local one, which is started if need be, and says
    so through the callback); `running` a client of the one that runs now, if any; `stop` ends the
    local service, False if none ran; `bootstrap` gives the parts to be looked at and made,
    `hand_over` writes them into a folder.
    """

    platform: Callable[[], Platform]
    connect: Callable[[str, Callable[[str], None]], Client]
    running: Callable[[], Client | None]
    stop: Callable[[], bool]
    serve: Serve
    doctor: Callable[[], list[Check]]
    bootstrap: Callable[[Wishes], AbstractContextManager[Sequence[Part]]]
    hand_over: Callable[[Wishes, Path], Sequence[Path]]
    documents: Callable[[], Documents]
