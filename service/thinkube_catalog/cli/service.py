"""`tkt serve`, `tkt stop`, `tkt doctor`: the service itself."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from thinkube_catalog.cli.options import AsJson, backend
from thinkube_catalog.cli.output import out, print_json, reported


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
        checks = backend(context).doctor()
        if as_json:
            print_json({"items": checks})
        for check in [] if as_json else checks:
            mark = "[green]✓[/green]" if check.good else "[red]✗[/red]"
            out.print(f"{mark} [bold]{escape(check.name)}[/bold] {escape(check.message)}")
            if not check.good and check.mend:
                out.print(f"  → {escape(check.mend)}")
        if not all(check.good for check in checks):
            raise typer.Exit(1)
