"""What would change in a repository, as commands show it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.syntax import Syntax

from thinkube_catalog.cli.output import Json, out

_MARKS = {"added": "[green]A[/green]", "changed": "[yellow]M[/yellow]", "removed": "[red]D[/red]"}


def print_differences(files: Iterable[Json], *, lines: bool) -> None:
    """Print each file that changes, and with `lines` how."""
    for each in files:
        out.print(f"{_MARKS[each['change']]} {escape(each['path'])}")
        if lines and each["diff"]:
            out.print(Syntax(each["diff"], "diff", background_color="default"))
