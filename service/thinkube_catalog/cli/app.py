"""The command `tkt`, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import typer

from thinkube_catalog.cli import (
    bootstrap,
    catalog,
    change,
    deploy,
    observe,
    secrets,
    service,
    upgrade,
)
from thinkube_catalog.cli.backend import Backend

DEPLOYMENTS = "Deployments"

PANELS: Mapping[str, Sequence[Callable[..., None]]] = {
    "The catalog": (catalog.list_, catalog.show, catalog.render),
    DEPLOYMENTS: (
        deploy.deploy,
        *(observe.ps, observe.status, observe.logs, observe.open_, observe.history),
        *(
            change.retry,
            change.renew,
            upgrade.upgrade,
            change.rollback,
            change.remake,
            change.cancel,
            change.remove,
        ),
    ),
    "The service": (service.serve, service.stop, service.doctor, bootstrap.bootstrap),
}
"""Every command, as `tkt --help` groups them."""


def create_cli(backend: Backend) -> typer.Typer:
    """Return the command line on a backend."""
    app = typer.Typer(
        name="tkt",
        help="Pick a template for an AI application, see what it makes, deploy it, live with it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "obj": backend},
    )
    for panel, commands in PANELS.items():
        for command in commands:
            app.command(_name(command), rich_help_panel=panel)(command)
    app.add_typer(_secrets(), name="secret", rich_help_panel=DEPLOYMENTS)
    return app


def _secrets() -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help="Secrets that applications need.")
    commands: Sequence[Callable[..., None]] = (secrets.list_, secrets.set_, secrets.remove)
    for command in commands:
        group.command(_name(command))(command)
    return group


def _name(command: Callable[..., None]) -> str:
    return command.__name__.removesuffix("_")
