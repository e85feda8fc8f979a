"""Template sources over the repositories of a MemoryForge, and over folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from thinkube_catalog.adapters.git.checkouts import Checkouts, is_exact
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.versions import newest_final, newest_first
from thinkube_catalog.domain.catalog import (
    Release,
    ReleaseNotFoundError,
    Source,
    SourceUnavailableError,
)
from thinkube_catalog.domain.forge import Repository, RepositoryNotFoundError
from thinkube_catalog.operations.folders import read_folder

_SCHEME = "memory://"
_SHORTEST_ID = 7
_CHECKOUT_SECONDS = 30.0


class MemoryTemplateSources:
    """Reads `memory://owner/name.git`; checkouts lie below `root`, since readers need files."""

    def __init__(self, root: Path, forge: MemoryForge) -> None:
        self._checkouts = Checkouts(root, _CHECKOUT_SECONDS)
        self._forge = forge

    def releases(self, location: str) -> Sequence[Release]:
        if _is_folder(location):
            return []
        tags = self._tags(location)
        return [Release(location, tag, tags[tag]) for tag in newest_first(tags)]

    def resolve(self, source: Source) -> Release:
        if _is_folder(source.location):
            return self._resolve_folder(source)
        tags = self._tags(source.location)
        ids = [commit.id for commit in self._forge.history(_repository(source.location), 10_000)]
        ref = source.ref or newest_final(tags) or "HEAD"
        commit = tags.get(ref) or _find(ref, ids)
        if commit is None:
            raise ReleaseNotFoundError(source, newest_first(tags)[:10])
        return Release(source.location, _describe(commit, ids, tags), commit)

    def checkout(self, release: Release) -> Path:
        there = self._checkouts.find(release.commit)
        if there is not None:
            return there
        source = Source(release.location, release.commit)
        if not is_exact(release.commit) or self.resolve(source) != release:
            raise ReleaseNotFoundError(source)
        files = self._forge.files(_repository(release.location), release.commit)
        return self._checkouts.from_files(files)

    def _resolve_folder(self, source: Source) -> Release:
        if source.ref:
            raise ReleaseNotFoundError(source)
        files = read_folder(Path(source.location))
        self._checkouts.from_files(files)
        return Release(source.location, "", files.digest())

    def _tags(self, location: str) -> Mapping[str, str]:
        try:
            return self._forge.tags(_repository(location))
        except RepositoryNotFoundError as error:
            raise SourceUnavailableError(location, str(error)) from error


def _is_folder(location: str) -> bool:
    return not location.startswith(_SCHEME) and Path(location).is_dir()


def _repository(location: str) -> Repository:
    owner, slash, name = location.removeprefix(_SCHEME).removesuffix(".git").partition("/")
    if not location.startswith(_SCHEME) or not slash:
        raise SourceUnavailableError(location, "there is no such folder")
    return Repository(owner, name)


def _find(ref: str, ids: Sequence[str]) -> str | None:
    if ref in {"HEAD", "main"}:
        return ids[0] if ids else None
    short = ref.rpartition("-g")[2]
    return next((one for one in ids if len(short) >= _SHORTEST_ID and one.startswith(short)), None)


def _describe(commit: str, ids: Sequence[str], tags: Mapping[str, str]) -> str:
    tagged = {tags[tag]: tag for tag in reversed(newest_first(tags))}
    older = ids[ids.index(commit) :]
    for distance, one in enumerate(older):
        if one in tagged:
            return f"{tagged[one]}-{distance}-g{commit[:7]}" if distance else tagged[one]
    return commit[:7]
