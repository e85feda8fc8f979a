"""Merging: what a template changed, brought into a project that people changed as well.

Nothing is lost in a merge. Where both changed the same lines, both stand in the file between marks,
as Copier writes them; what cannot hold marks stays as the project has it, and the template's stands
beside it under a name that ends in `.from-template`. A conflict is settled when neither is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from thinkube_catalog.domain.rendering import File, FileTree

OURS, THEIRS, BASE = "before updating", "after updating", "last update"
"""What the marks of a conflict are labelled with, as in Copier."""

BESIDE = ".from-template"
"""How the name of a file ends that holds the template's version beside the project's own."""

NO_FILES: Mapping[str, File] = MappingProxyType({})

_MARK = re.compile(rb"^(?:<{7} before updating|>{7} after updating)\r?$", re.MULTILINE)


class ConflictKind(StrEnum):
    """Why two versions of a file cannot be joined."""

    CONTENT = "content"  # both changed the same lines
    ADDED = "added"  # both made a file of that name
    REMOVED = "removed"  # the template removed what was changed here
    BINARY = "binary"  # both changed what has no lines
    TYPE = "type"  # a file on one side; a link or a folder on the other
    RENAMED = "renamed"  # both gave it another name


class Side(StrEnum):
    """Whose version of a file is taken, as a person chooses."""

    OURS = "ours"
    THEIRS = "theirs"


@dataclass(frozen=True)
class Conflict:
    """One file that a person has to look at. `marked`: both versions stand in it, between marks."""

    path: str
    kind: ConflictKind
    marked: bool = False


@dataclass(frozen=True)
class Merge:
    """The merged files. `left_deleted` were deleted here and changed by the template: they stay so.

    That is Copier's rule as well: deleting a file of a template is a decision.
    """

    files: FileTree
    conflicts: tuple[Conflict, ...] = ()
    left_deleted: tuple[str, ...] = ()


class Merger(Protocol):
    """Joins two changed versions of a tree of files."""

    def merge(self, base: FileTree, ours: FileTree, theirs: FileTree) -> Merge:
        """Return `ours` with what changed from `base` to `theirs`.

        What one side alone changed is taken; the same change on both sides is one change. Renames
        are found by their content. The conflicts say where a person has to look.
        """
        ...


def unsettled(files: Mapping[str, File], before: Mapping[str, File] = NO_FILES) -> tuple[str, ...]:
    """Return the files in which a conflict still stands, by path.

    What `before` holds just so is none of it: somebody may write about marks.
    """
    found = []
    for path, file in files.items():
        if before.get(path) == file:
            continue
        beside = f"{path}/".find(f"{BESIDE}/")
        if beside > 0:
            found.append(path[:beside])
        elif not file.link and _MARK.search(file.content):
            found.append(path)
    return tuple(dict.fromkeys(found))


def settled(files: FileTree, path: str, side: FileTree) -> FileTree:
    """Return the files with one side's version of `path`, be it a file, a folder or nothing."""
    mine = (path, path + BESIDE)
    kept = {each: file for each, file in files.items() if not _is_at(each, mine)}
    return FileTree(kept | {each: side[each] for each in side if _is_at(each, (path,))})


def without_clashes(files: Mapping[str, File]) -> tuple[FileTree, tuple[str, ...]]:
    """Return the files without those that would be file and folder at once, and name these.

    The file keeps its name; what is to be in the folder goes beside it.
    """
    clashing = tuple(path for path in files if any(_is_below(each, path) for each in files))
    moved = dict(files)
    for path in clashing:
        for each in [each for each in moved if _is_below(each, path)]:
            moved[f"{path}{BESIDE}{each.removeprefix(path)}"] = moved.pop(each)
    return FileTree(moved), clashing


def _is_at(path: str, places: Iterable[str]) -> bool:
    return any(path == place or _is_below(path, place) for place in places)


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")
