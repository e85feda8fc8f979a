"""The command `tkt`, put together."""

from __future__ import annotations

import typer

from thinkube_catalog.cli import catalog, change, deploy, observe, secrets, service
from thinkube_catalog.cli.backend import Backend

CATALOG, DEPLOYMENTS, SERVICE = "The catalog", "Deployments", "The service"


def create_cli(backend: Backend) -> typer.Typer:
    """Return the command line on a backend."""
    app = typer.Typer(
        name="tkt",
        help="Pick a template for an AI application, see what it makes, deploy it, live with it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "obj": backend},
    )
    for command in (catalog.list_, catalog.show, catalog.render):
        app.command(_name(command.__name__), rich_help_panel=CATALOG)(command)
    app.command(rich_help_panel=DEPLOYMENTS)(deploy.deploy)
    for command in (observe.ps, observe.status, observe.logs, observe.open_, observe.history):
        app.command(_name(command.__name__), rich_help_panel=DEPLOYMENTS)(command)
    for command in (change.retry, change.rollback, change.cancel, change.remove):
        app.command(rich_help_panel=DEPLOYMENTS)(command)
    app.add_typer(_secrets(), name="secret", rich_help_panel=DEPLOYMENTS)
    for command in (service.serve, service.stop, service.doctor):
        app.command(rich_help_panel=SERVICE)(command)
    return app


def _secrets() -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help="Secrets that applications need.")
    for command in (secrets.list_, secrets.set_, secrets.remove):
        group.command(_name(command.__name__))(command)
    return group


def _name(function: str) -> str:
    return function.removesuffix("_")
