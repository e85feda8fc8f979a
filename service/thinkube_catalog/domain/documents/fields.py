"""Fields: walking a document with typed questions, collecting everything that is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar

from thinkube_catalog.domain.documents.document import (
    Document,
    FileInvalidError,
    Parsed,
    Path,
    dotted,
    shown,
)
from thinkube_catalog.domain.errors import Problem

MOST_FINDINGS = 200
"""Problems, and warnings, kept of one file; a file with more is mended in rounds."""

Default = TypeVar("Default", int, None)
Switch = TypeVar("Switch", bool, None)
Value = TypeVar("Value")

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass
class Findings:
    """The problems and warnings of one document, as they are found."""

    document: Document
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def fields(self) -> Fields:
        """Return the root of the document, to be walked."""
        return Fields(self, (), self.document.value)

    def problem(self, path: Path, message: str, mend: str = "") -> None:
        self._keep(self.problems, path, message, mend)

    def warn(self, path: Path, message: str, mend: str = "") -> None:
        self._keep(self.warnings, path, message, mend)

    def parsed(self, value: Value, error: type[FileInvalidError]) -> Parsed[Value]:
        """Return the value with the warnings; raise the error if anything was wrong."""
        if self.problems:
            raise error(self.document.file, self.problems)
        return Parsed(value, tuple(self.warnings))

    @property
    def enough(self) -> bool:
        """Tell that no more warnings are kept, so that looking for reasons is wasted."""
        return len(self.warnings) > MOST_FINDINGS

    def _keep(self, kept: list[Problem], path: Path, message: str, mend: str) -> None:
        found = self.document.problem(path, message, mend)
        if found in kept:
            return
        if len(kept) < MOST_FINDINGS:
            kept.append(found)
        elif len(kept) == MOST_FINDINGS:
            kept.append(Problem("there is more; mend these first", self.document.file))


class Fields:
    """A mapping of a document that is being read, key by key.

    Each accessor returns a value of its type whatever the file says: where that is wrong, it
    records a problem and returns the default. A key whose value is nothing counts as absent.
    Call `unknown()` last: it returns, and warns of, the keys that nobody asked for.
    """

    def __init__(self, findings: Findings, path: Path, values: Mapping[str, object]) -> None:
        self.findings = findings
        self.path = path
        self._values = values
        self._asked: dict[str, None] = {}

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def at(self, *steps: str | int) -> Path:
        return (*self.path, *steps)

    def problem(self, name: str | Path, message: str, mend: str = "") -> None:
        """Record a problem at a key of this mapping, or at a path below it."""
        self.findings.problem(self._below(name), message, mend)

    def warn(self, name: str | Path, message: str, mend: str = "") -> None:
        self.findings.warn(self._below(name), message, mend)

    def value(self, name: str) -> object:
        """Return whatever stands there, JSON-like, or None."""
        self._asked[name] = None
        return self._values.get(name)

    def text(
        self,
        name: str,
        default: str = "",
        *,
        required: bool = False,
        pattern: re.Pattern[str] | None = None,
        mend: str = "",
    ) -> str:
        """Return text; a number or yes/no is taken as it was written (1.10 stays "1.10").

        `pattern` has to match all of it; `mend` then says what is wanted.
        """
        value = self.value(name)
        if value is None:
            self._miss(name, required, mend)
            return default
        text = self._as_text(value, self.at(name))
        if text is None:
            self._wrong_kind(name, "text", value)
            return default
        if required and not text.strip():
            self.problem(name, f"{name} is empty", mend)
            return default
        if pattern is not None and text and not pattern.fullmatch(text):
            self.problem(name, f"{shown(text)} is not a usable {name}", mend)
            return default
        return text

    def choice(self, name: str, allowed: Collection[str], default: str = "") -> str:
        """Return one of the allowed words."""
        text = self.text(name, default)
        if text in allowed or text == default:
            return text
        near = get_close_matches(text, allowed, n=1)
        mend = f"did you mean {near[0]}?" if near else f"use one of {', '.join(allowed)}"
        self.problem(name, f"{shown(text)} is no {name} that exists", mend)
        return default

    def integer(
        self,
        name: str,
        default: Default,
        *,
        least: int | None = None,
        most: int | None = None,
    ) -> int | Default:
        """Return a whole number within bounds, both included; digits in quotes are accepted."""
        value = self.value(name)
        if value is None:
            return default
        if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
            self.warn(name, f"{name} is text; a number is meant", "remove the quotes")
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong_kind(name, "a whole number", value)
            return default
        if (least is not None and value < least) or (most is not None and value > most):
            self.problem(name, f"{name} is {shown(value)}", f"use {_bounds(least, most)}")
            return default
        return value

    def number(self, name: str, default: float = 0.0) -> float:
        """Return a finite number."""
        value = self.value(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._wrong_kind(name, "a number", value)
            return default
        if isinstance(value, float) and not math.isfinite(value):
            self.problem(name, f"{name} is not a finite number")
            return default
        return value

    def boolean(self, name: str, default: Switch) -> bool | Switch:
        """Return true or false; the words in quotes are accepted."""
        value = self.value(name)
        if value is None:
            return default
        if isinstance(value, str) and value.lower() in _WORDS:
            self.warn(name, f"{name} is text; true or false is meant", "remove the quotes")
            return _WORDS[value.lower()]
        if not isinstance(value, bool):
            self._wrong_kind(name, "true or false", value)
            return default
        return value

    def texts(
        self,
        name: str,
        *,
        pattern: re.Pattern[str] | None = None,
        mend: str = "",
    ) -> tuple[str, ...]:
        """Return a list of texts, without those that are wrong."""
        kept = []
        for place, value in enumerate(self._list(name)):
            text = self._as_text(value, self.at(name, place))
            if text is None:
                self.problem((name, place), f"{shown(value)} stands where text is wanted", mend)
            elif pattern is not None and not pattern.fullmatch(text):
                self.problem((name, place), f"{shown(text)} is not usable here", mend)
            else:
                kept.append(text)
        return tuple(kept)

    def mapping(self, name: str) -> Mapping[str, object]:
        """Return a free mapping as it stands; empty when absent."""
        value = self.value(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong_kind(name, "a mapping", value)
            return {}
        return value

    def text_mapping(self, name: str) -> Mapping[str, str]:
        """Return a mapping to texts, without those that are wrong."""
        kept = {}
        for key, value in self.mapping(name).items():
            text = self._as_text(value, self.at(name, key))
            if text is None:
                self.problem((name, key), f"{shown(value)} stands where text is wanted")
            else:
                kept[key] = text
        return kept

    def fields(self, name: str) -> Fields:
        """Return the mapping there, to be walked; an empty one when absent."""
        return Fields(self.findings, self.at(name), self.mapping(name))

    def items(self, name: str) -> list[Fields]:
        """Return the mappings of a list, each to be walked."""
        kept = []
        for place, value in enumerate(self._list(name)):
            if isinstance(value, dict):
                kept.append(Fields(self.findings, self.at(name, place), value))
            else:
                self.problem((name, place), f"{shown(value)} stands where a mapping is wanted")
        return kept

    def entries(self, name: str) -> dict[str, Fields]:
        """Return the mappings of a mapping by key, each to be walked."""
        kept = {}
        for key, value in self.mapping(name).items():
            if isinstance(value, dict):
                kept[key] = Fields(self.findings, self.at(name, key), value)
            else:
                self.problem((name, key), f"{shown(value)} stands where a mapping is wanted")
        return kept

    def unknown(
        self,
        known: Collection[str] = (),
        legacy: Collection[str] = (),
        *,
        free: bool = False,
    ) -> Mapping[str, object]:
        """Return the keys that nobody asked for, with their values, and warn of each.

        `known` names keys that are kept without a word, `legacy` those that once meant something.
        In a `free` mapping any key is fine, unless it looks like a misspelt one.
        """
        left = {key: value for key, value in self._values.items() if key not in self._asked}
        for key in left:
            if key in known or self.findings.enough:
                continue
            meant = "" if key in legacy else self._meant(key)
            if key in legacy:
                self.warn(key, f"{key} is an older key; it is kept and has no effect")
            elif meant or not free:
                self.warn(key, f"the key {shown(key)} means nothing here", meant)
        return left

    def _meant(self, key: str) -> str:
        by_case = {name.lower(): name for name in self._asked if name not in self._values}
        near = get_close_matches(key.lower(), by_case, n=1, cutoff=0.75)
        return f"did you mean {by_case[near[0]]}?" if near else ""

    def _list(self, name: str) -> Iterator[object]:
        value = self.value(name)
        if isinstance(value, list):
            yield from value
        elif value is not None:
            self._wrong_kind(name, "a list", value)

    def _as_text(self, value: object, path: Path) -> str | None:
        if isinstance(value, str):
            return value
        if isinstance(value, bool | int | float):
            written = self.findings.document.written(path)
            return str(value) if written is None else written
        return None

    def _below(self, name: str | Path) -> Path:
        return self.at(*((name,) if isinstance(name, str) else name))

    def _miss(self, name: str, required: bool, mend: str) -> None:
        if required:
            self.problem(name, f"{dotted(self.at(name))} is missing", mend)

    def _wrong_kind(self, name: str, wanted: str, value: object) -> None:
        self.problem(name, f"{name} must be {wanted}, not {shown(value)}")


def _bounds(least: int | None, most: int | None) -> str:
    if least is None:
        return f"at most {most}"
    return f"at least {least}" if most is None else f"{least} to {most}"
