"""A template's changelog: what it says of each version, as its author wrote it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from thinkube_catalog.operations.releases import is_newer

LONGEST = 256 * 1024
_FILES = ("CHANGELOG.md", "CHANGES.md", "HISTORY.md")
_HEADING = re.compile(r"^##\s+\[?v?(?P<version>[0-9][^\s\]]*)\]?.*$", re.MULTILINE)


def notes(root: Path) -> Mapping[str, str]:
    """Return the Markdown under each version's heading, by version without its `v`."""
    text = next((found for name in _FILES if (found := _text(root, name))), "")
    matches = list(_HEADING.finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)]
    return {
        match["version"]: text[match.end() : end].strip()
        for match, end in zip(matches, ends, strict=bool(matches))
    }


def between(root: Path, before: str, after: str) -> Mapping[str, str]:
    """Return the notes of the versions after one and up to another, as the file orders them."""
    upto = after.removeprefix("v")
    return {
        version: text
        for version, text in notes(root).items()
        if is_newer(version, before) and (version == upto or is_newer(after, version))
    }


def _text(root: Path, name: str) -> str:
    try:
        path = (root / name).resolve(strict=True)
        if not path.is_relative_to(root.resolve()) or not path.is_file():
            return ""
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except (OSError, RuntimeError, ValueError):
        return ""
    return content.decode("utf-8", "replace") if len(content) <= LONGEST else ""
