"""What we hold of a repository in Gitea: its objects, to read from and to build commits in.

One bare repository per numeric id, so that another repository of the same name is another mirror.
It is a cache: whatever is in it came from Gitea or is a commit that can be made again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pygit2

from thinkube_catalog.adapters.aside import emptied_aside
from thinkube_catalog.adapters.git.layout import make_bare
from thinkube_catalog.adapters.git.locations import (
    LocationRefusedError,
    Remote,
    pinned,
    read_location,
)
from thinkube_catalog.adapters.git.objects import find_commit, open_repository
from thinkube_catalog.adapters.git.program import GitFailedError, git_environment, run_git
from thinkube_catalog.adapters.locks import LockTimeoutError, holding
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError

_LOST_RACE = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref"
    r"|incorrect old value|reference already exists"
)
_REFUSED = re.compile(r"hook declined|protected|error: 40[13]|Authentication failed|log-in")


class LostRaceError(Exception):
    """A reference did not hold what the push expected: somebody else was quicker."""


class Mirror:
    """The mirror of one repository at `url`; `seconds` is the deadline of a fetch or push."""

    def __init__(self, path: Path, url: str, token: str, seconds: float) -> None:
        self.path = path
        self._url = url
        self._token = token
        self._seconds = seconds

    @property
    def git(self) -> pygit2.Repository:
        """The repository, opened anew: it shares nothing between threads."""
        return open_repository(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the mirror, made if absent, against other publications from this machine."""
        self._make()
        try:
            with holding(self.path / "mirror.lock", self._seconds):
                yield
        except LockTimeoutError as error:
            raise ForgeUnavailableError(
                f"another process has held {error} for {self._seconds:g} s"
            ) from error

    def has(self, commit: str) -> bool:
        """Say whether the commit of that full id is here, and with it all that it leads to."""
        return self.path.exists() and find_commit(self.git, commit) is not None

    def holds(self, object_id: str) -> bool:
        """Say whether any object of that id is here."""
        return pygit2.Oid(hex=object_id) in self.git

    def fetch(self, references: Sequence[str]) -> None:
        """Bring these references, which exist, and what they lead to.

        Raises LostRaceError if one is gone meanwhile, else as `_run`.
        """
        try:
            self._run(
                [
                    *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
                    *("--no-recurse-submodules", "--", self._url),
                    *(f"+{each}:{each}" for each in references),
                ]
            )
        except GitFailedError as error:
            if "find remote ref" in str(error):
                raise LostRaceError(str(error)) from error
            raise _failure(error) from error

    def push(self, targets: Mapping[str, str], expected: Mapping[str, str | None]) -> None:
        """Move all these references at once, each from what is expected (None: it is new).

        A target that is empty deletes its reference.

        Raises LostRaceError if one is not there any more, ForgeRefusedError,
        ForgeUnavailableError (then nobody knows whether it took effect).
        """
        leases = [f"--force-with-lease={name}:{expected.get(name) or ''}" for name in targets]
        moves = [f"{target}:{name}" for name, target in targets.items()]
        try:
            self._run(
                [
                    *("push", "--quiet", "--atomic", "--no-follow-tags"),
                    *("--recurse-submodules=no", *leases, "--", self._url, *moves),
                ]
            )
        except GitFailedError as error:
            if _LOST_RACE.search(str(error)):
                raise LostRaceError(str(error)) from error
            raise _failure(error) from error
        for name, target in targets.items():
            if target:
                self.git.references.create(name, pygit2.Oid(hex=target), force=True)
            elif name in self.git.references:
                self.git.references.delete(name)

    def _make(self) -> None:
        if self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with holding(self.path.parent / ".lock", self._seconds):
            if not self.path.exists():
                aside = emptied_aside(self.path.parent) / self.path.name
                make_bare(aside)
                aside.rename(self.path)

    def _run(self, arguments: Sequence[str]) -> None:
        remote = read_location(self._url)
        if not isinstance(remote, Remote):
            raise ForgeRefusedError("THINKUBE_GITEA_URL is no web address")
        try:
            environment = git_environment(self.path, pinned(remote), self._token)
        except (OSError, LocationRefusedError) as error:
            raise ForgeUnavailableError(str(error)) from error
        run_git(arguments, seconds=self._seconds, environment=environment)


def _failure(error: GitFailedError) -> ForgeRefusedError | ForgeUnavailableError:
    if _REFUSED.search(str(error)):
        return ForgeRefusedError(str(error))
    return ForgeUnavailableError(str(error))
