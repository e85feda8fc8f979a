"""Templates by location: folders, repositories on this machine, and Git addresses.

A folder that is not itself the root of a repository counts as it stands, with changes that are not
committed; a repository counts by its commits. Submodules are not fetched. Checkouts have the line
ends that `.gitattributes` asks for, as a clone has; filters (Git LFS) are not run.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pygit2

from thinkube_catalog.adapters.git.checkouts import Checkouts, is_exact
from thinkube_catalog.adapters.git.layout import is_repository
from thinkube_catalog.adapters.git.locations import Local, Remote, read_location
from thinkube_catalog.adapters.git.mirror import REMOTE_HEAD, Mirrors
from thinkube_catalog.adapters.git.objects import (
    describe,
    find_commit,
    open_repository,
    peel,
    tags,
)
from thinkube_catalog.adapters.git.program import GitFailedError
from thinkube_catalog.adapters.git.seen_tags import SeenTags
from thinkube_catalog.adapters.locks import LockTimeoutError
from thinkube_catalog.adapters.versions import newest_final, newest_first
from thinkube_catalog.domain.catalog import (
    Release,
    ReleaseMovedError,
    ReleaseNotFoundError,
    Source,
    SourceUnavailableError,
)
from thinkube_catalog.operations.folders import read_folder

_LEAST_SECONDS = 1.0
"""Between two fetches of one address, whatever is asked for."""

_REF = re.compile(r"\w[\w./+@#-]{0,249}")
_FULL_ID = re.compile(r"[0-9a-f]{40}")
_SHORT_ID = re.compile(r"[0-9a-f]{7,40}")
_DESCRIBED = re.compile(r".+-[0-9]+-g([0-9a-f]{7,40})")


@dataclass(frozen=True)
class _Repository:
    """An opened repository and what was found in it."""

    location: str
    git: pygit2.Repository
    tags: Mapping[str, str]
    moved: Mapping[str, str]
    head: str | None
    record: Path


class GitTemplateSources:
    """Keeps mirrors, checkouts and seen tags below `root`; safe between processes and threads."""

    def __init__(
        self,
        root: Path,
        *,
        fetch_seconds: float = 120.0,
        fresh_seconds: float = 60.0,
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        """Take a fetch for current for `fresh_seconds`.

        `tokens` are access tokens by scheme and host, as in {"https://git.example.org": "..."}.
        """
        self._mirrors = Mirrors(root / "mirrors", fetch_seconds)
        self._checkouts = Checkouts(root / "checkouts", fetch_seconds)
        self._seen = SeenTags(root / "seen-tags")
        self._fresh_seconds = fresh_seconds
        self._tokens = dict(tokens or {})

    def releases(self, location: str) -> Sequence[Release]:
        with _unavailable(location):
            place = read_location(location)
            if isinstance(place, Local) and not self._is_git(place, location):
                return []
            repository = self._open(location, place)
            return [
                Release(location, tag, repository.tags[tag])
                for tag in newest_first(repository.tags)
                if tag not in repository.moved
            ]

    def resolve(self, source: Source) -> Release:
        with _unavailable(source.location):
            place = read_location(source.location)
            if isinstance(place, Local) and not self._is_git(place, source.location):
                return self._resolve_folder(source, place.path)
            if isinstance(place, Remote) and self._is_fixed(source.ref, place):
                repository = self._opened(source.location, place, self._mirrors.path(place))
            else:
                repository = self._open(source.location, place)
            commit = self._commit_of(repository, source, place)
            return Release(source.location, _version_of(repository, commit), commit)

    def checkout(self, release: Release) -> Path:
        there = self._checkouts.find(release.commit)
        if there is not None:
            return there
        source = Source(release.location, release.commit)
        if not is_exact(release.commit):
            raise ReleaseNotFoundError(source)
        with _unavailable(release.location):
            place = read_location(release.location)
            if isinstance(place, Local) and not self._is_git(place, release.location):
                if self._resolve_folder(Source(release.location), place.path) != release:
                    raise ReleaseNotFoundError(source)
                return self._checkouts.from_files(read_folder(place.path))
            if isinstance(place, Remote) and not self._mirrors.path(place).exists():
                repository = self._open(release.location, place)
            else:
                repository = self._opened(release.location, place, self._path(place))
            commit = self._commit_of(repository, source, place)
            objects = Path(repository.git.path) / "objects"
            return self._checkouts.from_commit(commit, objects)

    def fetch(self, location: str, ref: str = "") -> Path:
        """Resolve and check out in one: the folder of what that location means now."""
        return self.checkout(self.resolve(Source(location, ref)))

    def _is_git(self, place: Local, location: str) -> bool:
        if not place.path.is_dir():
            raise SourceUnavailableError(location, "there is no such folder")
        return is_repository(place.path)

    def _resolve_folder(self, source: Source, folder: Path) -> Release:
        if source.ref:
            raise ReleaseNotFoundError(source)
        files = read_folder(folder)
        # The folder may change at any time: what the release means is kept at once.
        digest = files.digest()
        if self._checkouts.find(digest) is None:
            self._checkouts.from_files(files)
        return Release(source.location, "", digest)

    def _is_fixed(self, ref: str, remote: Remote) -> bool:
        """Say whether the mirror knows the ref already and what it means cannot change."""
        path = self._mirrors.path(remote)
        if not ref or not path.exists():
            return False
        git = open_repository(path)
        return find_commit(git, ref) is not None or ref in tags(git)

    def _commit_of(self, found: _Repository, source: Source, place: Local | Remote) -> str:
        """Find the commit; a ref made since the last fetch, however recent, is fetched."""
        try:
            return _commit_of(found, source)
        except ReleaseNotFoundError:
            if isinstance(place, Local) or self._mirrors.age(place) < _LEAST_SECONDS:
                raise
            self._mirrors.fetch(place, self._token(place), _LEAST_SECONDS)
            again = self._opened(source.location, place, self._mirrors.path(place))
            return _commit_of(again, source)

    def _path(self, place: Local | Remote) -> Path:
        return place.path if isinstance(place, Local) else self._mirrors.path(place)

    def _open(self, location: str, place: Local | Remote) -> _Repository:
        if isinstance(place, Remote) and self._mirrors.age(place) > self._fresh_seconds:
            self._mirrors.fetch(place, self._token(place), self._fresh_seconds)
        return self._opened(location, place, self._path(place))

    def _opened(self, location: str, place: Local | Remote, path: Path) -> _Repository:
        git = open_repository(path)
        found = tags(git)
        name = place.url if isinstance(place, Remote) else str(place.path.resolve())
        head = peel(git, REMOTE_HEAD if isinstance(place, Remote) else "HEAD")
        moved = self._seen.remember(name, found)
        return _Repository(location, git, found, moved, head, self._seen.record(name))

    def _token(self, remote: Remote) -> str:
        parts = urlsplit(remote.url)
        return self._tokens.get(f"{parts.scheme}://{parts.netloc}", "")


@contextmanager
def _unavailable(location: str) -> Iterator[None]:
    try:
        yield
    except LockTimeoutError as error:
        reason = "another process has been fetching it all the time"
        raise SourceUnavailableError(location, reason) from error
    except (GitFailedError, pygit2.GitError, OSError) as error:
        raise SourceUnavailableError(location, str(error)) from error


def _commit_of(repository: _Repository, source: Source) -> str:
    """Return the commit that the ref means: a full id, a tag, a branch, HEAD, a shorter id."""
    ref = source.ref or newest_final(repository.tags)
    found = _named(repository, ref) if ref else repository.head
    if found is None:
        raise ReleaseNotFoundError(source, newest_first(repository.tags)[:10])
    return found


def _named(repository: _Repository, ref: str) -> str | None:
    if not _REF.fullmatch(ref) or ".." in ref or "@{" in ref:
        return None
    if _FULL_ID.fullmatch(ref):
        return ref if find_commit(repository.git, ref) is not None else None
    if ref in repository.tags:
        if ref in repository.moved:
            record = str(repository.record)
            before, now = repository.moved[ref], repository.tags[ref]
            raise ReleaseMovedError(repository.location, ref, before, now, record)
        return repository.tags[ref]
    if ref == "HEAD":
        return repository.head
    return peel(repository.git, f"refs/heads/{ref}") or _by_short_id(repository.git, ref)


def _by_short_id(git: pygit2.Repository, ref: str) -> str | None:
    described = _DESCRIBED.fullmatch(ref)
    short = described[1] if described else ref
    if not _SHORT_ID.fullmatch(short):
        return None
    try:
        found = str(git.expand_id(short))
    except (KeyError, ValueError, pygit2.GitError):
        return None
    return found if find_commit(git, found) is not None else None


def _version_of(repository: _Repository, commit: str) -> str:
    exact = [tag for tag, tagged in repository.tags.items() if tagged == commit]
    if len(exact) == 1:
        return exact[0]
    return _described(repository.git.path, commit, frozenset(repository.tags.items()))


@functools.lru_cache(maxsize=1024)
def _described(path: str, commit: str, _tags: frozenset[tuple[str, str]]) -> str:
    """Describe a commit; the tags are part of what the answer depends on."""
    return describe(open_repository(Path(path)), commit)
