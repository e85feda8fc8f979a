"""Three-way merges by libgit2, in memory: nothing is written to disk, and no git is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pygit2
from pygit2.enums import FileMode, MergeFlag

from thinkube_catalog.adapters.git.objects import write_tree
from thinkube_catalog.domain.merging import (
    BASE,
    BESIDE,
    OURS,
    THEIRS,
    Conflict,
    ConflictKind,
    Merge,
    without_clashes,
)
from thinkube_catalog.domain.rendering import File, FileTree

REMOVED_NOTE = b"""\
The template has removed this file.
Remove it as well, or keep it; then remove this note.
"""


class GitMerger:
    """Merges as `git merge` does, renames included."""

    def merge(self, base: FileTree, ours: FileTree, theirs: FileTree) -> Merge:
        """See `Merger.merge`."""
        return _Merging(base, ours, theirs).merge()


class _Memory(pygit2.OdbBackend):
    """Objects in a dictionary, by id."""

    def __init__(self) -> None:
        super().__init__()
        self._objects: dict[pygit2.Oid, tuple[int, bytes]] = {}

    def read_cb(self, oid: pygit2.Oid) -> tuple[int, bytes]:
        return self._objects[oid]

    def read_header_cb(self, oid: pygit2.Oid) -> tuple[int, int]:
        kind, content = self._objects[oid]
        return kind, len(content)

    def read_prefix_cb(self, oid: pygit2.Oid) -> tuple[int, bytes, pygit2.Oid]:
        return *self._objects[oid], oid  # whole ids alone are asked for

    def exists_cb(self, oid: pygit2.Oid) -> bool:
        return oid in self._objects

    def write_cb(self, oid: pygit2.Oid, content: bytes, kind: int) -> None:
        self._objects[oid] = (kind, content)

    def refresh_cb(self) -> None:
        """Do nothing: nobody else writes here."""

    def __iter__(self) -> Iterator[pygit2.Oid]:
        return iter(self._objects)


@dataclass(frozen=True)
class _Version:
    """One side's version of a file."""

    path: str
    id: pygit2.Oid
    mode: FileMode


