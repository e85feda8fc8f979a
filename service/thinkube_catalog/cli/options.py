"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thinkube_catalog.cli.backend import Backend
from thinkube_catalog.cli.client import Client
from thinkube_catalog.cli.output import note

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Server = Annotated[
    str,
    typer.Option(
        "--server",
        envvar="THINKUBE_SERVER",
        show_envvar=True,
        help="The service to talk to; else the one of this machine, started if need be.",
    ),
]
Answer = Annotated[
    list[str] | None,
    typer.Option("--data", "-d", metavar="NAME=VALUE", help="An answer; may be repeated."),
]
AnswersFile = Annotated[
    Path | None,
    typer.Option(
        "--data-file",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="A YAML file with answers.",
    ),
]
Ref = Annotated[
    str,
    typer.Option("--ref", "-r", help="Tag, branch or commit; else the newest release."),
]
Defaults = Annotated[
    bool,
    typer.Option("--defaults", "-l", help="Take defaults instead of asking."),
]
Project = Annotated[str, typer.Argument(metavar="PROJECT", help="The deployment's name.")]


def backend(context: typer.Context) -> Backend:
    """Return what `main` gave to the commands."""
    return context.find_object(Backend) or _missing()


def connect(context: typer.Context, server: str) -> Client:
    """Return a client of the service, which is started if it is the local one and not running."""
    return backend(context).connect(server, note)


def _missing() -> Backend:
    message = "the command line was started without a backend"
    raise RuntimeError(message)
