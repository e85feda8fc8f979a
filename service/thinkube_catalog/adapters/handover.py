"""A folder for who administers the other systems: manifests to apply, and what to do beside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from thinkube_catalog.domain.errors import ConflictError
from thinkube_catalog.domain.secrets import SecretValue

PLACEHOLDER = "REPLACE-WITH"
"""What every value begins with that is not known yet."""

_PRIVATE, _PUBLIC = 0o600, 0o644


@dataclass(frozen=True)
class Sheet:
    """One file. `secret`: only this user may read it, since it may hold values."""

    name: str
    content: str
    secret: bool = False


class FolderUnwritableError(ConflictError):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} cannot be written: {reason}; name another with --manifests")


def in_yaml(objects: Sequence[Mapping[str, Any]]) -> str:
    """Return objects as documents of one file."""
    return yaml.safe_dump_all(objects, sort_keys=False, explicit_start=True, width=1000)


def shown(value: SecretValue | None, setting: str) -> str:
    """Return a secret's value, or a placeholder that names the setting where it will stand."""
    return value.reveal() if value else f"{PLACEHOLDER}-{setting}"


def write(folder: Path, sheets: Sequence[Sheet]) -> list[Path]:
    """Write every file, replacing earlier ones. Raises FolderUnwritableError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sheet in sheets:
            _write(folder / sheet.name, sheet)
    except OSError as error:
        raise FolderUnwritableError(folder, error.strerror or str(error)) from error
    return [folder / sheet.name for sheet in sheets]


def _write(path: Path, sheet: Sheet) -> None:
    mode = _PRIVATE if sheet.secret else _PUBLIC
    path.unlink(missing_ok=True)  # a file of another mode would keep that mode
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(sheet.content)


def commands(lines: Sequence[str]) -> str:
    """Return commands as a block of a Markdown page."""
    return "\n".join(["```bash", *lines, "```"])
