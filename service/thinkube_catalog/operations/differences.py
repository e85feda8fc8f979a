"""Differences between two trees as text, as `git diff` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff

from thinkube_catalog.domain.rendering import File, FileTree

LARGEST = 400_000
"""In bytes; what is larger is named, and its difference is not shown."""


@dataclass(frozen=True)
class FileDifference:
    """What happened to one file: added, changed or removed. `diff` is None for what is no text."""

    path: str
    change: str
    mode: str
    diff: str | None


def differences(before: FileTree, after: FileTree) -> tuple[FileDifference, ...]:
    """Return what changed between two trees, by path."""
    paths = sorted({*before, *after})
    return tuple(
        _difference(path, before.get(path), after.get(path))
        for path in paths
        if before.get(path) != after.get(path)
    )


def text_of(file: File) -> str | None:
    """Return a file's text, or None where it is not to be shown as text."""
    if len(file.content) > LARGEST or b"\0" in file.content:
        return None
    try:
        return file.content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _difference(path: str, before: File | None, after: File | None) -> FileDifference:
    change = "added" if before is None else "removed" if after is None else "changed"
    shown = after or before or File(b"")
    return FileDifference(path, change, shown.git_mode, _text(path, before, after))


def _text(path: str, before: File | None, after: File | None) -> str | None:
    old = text_of(before) if before else ""
    new = text_of(after) if after else ""
    if old is None or new is None:
        return None
    names = (f"a/{path}" if before else "/dev/null", f"b/{path}" if after else "/dev/null")
    # Lines end in LF alone: other ends are part of what a line says.
    lines = unified_diff(old.split("\n"), new.split("\n"), *names, lineterm="")
    return "\n".join(lines)
