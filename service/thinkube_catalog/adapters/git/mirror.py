"""Mirrors of remote repositories: one bare repository per address, fetched under a lock."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from thinkube_catalog.adapters.aside import emptied_aside
from thinkube_catalog.adapters.git.layout import make_bare
from thinkube_catalog.adapters.git.locations import Remote, pinned
from thinkube_catalog.adapters.git.program import git_environment, run_git
from thinkube_catalog.adapters.locks import holding

REMOTE_HEAD = "refs/catalog/HEAD"
"""Where a mirror keeps the commit that the remote's own HEAD means."""

_FETCHED = "catalog-fetched"
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", f"+HEAD:{REMOTE_HEAD}")


class Mirrors:
    """Below `root`, safe between processes; `seconds` is the deadline of a fetch."""

    def __init__(self, root: Path, seconds: float) -> None:
        self._root = root
        self._seconds = seconds

    def path(self, remote: Remote) -> Path:
        return self._root / f"{hashlib.sha256(remote.url.encode()).hexdigest()}.git"

    def age(self, remote: Remote) -> float:
        """Return the seconds since the last complete fetch; infinite if there was none."""
        try:
            fetched = (self.path(remote) / _FETCHED).stat().st_mtime
        except FileNotFoundError:
            return float("inf")
        return max(0.0, time.time() - fetched)

    def fetch(self, remote: Remote, token: str, fresh_seconds: float) -> None:
        """Fetch branches and tags, unless somebody else just did; submodules never.

        Raises GitFailedError, OSError, LocationRefusedError or LockTimeoutError.
        """
        path = self._made(remote)
        with holding(path / "mirror.lock", self._seconds) as lock:
            if self.age(remote) <= fresh_seconds:
                return
            _remove_locks_of_killed(path)
            run_git(
                [
                    *("fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head"),
                    *("--no-recurse-submodules", "--", remote.url, *_REFSPECS),
                ],
                seconds=self._seconds,
                environment=git_environment(path, pinned(remote), token),
                kept_open=[lock],
            )
            (path / _FETCHED).touch()

    def _made(self, remote: Remote) -> Path:
        path = self.path(remote)
        if not path.exists():
            self._root.mkdir(parents=True, exist_ok=True)
            with holding(self._root / ".lock", self._seconds):
                if not path.exists():
                    aside = emptied_aside(self._root) / path.name
                    make_bare(aside)
                    aside.rename(path)
        return path


def _remove_locks_of_killed(mirror: Path) -> None:
    """Nobody but the holder of the mirror's lock writes here, so Git's own locks are left-overs."""
    for lock in (*mirror.glob("refs/**/*.lock"), *mirror.glob("*-refs.lock")):
        lock.unlink(missing_ok=True)
