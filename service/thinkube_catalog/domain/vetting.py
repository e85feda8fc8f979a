"""Which names and links may be in a tree that comes from outside.

A good name means the same file everywhere: in Git, on a disk that folds case or normalises Unicode,
in a terminal and on a page; and it can never be taken for a part of Git's own folder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from thinkube_catalog.domain.errors import Problem

LONGEST_NAME = 255
"""Bytes of one name in UTF-8; what common file systems take."""

LONGEST_PATH = 1024
"""Bytes of a whole relative path in UTF-8."""

_DIRECTING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_IGNORABLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\u00ad]")
_GIT_FOLDER = re.compile(r"(\.git|git~[0-9]+)[ .]*(:.*)?", re.IGNORECASE)
_CONTROL_CATEGORIES = frozenset(["Cc", "Cs", "Zl", "Zp"])


def path_problems(paths: Iterable[str]) -> list[Problem]:
    """List everything wrong with these relative paths of files, each alone and all together."""
    every = list(paths)
    problems = [
        Problem(message, file=printable(path)) for path in every for message in _faults(path)
    ]
    return [*problems, *_collisions(every)]


def link_problems(path: str, target: str) -> list[Problem]:
    """Say what is wrong with a symbolic link at `path` in a tree.

    A link may only go up first and down then: so it stays inside whatever other links there are.
    """
    shown = printable(path)
    parts = target.split("/")
    up = 0
    while up < len(parts) and parts[up] in {"..", "."}:
        up += 1
    ups = parts[:up].count("..")
    if target.startswith("/") or not target or ".." in parts[up:] or ups > path.count("/"):
        return [
            Problem(
                f"is a link to {printable(target)}, which is not inside the tree",
                file=shown,
                mend="link only to files of the template, by a relative path",
            ),
        ]
    name = path.rsplit("/", 1)[-1].casefold()
    if name.startswith(".git"):
        return [Problem("is a link where Git reads its own settings", file=shown)]
    return [
        Problem(f"is a link to {printable(target)}: {message}", file=shown)
        for part in parts[up:]
        for message in _name_faults(part)
        if part
    ]


def printable(text: str) -> str:
    """Return the text with everything that does not show itself written as an escape."""
    return "".join(
        letter if letter.isprintable() and letter not in _DIRECTING else _escaped(letter)
        for letter in text
    )


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte


def _faults(path: str) -> Iterator[str]:
    if len(path.encode("utf-8", "surrogatepass")) > LONGEST_PATH:
        yield f"the path is longer than {LONGEST_PATH} bytes"
    if path.startswith("/"):
        yield "the path is absolute"
    for name in path.removeprefix("/").split("/"):
        yield from _name_faults(name)


def _name_faults(name: str) -> Iterator[str]:
    if name in {"", ".", ".."}:
        yield f"a part of the path is {name!r}"
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        yield f"a name is longer than {LONGEST_NAME} bytes"
    categories = {unicodedata.category(letter) for letter in name}
    if "Cs" in categories:
        yield "a name is not UTF-8"
    elif categories & _CONTROL_CATEGORIES:
        yield "a name has control characters"
    if _DIRECTING.intersection(name):
        yield "a name has characters that change the direction of writing"
    if "\\" in name:
        yield "a name has a backslash, which separates folders elsewhere"
    bare = _IGNORABLE.sub("", unicodedata.normalize("NFKC", name))
    if _GIT_FOLDER.fullmatch(bare):
        yield f"{printable(name)} is kept for Git's own folder"
    elif bare.casefold() == ".gitmodules":
        yield "submodules are not taken"


def _collisions(paths: list[str]) -> list[Problem]:
    seen: dict[str, str] = {}
    problems = []
    for whole in sorted(paths):
        parts = whole.split("/")
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            other = seen.setdefault(_folded(path), path)
            if other != path:
                problems.append(
                    Problem(
                        f"is the same name as {printable(other)} on disks that do not tell "
                        "capital letters or Unicode forms apart",
                        file=printable(whole),
                    ),
                )
                break
    return problems


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())
