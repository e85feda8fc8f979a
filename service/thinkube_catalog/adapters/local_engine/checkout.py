"""Checkouts: the files of one commit in a folder, whole or not at all."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path, PurePosixPath

from thinkube_catalog.adapters.local_engine.files import delete_tree
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.rendering import File, FileTree


class CheckoutError(Exception):
    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def check_out(files: FileTree, folder: Path) -> None:
    """Make `folder` hold these files; do nothing if it is there.

    Raises CheckoutError for paths and links that leave the folder.
    """
    if folder.is_dir():
        return
    if problems := [problem for path, file in files.items() for problem in _problems(path, file)]:
        raise CheckoutError(problems)
    aside = folder.with_name(f"{folder.name}.new")
    delete_tree(aside)
    aside.mkdir(parents=True)
    for path, file in files.items():
        _write(aside / path, file)
    aside.rename(folder)


def _problems(path: str, file: File) -> list[Problem]:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or ".git" in {part.lower() for part in parts}:
        return [Problem("is not a path inside the project", file=path)]
    if file.link:
        target = file.content.decode("utf-8", "surrogateescape")
        reached = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target.startswith("/") or reached.startswith(".."):
            return [Problem(f"links to {target}, outside the project", file=path)]
    return []


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.link:
        path.symlink_to(os.fsdecode(file.content))
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o755 if file.executable else 0o644)
    with os.fdopen(descriptor, "wb") as target:
        target.write(file.content)
