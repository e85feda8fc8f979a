"""How commands speak: tables and colours for people, JSON for programs, errors for both."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from thinkube_catalog.domain.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)

Json = dict[str, Any]
"""A JSON object, as the API sends it."""

NOT_ANSWERED = 5

EXIT_CODES: tuple[tuple[type[CatalogError], int], ...] = (
    (InvalidError, 2),
    (NotFoundError, 3),
    (ConflictError, 4),
    (UnavailableError, NOT_ANSWERED),
    (DeniedError, 6),
    (CatalogError, 1),
)
"""The one table from kinds of errors to exit codes; 1 is also a deployment that failed."""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """Tell a person something beside the result, on standard error."""
    err.print(f"[dim]{escape(message)}[/dim]")


def as_json(value: object) -> object:
    """Return a value of the domain as plain JSON values, by its fields' names."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Iterable):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else str(value)


def print_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(as_json(value), indent=2, ensure_ascii=False) + "\n")


def print_json_line(value: object) -> None:
    """Print one line of a stream of JSON documents."""
    sys.stdout.write(json.dumps(as_json(value), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print rows under headings, or a sentence when there are none."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        out.print(escape(empty))
    elif out.is_terminal:
        table = Table(*columns, box=None, pad_edge=False, header_style="bold")
        for row in cells:
            table.add_row(*map(escape, row))
        out.print(table)
    else:
        # Into a pipe each row is one line, however long.
        for line in _aligned([columns, *cells]):
            sys.stdout.write(line + "\n")


def print_finding(mark: str, name: str, width: int, text: str, *, indent: int = 0) -> None:
    """Print a mark, a name and what there is to say of it; at a terminal aligned and folded.

    Into a pipe it is one line; `mark` is markup, `name` and `text` are not.
    """
    if not out.is_terminal:
        out.print(f"{' ' * indent}{mark} {escape(name.ljust(width))} {escape(text)}".rstrip())
        return
    line = Table.grid(padding=(0, 1))
    for column in (indent + 1, width, max(out.width - indent - width - 3, 20)):
        line.add_column(width=column, overflow="fold")
    line.add_row(" " * indent + mark, escape(name), escape(text))
    out.print(line)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [[" ".join(cell.split("\n")) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()


@contextmanager
def reported(*, as_document: bool) -> Iterator[None]:
    """Turn the domain's errors into a message (or a JSON document) and an exit code."""
    try:
        yield
    except CatalogError as error:
        _report(error, as_document=as_document)
        raise typer.Exit(exit_code(error)) from error
    except KeyboardInterrupt:
        note("stopped watching; nothing that runs was stopped")
        raise typer.Exit(130) from None


def exit_code(error: CatalogError) -> int:
    """Return the exit code for a kind of error."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def _report(error: CatalogError, *, as_document: bool) -> None:
    subject = getattr(error, "subject", None) or str(error)
    if as_document:
        # As the API's problem documents name it.
        errors = [asdict(problem) for problem in error.problems]
        print_json({"detail": subject, "errors": errors})
        return
    err.print(f"[bold red]Error:[/bold red] {escape(subject)}")
    for problem in error.problems:
        err.print(f"  [red]•[/red] {escape(str(problem))}")


def readable_path(path: str | Path) -> str:
    """Return a path as a person would type it."""
    text, home = str(path), str(Path.home())
    return f"~{text[len(home) :]}" if text.startswith(f"{home}/") else text
