"""Looking at folders that may be hostile: a template before it is rendered, a project after.

Nothing is followed and nothing is opened but regular files: every folder by its descriptor, every
name with O_NOFOLLOW. Whatever wrote the tree has ended before it is read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from thinkube_catalog.adapters.copier.limits import Limits
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.vetting import link_problems, path_problems, printable

_DEEPEST = 60
_MOST_PROBLEMS = 50
_SET_ID = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class UnsafeTreeError(Exception):
    """A tree that must not be used; `problems` lists why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        left_out = len(problems) - _MOST_PROBLEMS
        more = [Problem(f"and {left_out} more problems")] if left_out > 0 else []
        self.problems = [*problems[:_MOST_PROBLEMS], *more]


@dataclass(frozen=True)
class _Entry:
    path: str
    mode: int
    size: int
    links: int
    target: str = ""


def read(folder: Path, limits: Limits) -> FileTree:
    """Return a rendered project's files. Raises UnsafeTreeError with every problem."""
    entries, problems = _walk(folder, limits.files, "the project", folders=False)
    problems += _kind_problems(entries)
    problems += path_problems(entry.path for entry in entries)
    for entry in entries:
        if stat.S_ISLNK(entry.mode):
            problems += link_problems(entry.path, entry.target)
        elif stat.S_ISREG(entry.mode) and entry.links > 1:
            problems.append(Problem("is a hard link", file=printable(entry.path)))
        if entry.mode & _SET_ID and stat.S_ISREG(entry.mode):
            problems.append(
                Problem("has the set-user, set-group or sticky bit", file=printable(entry.path)),
            )
    problems += _size_problems(entries, limits.file_size, limits.total_size, "the project")
    if problems:
        raise UnsafeTreeError(problems)
    return FileTree(dict(_contents(folder, entries)))


def check_template(folder: Path, limits: Limits) -> None:
    """Check that a template's tree can be read without harm. Raises UnsafeTreeError."""
    entries, problems = _walk(folder, limits.template_entries, "the template", folders=True)
    problems += _kind_problems(entries)
    root = os.path.realpath(folder)
    for entry in entries:
        if stat.S_ISLNK(entry.mode):
            problems += _template_link_problems(root, entry)
    size = limits.template_size
    problems += _size_problems(entries, min(size, limits.file_size), size, "the template")
    if problems:
        raise UnsafeTreeError(problems)


def measure(folder: Path, limits: Limits) -> str:
    """Say which bound a project that is being written has gone over; empty while it has none."""
    try:
        entries, problems = _walk(folder, limits.files, "the project", folders=False)
    except OSError:  # it changes under our feet; the final look is what counts
        return ""
    problems += _size_problems(entries, limits.file_size, limits.total_size, "the project")
    return problems[0].message if problems else ""


def _template_link_problems(root: str, entry: _Entry) -> list[Problem]:
    here = os.path.join(root, entry.path)  # noqa: PTH118 - plain text is quicker and enough
    there = os.path.realpath(here)
    shown = printable(entry.path)
    if there != root and not there.startswith(root + os.sep):
        return [
            Problem(
                f"is a link to {printable(entry.target)}, which is not inside the template",
                file=shown,
                mend="link only to files of the template, by a relative path",
            ),
        ]
    if entry.target.startswith("/"):
        return [Problem("is a link by an absolute path", file=shown, mend="make it relative")]
    if (os.path.dirname(here) + os.sep).startswith(there + os.sep):  # noqa: PTH120 - as above
        return [Problem("is a link to a folder that it is in", file=shown)]
    return []


def _walk(
    folder: Path,
    most: int,
    what: str,
    *,
    folders: bool,
) -> tuple[list[_Entry], list[Problem]]:
    entries: list[_Entry] = []
    problems: list[Problem] = []
    if not os.path.lexists(folder):
        return entries, problems
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for entry in _below(descriptor, "", 0, problems):
            if folders or not stat.S_ISDIR(entry.mode):
                entries.append(entry)
            if len(entries) > most:
                problems.append(Problem(f"{what} has more than {most} files"))
                break
    finally:
        os.close(descriptor)
    return entries, problems


def _below(descriptor: int, prefix: str, depth: int, problems: list[Problem]) -> Iterator[_Entry]:
    if depth > _DEEPEST:
        place = printable(prefix[:_MOST_PROBLEMS])
        problems.append(Problem(f"folders are nested more than {_DEEPEST} deep", file=place))
        return
    with os.scandir(descriptor) as scan:
        names = sorted(scan, key=lambda found: found.name)
    for found in names:
        status = found.stat(follow_symlinks=False)
        path = prefix + found.name
        linked = stat.S_ISLNK(status.st_mode)
        target = os.readlink(found.name, dir_fd=descriptor) if linked else ""
        yield _Entry(path, status.st_mode, status.st_size, status.st_nlink, target)
        if stat.S_ISDIR(status.st_mode):
            inner = os.open(
                found.name,
                os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW,
                dir_fd=descriptor,
            )
            try:
                yield from _below(inner, f"{path}/", depth + 1, problems)
            finally:
                os.close(inner)


def _kind_problems(entries: list[_Entry]) -> list[Problem]:
    return [
        Problem(f"is {_KINDS[stat.S_IFMT(entry.mode)]}", file=printable(entry.path))
        for entry in entries
        if stat.S_IFMT(entry.mode) in _KINDS
    ]


def _size_problems(entries: list[_Entry], each: int, total: int, what: str) -> list[Problem]:
    regular = [entry for entry in entries if stat.S_ISREG(entry.mode)]
    problems = [
        Problem(f"has {entry.size} bytes; at most {each} are taken", file=printable(entry.path))
        for entry in regular
        if entry.size > each
    ]
    whole = sum(entry.size for entry in regular)
    if whole > total and not problems:
        problems.append(Problem(f"{what} has {whole} bytes in all; at most {total} are taken"))
    return problems


def _contents(folder: Path, entries: list[_Entry]) -> Iterator[tuple[str, File]]:
    for entry in entries:
        if stat.S_ISLNK(entry.mode):
            yield entry.path, File(entry.target.encode(), link=True)
            continue
        descriptor = os.open(
            folder / entry.path,
            os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
        )
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnsafeTreeError([Problem("is not a file", file=printable(entry.path))])
            yield entry.path, File(file.read(), executable=bool(entry.mode & stat.S_IXUSR))
