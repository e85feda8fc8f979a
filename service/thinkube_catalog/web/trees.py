"""Trees of files as people browse them: folders, what changed, and Kubernetes objects."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations.composition import OBJECTS_FOLDER
from thinkube_catalog.operations.differences import text_of

CONTEXT = 3
LONGEST_HUNK = 400
MOST_LINES = 3000
_KIND = re.compile(r"^kind: (.+)$", re.MULTILINE)
_BETWEEN = re.compile(r"^---$", re.MULTILINE)
_NAME = re.compile(r"^  name: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Leaf:
    """One file of a tree. `change` is added, changed, removed or empty."""

    name: str
    path: str
    size: int
    change: str = ""


@dataclass
class Folder:
    """One folder, with what is in it in order."""

    name: str
    path: str = ""
    folders: dict[str, Folder] = field(default_factory=dict)
    files: list[Leaf] = field(default_factory=list)


@dataclass(frozen=True)
class KubernetesObject:
    kind: str
    name: str
    path: str


@dataclass(frozen=True)
class Line:
    """One line of a difference: `mark` is +, - or a space; numbers are from 1."""

    mark: str
    before: int | None
    after: int | None
    text: str


@dataclass(frozen=True)
class FileChange:
    """What happened to one file. `hunks` is empty for what is no text; `cut` where it is long."""

    path: str
    change: str
    added: int
    removed: int
    hunks: tuple[tuple[Line, ...], ...]
    cut: bool = False


def folder_of(tree: FileTree, before: FileTree | None = None) -> Folder:
    """Return a tree as nested folders; with an earlier tree, each file's change is named."""
    root = Folder("")
    removed = [path for path in before if path not in tree] if before is not None else []
    for path in sorted([*tree, *removed]):
        *parents, name = path.split("/")
        inside = root
        for parent in parents:
            below = f"{inside.path}{parent}/"
            inside = inside.folders.setdefault(parent, Folder(parent, below))
        size = len(tree[path].content) if path in tree else 0
        inside.files.append(Leaf(name, path, size, _change(tree, before, path)))
    return root


def objects_of(tree: FileTree) -> tuple[KubernetesObject, ...]:
    """List the Kubernetes objects that a project's `k8s/` folder holds."""
    found = []
    for path in tree:
        if path.startswith(OBJECTS_FOLDER):
            for text in _BETWEEN.split(tree.text(path)):
                kind, name = _KIND.search(text), _NAME.search(text)
                if kind:
                    found.append(KubernetesObject(kind[1], name[1] if name else "", path))
    return tuple(found)


def differences(before: FileTree, after: FileTree) -> tuple[FileChange, ...]:
    """Return what changed between two trees, by path."""
    paths = sorted({*before, *after})
    changed = [path for path in paths if before.get(path) != after.get(path)]
    found = []
    room = MOST_LINES
    for path in changed:
        difference = _difference(path, before.get(path), after.get(path))
        shown = _within(difference, room)
        room -= sum(map(len, shown.hunks))
        found.append(shown)
    return tuple(found)


def _within(change: FileChange, room: int) -> FileChange:
    """Return a change with so many lines at most, so that a page of changes stays a page."""
    kept: list[tuple[Line, ...]] = []
    for hunk in change.hunks:
        kept.append(hunk[: max(min(room, LONGEST_HUNK), 0)])
        room -= len(kept[-1])
    cut = sum(map(len, kept)) < sum(map(len, change.hunks))
    return replace(change, hunks=tuple(kept), cut=cut)


def _change(tree: FileTree, before: FileTree | None, path: str) -> str:
    if before is None:
        return ""
    if path not in tree:
        return "removed"
    if path not in before:
        return "added"
    return "" if tree[path] == before[path] else "changed"


def _difference(path: str, before: File | None, after: File | None) -> FileChange:
    change = "added" if before is None else "removed" if after is None else "changed"
    old = text_of(before) if before else ""
    new = text_of(after) if after else ""
    if old is None or new is None:
        return FileChange(path, change, 0, 0, ())
    hunks = tuple(_hunks(old.splitlines(), new.splitlines()))
    lines = [line.mark for hunk in hunks for line in hunk]
    return FileChange(path, change, lines.count("+"), lines.count("-"), hunks)


def _hunks(old: list[str], new: list[str]) -> Iterable[tuple[Line, ...]]:
    matcher = SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > 4000)  # noqa: PLR2004 (beyond it exactness takes seconds)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        lines: list[Line] = []
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                lines += [
                    Line(" ", number + 1, new_start + number - start + 1, old[number])
                    for number in range(start, end)
                ]
            else:
                lines += [Line("-", number + 1, None, old[number]) for number in range(start, end)]
                lines += [
                    Line("+", None, number + 1, new[number]) for number in range(new_start, new_end)
                ]
        yield tuple(lines)
