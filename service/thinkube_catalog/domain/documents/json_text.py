"""Reading JSON text: as fast as `json` when all is well, with lines when something is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from thinkube_catalog.domain.documents.document import (
    DEEPEST,
    Document,
    DocumentInvalidError,
    Path,
    Positions,
    shown,
    size_problem,
    unusable_character,
)
from thinkube_catalog.domain.errors import Problem

LONGEST_JSON = 32 * 1024 * 1024

_PIECE = re.compile(r'\n|"(?:[^"\\\n]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def read_json(text: str, file: str = "", longest: int = LONGEST_JSON) -> Document:
    """Read a JSON object. Raises DocumentInvalidError with every problem found."""
    text = text.removeprefix("\ufeff")
    too_long = size_problem(text, file, longest)
    if too_long:
        raise DocumentInvalidError(file, [too_long])
    loaded = _Loaded(text, file)
    value = loaded.load()
    if not isinstance(value, dict):
        message = f"the file must hold an object, not {shown(value)}"
        raise DocumentInvalidError(file, [Problem(message, file, 1, mend='start with "{"')])
    if _deep(value):
        message = f"values are nested more than {DEEPEST} deep"
        raise DocumentInvalidError(file, [Problem(message, file)])
    problems = [*loaded.duplicates(), *_unusable(text, file)]
    if problems:
        raise DocumentInvalidError(file, problems)
    return Document(value, file, lambda: _index(text).positions())


@dataclass
class _Loaded:
    text: str
    file: str
    doubled: bool = False

    def load(self) -> object:
        try:
            return json.loads(
                self.text,
                object_pairs_hook=self._mapping,
                parse_constant=_refuse_constant,
            )
        except json.JSONDecodeError as error:
            raise self._error(f"this is not JSON: {error.msg}", error.lineno) from error
        except RecursionError as error:
            message = f"values are nested more than {DEEPEST} deep"
            raise self._error(message, None) from error
        except _NoNumberError as error:
            raise self._error(f"{error} is no number in JSON", None) from error
        except ValueError as error:
            raise self._error("a number has thousands of digits", None) from error

    def duplicates(self) -> Iterator[Problem]:
        if self.doubled:
            yield from _index(self.text).duplicate_problems(self.file)

    def _mapping(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        mapping = dict(pairs)
        if len(mapping) != len(pairs):
            self.doubled = True
        return mapping

    def _error(self, message: str, line: int | None) -> DocumentInvalidError:
        mend = "check the commas, quotes and brackets there" if line else ""
        return DocumentInvalidError(self.file, [Problem(message, self.file, line, mend=mend)])


class _NoNumberError(Exception):
    """NaN or an infinity, which Python would accept."""


def _refuse_constant(name: str) -> NoReturn:
    raise _NoNumberError(name)


def _deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)  # type: ignore[attr-defined] # only containers are kept
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _unusable(text: str, file: str) -> Iterator[Problem]:
    # Raw control characters are refused by `json` itself: only escapes can bring them in.
    if "\\u" not in text and "\\b" not in text and "\\f" not in text:
        return
    for line, line_text in enumerate(text.split("\n"), 1):
        for piece in _PIECE.findall(line_text):
            found = unusable_character(json.loads(piece)) if piece.startswith('"') else ""
            if found:
                yield Problem(f"a text holds the control character {found}", file, line)


@dataclass
class _Index:
    """Where everything is in a JSON text that `json` has accepted."""

    lines: dict[Path, int] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    doubled: list[tuple[Path, int]] = field(default_factory=list)
    line: int = 1
    here: list[str | int] = field(default_factory=list)  # one step per open container
    wants_key: bool = False

    def positions(self) -> Positions:
        return Positions(self.lines, self.written)

    def duplicate_problems(self, file: str) -> Iterator[Problem]:
        for path, line in self.doubled:
            message = f"the key {shown(path[-1])} occurs twice in one object"
            yield Problem(message, file, line, mend="keep one of them")

    def take(self, piece: str) -> None:
        match piece[0]:
            case "\n":
                self.line += 1
            case "{" | "[":
                self._open(in_list=piece == "[")
            case "}" | "]":
                self.here.pop()
                self.wants_key = False
            case ",":
                self._next()
            case ":":
                self.wants_key = False
            case _ if self.wants_key:
                self._key(json.loads(piece))
            case _:
                self._scalar(piece)

    def _open(self, *, in_list: bool) -> None:
        self.lines.setdefault(tuple(self.here), self.line)
        self.here.append(0 if in_list else "")
        self.wants_key = not in_list

    def _next(self) -> None:
        step = self.here[-1]
        if isinstance(step, int):
            self.here[-1] = step + 1
        self.wants_key = not isinstance(step, int)

    def _key(self, key: str) -> None:
        self.here[-1] = key
        path = tuple(self.here)
        if path in self.lines:
            self.doubled.append((path, self.line))
        self.lines[path] = self.line

    def _scalar(self, piece: str) -> None:
        path = tuple(self.here)
        self.lines.setdefault(path, self.line)
        if not piece.startswith('"'):
            self.written[path] = piece


def _index(text: str) -> _Index:
    index = _Index()
    for piece in _PIECE.findall(text):
        index.take(piece)
    return index
