"""A file with settings, such as `.env`: read, and merged into, line by line."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from dotenv import dotenv_values

from thinkube_catalog.domain.bootstrap import ByHandError, Finding, State
from thinkube_catalog.domain.errors import ConflictError
from thinkube_catalog.domain.secrets import SecretValue

SYSTEM = "settings"

_PLAIN = re.compile(r"[\w.:/@%+,=*-]*")


class EnvFileUnwritableError(ConflictError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be written: {reason}; name another with --env")


class EnvFile:
    """Settings of one file, and over them those of an environment, which win when read.

    What is kept is on the disk before `keep` returns, readable by this user alone. All other
    lines stay as they are.
    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self._environment = environment
        self._kept: dict[str, str] = {}

    def value(self, name: str) -> SecretValue | None:
        text = self._kept.get(name) or self._environment.get(name) or self.stored().get(name)
        return SecretValue(text) if text else None

    def keep(self, name: str, value: SecretValue) -> None:
        """See `Kept.keep`. Raises EnvFileUnwritableError."""
        text = value.reveal()
        if self.stored().get(name) != text:
            lines = _merged(self._lines(), name, text)
            self._write("".join(f"{line}\n" for line in lines))
        self._kept[name] = text

    def hidden(self) -> list[str]:
        """Name what was kept and has another value in the environment, which wins over it."""
        there = self._environment
        return [name for name, text in self._kept.items() if there.get(name, text) != text]

    def check_writable(self) -> None:
        """Raise EnvFileUnwritableError if nothing could be kept there."""
        folder = self.path.resolve().parent
        if not folder.is_dir():
            raise EnvFileUnwritableError(self.path, "there is no such folder")
        if not os.access(folder, os.W_OK):
            raise EnvFileUnwritableError(self.path, "this user may not write to its folder")

    def stored(self) -> Mapping[str, str | None]:
        """Return what the file says, without the environment."""
        return dotenv_values(self.path, interpolate=False) if self.path.is_file() else {}

    def _lines(self) -> list[str]:
        return self.path.read_text("utf-8").splitlines() if self.path.is_file() else []

    def _write(self, content: str) -> None:
        """Replace the whole file at once: whoever stops us leaves the old one or the new one."""
        target = self.path.resolve()  # a link stays a link
        try:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:  # made with mode 0600
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(target)
            except OSError:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise EnvFileUnwritableError(self.path, error.strerror or str(error)) from error


@dataclass(frozen=True)
class Lines:
    """The settings that are no secrets, as a part of a bootstrap: each has its line in the file."""

    file: EnvFile
    wanted: Mapping[str, str]
    system: ClassVar[str] = SYSTEM

    @property
    def name(self) -> str:
        return f"lines in {self.file.path}"

    def look(self) -> Finding:
        there = self.file.stored()
        missing = [name for name, value in self.wanted.items() if there.get(name) != value]
        if not missing:
            return Finding(State.PRESENT)
        state = State.DIFFERENT if there else State.MISSING
        return Finding(state, ", ".join(missing))

    def make(self) -> None:
        for name, value in self.wanted.items():
            self.file.keep(name, SecretValue(value))


@dataclass(frozen=True)
class Word:
    """A secret that only this installation knows: made once, and never replaced."""

    file: EnvFile
    setting: str
    new: Callable[[], str]
    system: ClassVar[str] = SYSTEM

    @property
    def name(self) -> str:
        return self.setting

    def look(self) -> Finding:
        there = self.file.value(self.setting) is not None
        return Finding(State.PRESENT if there else State.MISSING)

    def make(self) -> None:
        self.file.keep(self.setting, SecretValue(self.new()))


@dataclass(frozen=True)
class Unhidden:
    """That the environment has no other values than were kept: it would win over them."""

    file: EnvFile
    system: ClassVar[str] = SYSTEM
    name: ClassVar[str] = "environment"

    def look(self) -> Finding:
        hidden = self.file.hidden()
        if not hidden:
            return Finding(State.PRESENT)
        told = f"has other values of {', '.join(hidden)} than {self.file.path}"
        return Finding(State.DIFFERENT, told)

    def make(self) -> None:
        raise ByHandError(f"unset {' '.join(self.file.hidden())}")


def _merged(lines: list[str], name: str, value: str) -> list[str]:
    """Return the lines with this setting in the place of the one that counts, or at the end."""
    line = f"{name}={value if _PLAIN.fullmatch(value) else _quoted(value)}"
    there = re.compile(rf"\s*(?:export\s+)?{re.escape(name)}\s*=")
    places = [number for number, each in enumerate(lines) if there.match(each)]
    if not places:
        return [*lines, line]
    kept = [each for number, each in enumerate(lines) if number not in places[:-1]]
    return [line if there.match(each) else each for each in kept]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