class _Merging:
    """One merge, and what is found on the way."""

    def __init__(self, base: FileTree, ours: FileTree, theirs: FileTree) -> None:
        self._ours, self._theirs = ours, theirs
        store = pygit2.Odb()
        store.add_backend(_Memory(), 1)
        self._git = pygit2.Repository()
        self._git.set_odb(store)
        old, mine, new = (write_tree(self._git, each) for each in (base, ours, theirs))
        self._index = self._git.merge_trees(old, mine, new, flags=MergeFlag.FIND_RENAMES)
        self._files: dict[str, File] = {}
        self._conflicts: list[Conflict] = []
        self._left_deleted: list[str] = []

    def merge(self) -> Merge:
        unmerged = [
            (_version(base), _version(ours), _version(theirs))
            for base, ours, theirs in self._index.conflicts or ()
        ]
        in_conflict = {each.path for conflict in unmerged for each in conflict if each}
        for version in map(_version, self._index):
            if version is not None and version.path not in in_conflict:
                self._files[version.path] = self._file(version)
        for conflict in unmerged:
            self._settle(*conflict)
        files, clashing = without_clashes(self._files)
        found = {each.path: each for each in self._conflicts}
        found |= {path: Conflict(path, ConflictKind.TYPE) for path in clashing}
        # What lies in a folder that has moved aside is settled along with it.
        left = [found[path] for path in sorted(found) if not path.startswith(_below(clashing))]
        return Merge(files, tuple(left), tuple(sorted(self._left_deleted)))

    def _settle(
        self, base: _Version | None, ours: _Version | None, theirs: _Version | None
    ) -> None:
        if ours is not None and theirs is not None:
            self._join(base, ours, theirs)
        elif ours is not None:
            self._keep(base, ours)
        elif theirs is not None:
            self._consider(base, theirs)

    def _join(self, base: _Version | None, ours: _Version, theirs: _Version) -> None:
        mine = self._file(ours)
        if not all(self._has_lines(each) for each in (base, ours, theirs) if each is not None):
            self._files[ours.path] = mine
            self._files[ours.path + BESIDE] = self._file(theirs)
            same_kind = ours.mode == theirs.mode or FileMode.LINK not in {ours.mode, theirs.mode}
            kind = ConflictKind.BINARY if same_kind else ConflictKind.TYPE
            self._conflicts.append(Conflict(ours.path, kind))
            return
        content, clean = self._lines(base, ours, theirs)
        executable = self._file(theirs if base and base.mode == ours.mode else ours).executable
        self._files[ours.path] = File(content, executable=executable)
        if not clean:
            kind = ConflictKind.CONTENT if base is not None else ConflictKind.ADDED
            self._conflicts.append(Conflict(ours.path, kind, marked=True))

    def _keep(self, base: _Version | None, ours: _Version) -> None:
        """Settle what only the project has: the template removed or moved it, or made a folder."""
        mine = self._file(ours)
        if base is None or any(each.startswith(f"{ours.path}/") for each in self._theirs):
            self._files[ours.path] = mine  # a rename, or a clash that is seen to with all others
        elif self._has_lines(ours):
            self._files[ours.path] = File(_marked(mine.content), executable=mine.executable)
            self._conflicts.append(Conflict(ours.path, ConflictKind.REMOVED, marked=True))
        else:
            self._files[ours.path] = mine
            self._files[ours.path + BESIDE] = File(REMOVED_NOTE)
            self._conflicts.append(Conflict(ours.path, ConflictKind.REMOVED))

    def _consider(self, base: _Version | None, theirs: _Version) -> None:
        """Settle what only the template has: the project deleted or moved it, or has a folder."""
        if any(each.startswith(f"{theirs.path}/") for each in self._ours):
            self._files[theirs.path + BESIDE] = self._file(theirs)
            self._conflicts.append(Conflict(theirs.path, ConflictKind.TYPE))
        elif base is not None:
            self._left_deleted.append(theirs.path)
        else:
            self._files[theirs.path + BESIDE] = self._file(theirs)
            self._conflicts.append(Conflict(theirs.path, ConflictKind.RENAMED))

    def _lines(self, base: _Version | None, ours: _Version, theirs: _Version) -> tuple[bytes, bool]:
        """Join lines; the marks take their labels from what the entries are called."""
        empty = self._git.create_blob(b"")
        joined = self._git.merge_file_from_index(
            pygit2.IndexEntry(BASE, base.id if base else empty, FileMode.BLOB),
            pygit2.IndexEntry(OURS, ours.id, FileMode.BLOB),
            pygit2.IndexEntry(THEIRS, theirs.id, FileMode.BLOB),
        )
        return joined.contents.encode(), joined.automergeable

    def _file(self, entry: _Version) -> File:
        return File(
            self._git[entry.id].peel(pygit2.Blob).data,
            executable=entry.mode == FileMode.BLOB_EXECUTABLE,
            link=entry.mode == FileMode.LINK,
        )

    def _has_lines(self, entry: _Version) -> bool:
        content = self._git[entry.id].peel(pygit2.Blob).data
        if entry.mode == FileMode.LINK or b"\0" in content:
            return False
        try:
            content.decode()
        except UnicodeDecodeError:
            return False
        return True


def _below(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{folder}/" for folder in folders)


def _version(entry: pygit2.IndexEntry | None) -> _Version | None:
    return None if entry is None else _Version(str(entry.path), entry.id, entry.mode)


def _marked(content: bytes) -> bytes:
    """Return lines that the template has no more, between marks."""
    end = b"\r\n" if b"\r\n" in content else b"\n"
    whole = content if content.endswith(end) or not content else content + end
    marks = [f"<<<<<<< {OURS}", "=======", f">>>>>>> {THEIRS}"]
    before, *after = (mark.encode() + end for mark in marks)
    return before + whole + b"".join(after)
