"""Checked-out releases: one folder per commit or content, made aside, never written again."""

from __future__ import annotations

import os
import re
from pathlib import Path

from thinkube_catalog.adapters.aside import emptied_aside
from thinkube_catalog.adapters.git.layout import make_bare
from thinkube_catalog.adapters.git.program import git_environment, run_git
from thinkube_catalog.adapters.locks import holding
from thinkube_catalog.domain.rendering import File, FileTree

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_EMPTY = "empty.git"


def is_exact(made_of: str) -> bool:
    """Say whether the text can be a full commit id or the digest of a content."""
    return _ID.fullmatch(made_of) is not None


class Checkouts:
    """Below `root`, safe between processes; `seconds` is the deadline of one checkout."""

    def __init__(self, root: Path, seconds: float) -> None:
        self._root = root
        self._seconds = seconds

    def find(self, made_of: str) -> Path | None:
        """Return the folder of that commit id or content digest, None if it is not there yet."""
        path = self._root / made_of
        return path if is_exact(made_of) and path.is_dir() else None

    def from_commit(self, commit: str, objects: Path) -> Path:
        """Check a commit out that is in that folder of objects, with the modes of umask 022.

        Git reads no configuration of the repository that the objects come from.
        Raises GitFailedError or LockTimeoutError.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        with holding(self._root / ".lock", self._seconds):
            aside = emptied_aside(self._root)
            make_bare(aside / _EMPTY)
            place = aside / commit
            place.mkdir()
            environment = git_environment(aside / _EMPTY)
            environment |= {
                "GIT_WORK_TREE": str(place),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(objects),
            }
            run_git(
                ["read-tree", "-u", "--reset", commit],
                seconds=self._seconds,
                environment=environment,
            )
            return self._finish(place)

    def from_files(self, files: FileTree) -> Path:
        """Write the files out under their digest. Raises LockTimeoutError."""
        digest = files.digest()
        self._root.mkdir(parents=True, exist_ok=True)
        with holding(self._root / ".lock", self._seconds):
            place = emptied_aside(self._root) / digest
            place.mkdir()
            for path, file in files.items():
                _write(place / path, file)
            return self._finish(place)

    def _finish(self, place: Path) -> Path:
        path = self._root / place.name
        if not path.exists():
            place.rename(path)
        return path


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.link:
        path.symlink_to(os.fsdecode(file.content))
        return
    path.write_bytes(file.content)
    path.chmod(0o755 if file.executable else 0o644)


def _quoted(path: Path) -> str:
    """Quote a path for a list that Git separates by colons (git(1), object directories)."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
