"""Publishing to a repository in Gitea: look, commit in the mirror, push if nobody was quicker.

The same publication gives the same commit, so after a lost answer the next look finds it in place.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pygit2

from thinkube_catalog.adapters.git.objects import create_commit, to_commit, tree_id, write_tree
from thinkube_catalog.adapters.git.publications import published_already
from thinkube_catalog.adapters.gitea.mirror import LostRaceError, Mirror
from thinkube_catalog.adapters.gitea.repositories import Repositories
from thinkube_catalog.domain.forge import (
    Commit,
    ForgeUnavailableError,
    Repository,
    RepositoryTakenError,
    Signature,
    TagMovedError,
)
from thinkube_catalog.domain.rendering import FileTree

MAIN = "refs/heads/main"
MARKER = "refs/catalog/marker"

_LOST_RACES = 100
_FAILURES = 4
_PAUSE = 0.05


@dataclass(frozen=True)
class Publication:
    """What is to be published; `tag` is empty or a name without `refs/tags/`.

    `marker` is what `refs/catalog/marker` has to hold, where it is not there yet.
    """

    files: FileTree
    message: str
    signature: Signature
    tag: str = ""
    marker: bytes = b""

    @property
    def tag_reference(self) -> str:
        return f"refs/tags/{self.tag}"


@dataclass(frozen=True)
class _There:
    """What the repository holds: the ids of the branch and of the tag (or its tag object)."""

    main: str | None
    tag: str | None


class Publisher:
    """Publishes to one repository; the caller holds its mirror."""

    def __init__(self, repositories: Repositories, repository: Repository, mirror: Mirror) -> None:
        self._repositories = repositories
        self._repository = repository
        self._mirror = mirror
        self._was_marked = False
        self.head = ""
        """The branch's newest commit, as the last publication left or found it."""

    def publish(self, publication: Publication) -> Commit:
        """Keep the promise of `Forge.publish`. Raises as it does, and LostRaceError."""
        failures = 0
        for _ in range(_LOST_RACES):
            try:
                return self._attempt(publication)
            except LostRaceError:
                self._was_marked = bool(publication.marker) and self._is_marked(publication.marker)
                threading.Event().wait(_PAUSE)
            except ForgeUnavailableError:
                # The push may have taken effect, or not: looking again tells.
                failures += 1
                if failures > _FAILURES:
                    raise
                threading.Event().wait(_PAUSE * 3**failures)
        raise ForgeUnavailableError(f"others push to {self._repository} without a pause")

    def _attempt(self, publication: Publication) -> Commit:
        there = self.look(publication.tag)
        git = self._mirror.git
        self._refuse_to_move(git, there, publication)
        commit = _found(git, there.main, publication)
        targets: dict[str, str] = {}
        if commit is None:
            commit = _made(git, there.main, publication)
            targets[MAIN] = str(commit.id)
        if publication.tag and there.tag is None:
            targets[publication.tag_reference] = str(commit.id)
        if publication.marker and not self._was_marked:
            targets[MARKER] = str(git.create_blob(publication.marker))
        if targets:
            self._mirror.push(targets, {MAIN: there.main})
        self.head = targets.get(MAIN) or there.main or ""
        return to_commit(commit)

    def _is_marked(self, marker: bytes) -> bool:
        """Raise RepositoryTakenError if somebody else has put another there meanwhile."""
        prefix = MARKER.removeprefix("refs/")
        there = self._repositories.references(self._repository, prefix).get(MARKER)
        if there not in {None, str(self._mirror.git.create_blob(marker))}:
            raise RepositoryTakenError(self._repository)
        return there is not None

    def look(self, tag: str = "") -> _There:
        """See what the repository holds now, and bring it here."""
        main = self._repositories.references(self._repository, "heads/main").get(MAIN)
        name = f"refs/tags/{tag}"
        tags = self._repositories.references(self._repository, f"tags/{tag}") if tag else {}
        wanted = {MAIN: main, name: tags.get(name)}
        missing = [each for each, id_ in wanted.items() if id_ and not self._mirror.holds(id_)]
        if missing:
            self._mirror.fetch(missing)
        there = _There(main, tags.get(name))
        if any(id_ and not self._mirror.holds(id_) for id_ in (there.main, there.tag)):
            raise LostRaceError("what was there a moment ago is not there any more")
        return there

    def _refuse_to_move(
        self, git: pygit2.Repository, there: _There, publication: Publication
    ) -> None:
        if there.tag is None:
            return
        tagged = git[pygit2.Oid(hex=there.tag)]
        try:
            tree = tagged.peel(pygit2.Tree).id
        except (ValueError, pygit2.GitError):
            tree = None
        if tree != tree_id(publication.files):
            raise TagMovedError(self._repository, publication.tag)


def _found(
    git: pygit2.Repository, head: str | None, publication: Publication
) -> pygit2.Commit | None:
    tree = tree_id(publication.files)
    return published_already(git, head, tree, publication.message, publication.signature)


def _made(git: pygit2.Repository, head: str | None, publication: Publication) -> pygit2.Commit:
    parents = [] if head is None else [pygit2.Oid(hex=head)]
    tree = write_tree(git, publication.files)
    return create_commit(git, tree, parents, publication.message, publication.signature)
