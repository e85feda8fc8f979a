"""References of a bare repository: read without a process, moved by compare-and-swap.

Keeps to the protocol of Git's own files backend (`<ref>.lock`, then rename), so a `git push` at
the same moment either sees the old value or the new one. The lock is a hard link to a file under
`staged/`: whoever comes after a process that was killed can tell that a lock was ours, and not
that of a running push, and removes it. Formats: gitrepository-layout(5), git-pack-refs(1).
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from urllib.parse import quote, unquote

PUSH_SECONDS = 10.0
"""How long a push may hold the lock of a branch before we give up; Git needs milliseconds."""

_PAUSE = 0.005
_COMMIT = re.compile(r"[0-9a-f]{40}")
_STAGED = "staged"
_PACKED = "packed-refs"


class ReferenceFaultError(Exception):
    """A reference is damaged, or another program holds its lock, or died while it did."""


def read_reference(repository: Path, name: str) -> str | None:
    """Return the id that the reference holds, None if there is none.

    Raises ReferenceFaultError if its file is damaged.
    """
    try:
        text = (repository / name).read_text("ascii").strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return _read_packed(repository, name)
    if not _COMMIT.fullmatch(text):
        raise ReferenceFaultError(f"{name} in {repository} is damaged")
    return text


def move_reference(repository: Path, name: str, expected: str | None, target: str) -> bool:
    """Point the reference at `target` if it holds `expected` (None: if it does not exist).

    Returns whether it did. The caller holds the repository's publication lock and has called
    `release_abandoned`. Raises ReferenceFaultError.
    """
    reference = repository / name
    lock = repository / f"{name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    staged = repository / _STAGED / quote(name, safe="")
    staged.parent.mkdir(exist_ok=True)
    _write_through(staged, f"{target}\n")
    try:
        _link(staged, lock)
        if read_reference(repository, name) != expected:
            lock.unlink()
            return False
        lock.replace(reference)
        _sync_folder(reference.parent)
        return True
    finally:
        staged.unlink()


def remove_reference(repository: Path, name: str, expected: str) -> bool:
    """Remove the reference if it holds `expected`, and return whether it did.

    The caller has done what `move_reference` asks for. Raises ReferenceFaultError.
    """
    reference = repository / name
    lock = repository / f"{name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    staged = repository / _STAGED / quote(name, safe="")
    staged.parent.mkdir(exist_ok=True)
    _write_through(staged, f"{expected}\n")
    try:
        _link(staged, lock)
        held = read_reference(repository, name) == expected
        if held:
            _unpack(repository, name)
            reference.unlink(missing_ok=True)
            _sync_folder(reference.parent)
        lock.unlink()
        return held
    finally:
        staged.unlink()


def list_references(repository: Path, prefix: str) -> dict[str, str]:
    """Return names and ids of the references below a folder such as `refs/heads/catalog/`.

    Raises ReferenceFaultError.
    """
    loose = [
        str(path.relative_to(repository))
        for path in (repository / prefix).rglob("*")
        if path.is_file() and path.suffix != ".lock"
    ]
    names = {*loose, *(line[41:] for line in _packed(repository) if line[41:].startswith(prefix))}
    found = {name: read_reference(repository, name) for name in sorted(names)}
    return {name: id_ for name, id_ in found.items() if id_ is not None}


def release_abandoned(repository: Path) -> None:
    """Remove what a killed process left of `move_reference`; the caller holds the lock."""
    for staged in (repository / _STAGED).glob("*"):
        lock = repository / f"{unquote(staged.name)}.lock"
        if lock.exists() and lock.samefile(staged):
            lock.unlink()
        staged.unlink()


def has_abandoned(repository: Path) -> bool:
    """Say whether a move is under way or was left half done."""
    try:
        with os.scandir(repository / _STAGED) as entries:
            return next(entries, None) is not None
    except FileNotFoundError:
        return False


def _read_packed(repository: Path, name: str) -> str | None:
    wanted = f" {name}"
    return next((line[:40] for line in _packed(repository) if line[40:] == wanted), None)


def _packed(repository: Path) -> list[str]:
    try:
        return (repository / _PACKED).read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return []


def _unpack(repository: Path, name: str) -> None:
    """Take a reference out of the packed ones, with what Git knows of an annotated tag's commit."""
    lines = _packed(repository)
    if not any(line[41:] == name for line in lines):
        return
    lock = repository / f"{_PACKED}.lock"
    staged = repository / _STAGED / quote(_PACKED, safe="")
    kept = "".join(f"{line}\n" for line in lines if line[41:] != name)
    _write_through(staged, kept)
    try:
        _link(staged, lock)
        lock.replace(repository / _PACKED)
        _sync_folder(repository)
    finally:
        staged.unlink()


def _link(staged: Path, lock: Path) -> None:
    deadline = time.monotonic() + PUSH_SECONDS
    while True:
        try:
            lock.hardlink_to(staged)
        except FileExistsError:
            if time.monotonic() >= deadline:
                raise ReferenceFaultError(
                    f"its lock {lock} is held, or was left by a git that broke off: then delete it"
                ) from None
            time.sleep(_PAUSE)
        else:
            return


def _write_through(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(handle, text.encode("utf-8", "surrogateescape"))
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
