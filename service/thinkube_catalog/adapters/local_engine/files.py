"""Small files that survive a kill at any moment, and locks that end with their holder."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any


class DamagedFileError(Exception):
    """A file of ours cannot be read as what we wrote."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name} is damaged ({reason})")
        self.path = path


def write_json(path: Path, value: object, *, lasting: bool = False) -> None:
    """Replace a file as a whole; with `lasting`, so that it survives a loss of power too."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what `write_json` wrote; None if there is no file. Raises DamagedFileError."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DamagedFileError(path, str(error)) from error
    if not isinstance(value, dict):
        raise DamagedFileError(path, "no mapping")
    return value


def take_lock(path: Path, *, wait: bool = False) -> int | None:
    """Lock a file and return its descriptor, which holds the lock; None if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(path: Path) -> bool:
    """Say whether somebody holds the lock, without ever holding it exclusively ourselves."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def delete_tree(path: Path) -> None:
    """Delete a folder whatever modes are inside; do nothing if there is none."""
    if not path.is_symlink() and path.is_dir():
        for folder, _, _ in os.walk(path):
            Path(folder).chmod(0o700)
        shutil.rmtree(path)
