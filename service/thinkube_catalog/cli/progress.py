"""A deployment's events as a person follows them: one line per step, with its duration."""

from __future__ import annotations

import re
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
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")
ENDS = ("run succeeded", "run failed", "run cancelled")


def follow_run(events: Iterable[Event], run: Event, console: Console) -> str:
    """Print each step of a run's attempt as it happens; return the kind of event that ended it."""
    with console.status("waiting for the run to start") as status:
        progress = _Progress(console, status)
        for event in events:
            if not belongs(event, run):
                continue
            progress.show(event)
            if event["kind"] in ENDS:
                return str(event["kind"])
    return ""


def belongs(event: Event, run: Event) -> bool:
    """Say whether an event is of this attempt of the run: earlier ones have had their end."""
    return (event["run"], event["attempt"]) == (run["id"], run["attempt"])


class _Progress:
    """One changing line at a terminal; elsewhere a line for each state that is a new one."""

    def __init__(self, console: Console, status: Status) -> None:
        self.console = console
        self.status = status
        self._said: set[tuple[str, str]] = set()

    def show(self, event: Event) -> None:
        kind = event["kind"]
        if kind in {"step started", "step progress"}:
            self._show_current(event)
        elif kind in _LINES:
            seconds = "" if event["seconds"] is None else f"{event['seconds']:.2f} s"
            line = _LINES[kind].format(
                step=escape(event["step"]), message=escape(event["message"]), seconds=seconds
            )
            self.console.print(line.rstrip())

    def _show_current(self, event: Event) -> None:
        text = f"{event['step']}: {event['message']}" if event["message"] else event["step"]
        if self.console.is_terminal:
            self.status.update(escape(text))
        elif event["kind"] == "step progress" and self._is_new(event):
            self.console.print(f"  {event['step']:<10} {escape(event['message'])}")

    def _is_new(self, event: Event) -> bool:
        # What differs only in its numbers (seconds, percent, attempts) is the same state.
        state = (event["step"], _NUMBERS.sub("#", event["message"]))
        new = state not in self._said
        self._said.add(state)
        return new
