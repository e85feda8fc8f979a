"""Document: what a YAML or JSON text says, and on which line it says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, TypeVar

from thinkube_catalog.domain.errors import InvalidError, Problem

Path = tuple[str | int, ...]
"""Keys and list positions (from 0) from the root to a value."""

DEEPEST = 50
"""Nesting that no file of a person reaches, and that every recursive reader survives."""

T_co = TypeVar("T_co", covariant=True)

_PLAIN_KEY = re.compile(r"[\w-]+")
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SHOWN = 60


@dataclass(frozen=True)
class Parsed(Generic[T_co]):
    """What a file says, and what in it deserves a look but is no error."""

    value: T_co
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Positions:
    """Lines (from 1) by path; scalars as written; where an alias took its value from."""

    lines: Mapping[Path, int] = field(default_factory=dict)
    written: Mapping[Path, str] = field(default_factory=dict)
    aliases: Mapping[Path, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A mapping read from a file.

    Values are JSON-like: text, numbers, booleans, None, lists and mappings with text keys. Dates
    stay text. Values may be shared (YAML aliases), so nobody may change them.
    """

    value: Mapping[str, object]
    file: str
    locate: Callable[[], Positions] = Positions

    @cached_property
    def _positions(self) -> Positions:
        return self.locate()

    def line_of(self, path: Path) -> int | None:
        """Return the line of the key or item at `path`, or of the nearest thing around it."""
        lines = self._positions.lines
        for length in range(len(path), -1, -1):
            line = lines.get(path[:length])
            if line is not None:
                return line
        return None

    def written(self, path: Path) -> str | None:
        """Return the scalar at `path` as it stands in the file; None for quoted text.

        A version such as 1.10 is a number to YAML; this gives back what the author typed.
        """
        positions = self._positions
        if path in positions.written:
            return positions.written[path]
        for length in range(len(path), 0, -1):
            original = positions.aliases.get(path[:length])
            if original is not None:
                return self.written(original + path[length:])
        return None

    def problem(self, path: Path, message: str, mend: str = "") -> Problem:
        return Problem(message, self.file, self.line_of(path), dotted(path), mend)


class FileInvalidError(InvalidError):
    """A file that breaks its rules. Each kind of file has a leaf of its own."""

    said = "breaks its rules"

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        super().__init__(f"{file or 'the text'} {self.said}", problems)
        self.file = file


class DocumentInvalidError(FileInvalidError):
    """A text that cannot be read as the document it should be."""

    said = "cannot be read"


def dotted(path: Path) -> str:
    """Write a path as people do: `spec.containers[0].port`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{shown(step)}]"
    return text


def shown(value: object) -> str:
    """Show a value of unknown origin in a sentence: quoted, on one line, not endless."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…")
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def unusable_character(text: str) -> str:
    """Name the first character that no file, terminal or environment takes; empty if none."""
    found = _UNUSABLE.search(text)
    return f"U+{ord(found.group()):04X}" if found else ""


def size_problem(text: str, file: str, longest: int) -> Problem | None:
    if len(text) <= longest:
        return None
    return Problem(
        f"the text is {len(text):,} characters long; at most {longest:,} are read",
        file=file,
        mend="keep prose and generated content in other files",
    )
