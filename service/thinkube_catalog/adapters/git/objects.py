"""Objects of a repository on disk, in-process: trees to and from FileTree, commits, tags."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel, DescribeStrategy, FileMode, ObjectType, SortMode

from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.forge import Commit, Signature, plain_message, plain_signature
from thinkube_catalog.domain.rendering import File, FileTree

_FULL_ID = re.compile(r"[0-9a-f]{40}")
_MODES = {"100644": FileMode.BLOB, "100755": FileMode.BLOB_EXECUTABLE, "120000": FileMode.LINK}


def open_repository(path: Path) -> pygit2.Repository:
    """Open a repository on disk. Raises GitError, also when it belongs to another user."""
    _settle_library()
    return pygit2.Repository(str(path))


def write_tree(repository: pygit2.Repository, files: FileTree) -> pygit2.Oid:
    """Store every file and folder; what is there already is not written again."""
    index = pygit2.Index()
    for path, file in files.items():
        blob = repository.create_blob(file.content)
        index.add(pygit2.IndexEntry(path, blob, _MODES[file.git_mode]))
    return index.write_tree(repository)


def tree_id(files: FileTree) -> pygit2.Oid:
    """Compute the id that `write_tree` gives, without touching a repository.

    Format: `git hash-object` of a tree, entries by name, folders as if ending in a slash.
    """
    return _tree_id([(path.encode(), file) for path, file in files.items()])


def _tree_id(files: list[tuple[bytes, File]]) -> pygit2.Oid:
    entries: dict[bytes, tuple[bytes, bytes]] = {}
    folders: dict[bytes, list[tuple[bytes, File]]] = {}
    for path, file in files:
        name, slash, rest = path.partition(b"/")
        if slash:
            folders.setdefault(name, []).append((rest, file))
        else:
            blob = _object_id(b"blob", file.content)
            entries[name] = (b"%s %s\0" % (file.git_mode.encode(), name), blob)
    for name, inside in folders.items():
        entries[name + b"/"] = (b"40000 %s\0" % name, _tree_id(inside).raw)
    body = b"".join(head + raw for _, (head, raw) in sorted(entries.items()))
    return pygit2.Oid(raw=_object_id(b"tree", body))


def _object_id(kind: bytes, content: bytes) -> bytes:
    head = b"%s %d\0" % (kind, len(content))
    return hashlib.sha1(head + content, usedforsecurity=False).digest()


def read_tree(tree: pygit2.Tree) -> FileTree:
    """Read every file. Raises InvalidError, which lists what a FileTree cannot hold."""
    files: dict[str, File] = {}
    problems: list[Problem] = []
    for path, entry in _walk(tree, b""):
        if isinstance(entry, pygit2.Blob) and _is_text(path):
            files[path.decode()] = File(
                entry.data,
                executable=entry.filemode == FileMode.BLOB_EXECUTABLE,
                link=entry.filemode == FileMode.LINK,
            )
        else:
            problems.append(_not_a_file(path, entry))
    if problems:
        raise InvalidError("the repository holds what cannot be read as files:", problems)
    return FileTree(files)


def find_commit(repository: pygit2.Repository, commit: str) -> pygit2.Commit | None:
    """Return the commit of that full id, None if there is none."""
    if not _FULL_ID.fullmatch(commit):
        return None
    found = repository.get(pygit2.Oid(hex=commit))
    if found is None or found.type != ObjectType.COMMIT:
        return None
    return found.peel(pygit2.Commit)


def create_commit(
    repository: pygit2.Repository,
    tree: pygit2.Oid,
    parents: list[pygit2.Oid],
    message: str,
    signature: Signature,
) -> pygit2.Commit:
    """Store a commit that no reference leads to yet. Same arguments, same id."""
    by = to_git(signature)
    text = normal_message(message)
    made = repository.create_commit(None, by, by, text, tree, parents)
    return repository[made].peel(pygit2.Commit)


def describe(repository: pygit2.Repository, commit: str) -> str:
    """Say what `git describe --tags --always` says of a commit."""
    return repository.describe(
        commit,
        describe_strategy=DescribeStrategy.TAGS,
        show_commit_oid_as_fallback=True,
    )


def first_parents(repository: pygit2.Repository, start: pygit2.Oid) -> Iterator[pygit2.Commit]:
    """Walk from a commit to its first parents, newest first."""
    walker = repository.walk(start, SortMode.NONE)
    walker.simplify_first_parent()
    return walker


def tags(repository: pygit2.Repository) -> Mapping[str, str]:
    """Return each tag's name and the commit id that it leads to; others are left out."""
    found: dict[str, str] = {}
    for raw in repository.raw_listall_references():
        if raw.startswith(b"refs/tags/") and _is_text(raw):
            target = peel(repository, raw.decode())
            if target is not None:
                found[raw.decode().removeprefix("refs/tags/")] = target
    return found


def to_git(signature: Signature) -> pygit2.Signature:
    by = plain_signature(signature)
    return pygit2.Signature(by.name, by.email, int(by.at.timestamp()), 0, "utf-8")


def normal_message(message: str) -> str:
    """Return the message as it is stored: ending in one line end."""
    return plain_message(message) + "\n"


def to_commit(commit: pygit2.Commit) -> Commit:
    return Commit(
        str(commit.id),
        _text(commit.raw_message).strip(),
        _text(commit.author.raw_name),
        datetime.fromtimestamp(commit.commit_time, UTC),
    )


@functools.cache
def _settle_library() -> None:
    """Read no configuration of a person or a machine, and put objects to disk before references."""
    for level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL):
        pygit2.settings.search_path[level] = ""
    pygit2.settings.enable_fsync_gitdir(True)


def _walk(tree: pygit2.Tree, folder: bytes) -> Iterator[tuple[bytes, pygit2.Object]]:
    for entry in tree:
        path = folder + (entry.raw_name or b"")
        if isinstance(entry, pygit2.Tree):
            yield from _walk(entry, path + b"/")
        else:
            yield path, entry


def _not_a_file(path: bytes, entry: pygit2.Object) -> Problem:
    name = path.decode("utf-8", "backslashreplace")
    if entry.type == ObjectType.COMMIT or entry.filemode == FileMode.COMMIT:
        mend = "submodules are not fetched; commit the files themselves"
        return Problem("is a submodule", file=name, mend=mend)
    return Problem("has a name that is no UTF-8", file=name, mend="rename it")


def peel(repository: pygit2.Repository, reference: str) -> str | None:
    """Return the commit id that a full reference name leads to, None if it leads to none."""
    try:
        return str(repository.references[reference].peel(pygit2.Commit).id)
    except (KeyError, ValueError, pygit2.GitError):
        return None


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")
