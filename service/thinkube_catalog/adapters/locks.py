"""Locks between processes and threads, on files; a killed holder's lock is free at once."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


class LockTimeoutError(Exception):
    """Somebody else has held the lock all the time that we were ready to wait."""


@contextmanager
def holding(path: Path, seconds: float) -> Iterator[int]:
    """Hold the lock of that file, made if absent; its folder must exist.

    Waits up to `seconds` and gives the lock's handle: whoever inherits it holds the lock too.
    Raises LockTimeoutError, or FileNotFoundError without the folder.
    """
    handle = _acquire(path, time.monotonic() + seconds)
    try:
        yield handle
    finally:
        os.close(handle)


def _acquire(path: Path, deadline: float) -> int:
    pause = _FIRST_PAUSE
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if _locked(handle, path):
            return handle
        os.close(handle)
        if time.monotonic() >= deadline:
            raise LockTimeoutError(str(path))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _locked(handle: int, path: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The folder may have been replaced while we waited: then this file locks nothing.
        return os.path.samestat(os.fstat(handle), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
