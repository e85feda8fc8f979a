"""`tkt serve`, `tkt stop`, `tkt doctor`: the service itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from thinkube_catalog.cli.options import AsJson, backend
from thinkube_catalog.cli.output import out, print_finding, print_json, reported
from thinkube_catalog.domain.checks import Check


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
) -> None:
    """Run the service: API, deployments and the embedded platform. Ctrl-C stops it."""
    with reported(as_document=False):
        backend(context).serve(host=host, port=port)


def stop(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Stop the service of this data folder. Deployed applications keep running."""
    with reported(as_document=as_json):
        stopped = backend(context).stop()
        if as_json:
            print_json({"stopped": stopped})
        else:
            out.print("Stopped; applications keep running." if stopped else "None was running.")


def doctor(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Check what the service needs, and say what to mend."""
    with reported(as_document=as_json):
        with out.status("looking"):
            checks = backend(context).doctor()
        if as_json:
            print_json({"items": checks})
        else:
            _show(checks)
        if not all(check.good for check in checks):
            raise typer.Exit(1)


def _show(checks: Sequence[Check]) -> None:
    width = max((len(check.name) for check in checks), default=0) if out.is_terminal else 0
    for check in checks:
        print_finding(_mark(check), check.name, width, check.message)
        if check.mend and (check.warning or not check.good):
            out.print(f"  → {escape(check.mend)}")


def _mark(check: Check) -> str:
    if not check.good:
        return "[red]✗[/red]"
    return "[yellow]![/yellow]" if check.warning else "[green]✓[/green]"
