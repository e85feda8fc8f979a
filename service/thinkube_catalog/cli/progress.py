"""A deployment's events as a person follows them: one line per step, with its duration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

Event = Mapping[str, Any]

_LINES = {
    "step succeeded": "[green]✓[/green] {step:<10} {message} [dim]{seconds}[/dim]",
    "step failed": "[red]✗[/red] {step:<10} {message} [dim]{seconds}[/dim]",
    "step resumed": "[yellow]↻[/yellow] {step:<10} the service had stopped here; going on",
    "run failed": "[bold red]Failed.[/bold red]",
    "run cancelled": "[yellow]Cancelled.[/yellow]",
}
ENDS = ("run succeeded", "run failed", "run cancelled")


def follow_run(events: Iterable[Event], run_id: str, console: Console) -> str:
    """Print each step of one run as it happens; return the kind of the event that ended it."""
    with console.status("waiting for the run to start") as status:
        for event in events:
            if event["run"] != run_id:
                continue
            _show(event, console, status)
            if event["kind"] in ENDS:
                return str(event["kind"])
    return ""


def _show(event: Event, console: Console, status: Status) -> None:
    kind = event["kind"]
    if kind in {"step started", "step progress"}:
        _show_current(event, console, status)
    elif kind in _LINES:
        seconds = "" if event["seconds"] is None else f"{event['seconds']:.2f} s"
        line = _LINES[kind].format(
            step=escape(event["step"]), message=escape(event["message"]), seconds=seconds
        )
        console.print(line.rstrip())


def _show_current(event: Event, console: Console, status: Status) -> None:
    text = f"{event['step']}: {event['message']}" if event["message"] else event["step"]
    if console.is_terminal:
        status.update(escape(text))
    elif event["kind"] == "step progress":
        console.print(f"  {event['step']:<10} {escape(event['message'])}")
