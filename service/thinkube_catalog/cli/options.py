"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thinkube_catalog.cli.backend import Backend
from thinkube_catalog.cli.output import note
from thinkube_catalog.domain.errors import CatalogError

if TYPE_CHECKING:  # its HTTP client is heavy, and `tkt --help` calls nobody
    from thinkube_catalog.cli.client import Client


def template_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the templates whose names begin so, for the shell to complete."""
    try:
        entries = backend(context).platform().catalogs.load().entries
    except CatalogError:
        return []
    return [each.name for each in entries if each.listed and each.name.startswith(incomplete)]


def deployment_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the deployments whose names begin so; starts no service to find out."""
    try:
        client = backend(context).running()
        items = client.call("GET", "/deployments", limit=200, timeout=2)["items"] if client else []
    except CatalogError:
        return []
    return [str(each["name"]) for each in items if str(each["name"]).startswith(incomplete)]


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
Project = Annotated[
    str,
    typer.Argument(
        metavar="PROJECT", help="The deployment's name.", autocompletion=deployment_names
    ),
]


def backend(context: typer.Context) -> Backend:
    """Return what `main` gave to the commands."""
    return context.find_object(Backend) or _missing()


def connect(context: typer.Context, server: str) -> Client:
    """Return a client of the service, which is started if it is the local one and not running."""
    return backend(context).connect(server, note)


def _missing() -> Backend:
    message = "the command line was started without a backend"
    raise RuntimeError(message)
