"""Folders on this machine as FileTrees: a template's source, and templates not in Git."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from thinkube_catalog.domain.catalog import SourceUnavailableError
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.rendering import File, FileTree

MOST_FILES = 10_000
MOST_BYTES = 256 * 1024 * 1024

JUNK_NAMES = frozenset(
    # What programs leave behind in a work folder and nobody means to publish.
    [
        ".git",
        "__pycache__",
        ".venv",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
        ".ipynb_checkpoints",
        "node_modules",
        ".coverage",
        ".DS_Store",
        ".env",
    ],
)
JUNK_SUFFIXES = (".pyc", ".pyo", ".swp", "~")


def read_folder(folder: Path) -> FileTree:
    """Read a folder as Git would commit it, without junk; links are kept, not followed.

    Raises InvalidError, which lists everything that is no file, folder or link, and for a folder
    of more than MOST_FILES files or MOST_BYTES bytes; SourceUnavailableError if it cannot be read.
    """
    try:
        return _read_all(folder)
    except OSError as error:
        raise SourceUnavailableError(str(folder), error.strerror or str(error)) from error


def _read_all(folder: Path) -> FileTree:
    files: dict[str, File] = {}
    problems: list[Problem] = []
    size = 0
    for path, entry in _walk(folder, ""):
        state = entry.stat(follow_symlinks=False)
        size += state.st_size
        if len(files) >= MOST_FILES or size > MOST_BYTES:
            raise InvalidError(f"{folder} is too large for a template:", [_too_large(path)])
        if not _is_publishable(state.st_mode):
            problems.append(Problem("is no file, folder or link", file=path, mend="remove it"))
            continue
        files[path] = _read(entry, state.st_mode)
    if problems:
        raise InvalidError(f"{folder} cannot be read as a template:", problems)
    return FileTree(files)


def _walk(folder: Path | str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(folder) as entries:
        kept = [entry for entry in entries if not _is_junk(entry.name)]
    for entry in kept:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _is_junk(name: str) -> bool:
    return name in JUNK_NAMES or name.endswith(JUNK_SUFFIXES)


def _is_publishable(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _read(entry: os.DirEntry[str], mode: int) -> File:
    if stat.S_ISLNK(mode):
        return File(os.fsencode(os.readlink(entry.path)), link=True)  # noqa: PTH115 - a DirEntry's path is text
    # A file may be swapped for a link or a pipe at any moment: neither is followed or waited for.
    handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        return File(stream.read(MOST_BYTES + 1), executable=bool(mode & stat.S_IXUSR))


def _too_large(path: str) -> Problem:
    return Problem(
        f"it has more than {MOST_FILES:,} files or {MOST_BYTES // 1024**2} MiB",
        file=path,
        mend="is it the right folder?",
    )
