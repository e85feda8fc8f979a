"""Writing a rendered project into a folder, without losing what is there."""

from __future__ import annotations

import os
from pathlib import Path

from thinkube_catalog.domain.errors import ConflictError, Problem
from thinkube_catalog.domain.rendering import File, FileTree


class FilesInTheWayError(ConflictError):
    def __init__(self, destination: Path, paths: list[str]) -> None:
        super().__init__(
            f"{destination} holds files that would be replaced; nothing was written "
            "(add --overwrite to replace them)",
        )
        self.problems = tuple(Problem("is there already and differs", file=path) for path in paths)


def write_tree(tree: FileTree, destination: Path, *, overwrite: bool) -> int:
    """Write the files and return how many were not there already.

    Raises FilesInTheWayError, before anything is written, for files that differ.
    """
    differing = [path for path, file in tree.items() if not _same(destination / path, file)]
    in_the_way = [path for path in differing if os.path.lexists(destination / path)]
    outside = [path for path in tree if _leaves(destination, path)]
    if outside or (in_the_way and not overwrite):
        raise FilesInTheWayError(destination, outside or in_the_way)
    for path in differing:
        _write(destination / path, tree[path])
    return len(differing)


def _leaves(destination: Path, path: str) -> bool:
    """Say whether a link in the destination would lead the file out of it."""
    return not (destination / path).parent.resolve().is_relative_to(destination.resolve())


def _same(path: Path, file: File) -> bool:
    if file.link:
        return path.is_symlink() and os.fsencode(path.readlink()) == file.content
    if path.is_symlink() or not path.is_file():
        return False
    return path.read_bytes() == file.content and os.access(path, os.X_OK) == file.executable


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        path.unlink()
    if file.link:
        path.symlink_to(os.fsdecode(file.content))
        return
    path.write_bytes(file.content)
    path.chmod((path.stat().st_mode | 0o111) if file.executable else path.stat().st_mode)
