"""A forge in a folder: bare repositories `<root>/<owner>/<name>.git` that people clone by path.

A repository is made aside and renamed in, a publication stores its objects first and moves the
branch last: killed anywhere, there is nothing or the whole. The history of a branch cannot be
rewritten by a push (`receive.denyNonFastForwards`): roll-out and rollback stand on it.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pygit2

from thinkube_catalog.adapters.aside import emptied_aside
from thinkube_catalog.adapters.git.layout import make_bare
from thinkube_catalog.adapters.git.objects import (
    create_commit,
    find_commit,
    first_parents,
    open_repository,
    peel,
    read_tree,
    to_commit,
    tree_id,
    write_tree,
)
from thinkube_catalog.adapters.git.proposals import (
    BRANCHES,
    accepted,
    is_repeated,
    proposed,
    read_proposal,
)
from thinkube_catalog.adapters.git.publications import published_already
from thinkube_catalog.adapters.git.references import (
    ReferenceFaultError,
    has_abandoned,
    list_references,
    move_reference,
    read_reference,
    release_abandoned,
    remove_reference,
)
from thinkube_catalog.adapters.locks import LockTimeoutError, holding
from thinkube_catalog.domain.forge import (
    Build,
    Change,
    Commit,
    CommitNotFoundError,
    ForgeUnavailableError,
    Proposal,
    ProposalMovedError,
    Repository,
    RepositoryNotFoundError,
    RepositoryTakenError,
    RolloutState,
    Signature,
    TagMovedError,
    check_proposal,
    check_publication,
    check_repository,
)
from thinkube_catalog.domain.rendering import FileTree

_MAIN = "refs/heads/main"
_LOST_RACES = 100
_MARKER = "catalog-marker"
_PUBLISHING = "publishing.lock"
_CONFIG = """\
[receive]
\tdenyNonFastForwards = true
\tdenyDeletes = true
\tfsckObjects = true
"""


class LocalForge:
    """Repositories below one folder, safe between processes and beside `git push`."""

    def __init__(self, root: Path, lock_seconds: float = 30.0) -> None:
        self._root = root
        self._lock_seconds = lock_seconds

    def ensure_repository(self, repository: Repository, marker: str) -> str:
        path = self._path(repository)
        if not path.exists():
            self._root.mkdir(parents=True, exist_ok=True)
            with self._locked(self._root / ".lock"):
                if not path.exists():
                    self._make(path, marker)
        if _marker(path) != marker:
            raise RepositoryTakenError(repository)
        return str(path)

    def publish(
        self,
        repository: Repository,
        files: FileTree,
        message: str,
        signature: Signature,
        tag: str = "",
    ) -> Commit:
        check_publication(files, tag)
        path = self._existing(repository)
        tree = tree_id(files)
        with self._publishing(repository, path):
            git = open_repository(path)
            self._refuse_to_move(repository, git, tag, tree)
            head = read_reference(path, _MAIN)
            commit = published_already(git, head, tree, message, signature)
            if commit is None:
                commit = self._advance(path, git, write_tree(git, files), message, signature)
            if tag and peel(git, f"refs/tags/{tag}") is None:
                move_reference(path, f"refs/tags/{tag}", None, str(commit.id))
            return to_commit(commit)

    def head(self, repository: Repository) -> Commit | None:
        path = self._existing(repository)
        if has_abandoned(path):
            _mend(path)
        commit = _main(path)
        return None if commit is None else _commit(path, commit)

    def files(self, repository: Repository, commit: str) -> FileTree:
        git = open_repository(self._existing(repository))
        found = find_commit(git, commit)
        if found is None:
            raise CommitNotFoundError(repository, commit)
        return read_tree(found.tree)

    def history(self, repository: Repository, limit: int = 50) -> Sequence[Commit]:
        path = self._existing(repository)
        start = _main(path)
        if start is None:
            return []
        commits = first_parents(open_repository(path), pygit2.Oid(hex=start))
        return [to_commit(commit) for commit in islice(commits, limit)]

    def propose(
        self,
        repository: Repository,
        change: Change,
        branch: str,
        onto: str,
        head: str = "",
    ) -> Proposal:
        check_proposal(branch, change.files)
        path, name = self._existing(repository), BRANCHES + branch
        with self._publishing(repository, path):
            git = open_repository(path)
            there = read_reference(path, name)
            if not _is_proposed(git, there, change, head):
                commit = proposed(git, repository, change, onto, head)
                if there != (head or None):
                    raise ProposalMovedError(repository, branch)
                if str(commit.id) != head and not move_reference(path, name, there, str(commit.id)):
                    raise ProposalMovedError(repository, branch)
                there = str(commit.id)
            found = read_proposal(git, name, there or head, read_reference(path, _MAIN) or onto)
        return found or Proposal(branch, (_commit(path, there or head),), onto)

    def proposals(self, repository: Repository, prefix: str) -> Sequence[Proposal]:
        path = self._existing(repository)
        folder, _, _ = (BRANCHES + prefix).rpartition("/")
        main = _main(path)
        if main is None:
            return []
        try:
            names = list_references(path, f"{folder}/")
        except ReferenceFaultError as error:
            raise ForgeUnavailableError(f"{repository}: {error}") from error
        git = open_repository(path)
        found = [
            read_proposal(git, name, head, main)
            for name, head in names.items()
            if name.startswith(BRANCHES + prefix)
        ]
        return [each for each in found if each is not None]

    def accept(
        self, repository: Repository, proposal: Proposal, change: Change, onto: str
    ) -> Commit:
        check_publication(change.files)
        path, name = self._existing(repository), BRANCHES + proposal.branch
        with self._publishing(repository, path):
            git = open_repository(path)
            commit = accepted(git, repository, proposal, change, onto)
            main = read_reference(path, _MAIN)
            if main is None or not _is_in_history(git, commit, main):
                moved = main != onto or read_reference(path, name) != proposal.head
                if moved or not move_reference(path, _MAIN, onto, str(commit.id)):
                    raise ProposalMovedError(repository, proposal.branch)
            remove_reference(path, name, proposal.head)
            return to_commit(commit)

    def withdraw(self, repository: Repository, proposal: Proposal) -> None:
        path, name = self._existing(repository), BRANCHES + proposal.branch
        with self._publishing(repository, path):
            there = read_reference(path, name)
            if there is not None and not remove_reference(path, name, proposal.head):
                raise ProposalMovedError(repository, proposal.branch)

    def remove_repository(self, repository: Repository, marker: str) -> None:
        path = self._path(repository)
        if not path.exists():
            return
        if _marker(path) != marker:
            raise RepositoryTakenError(repository)
        with self._locked(self._root / ".lock"), self._publishing(repository, path):
            aside = emptied_aside(self._root) / path.name
            path.rename(aside)
            shutil.rmtree(aside)

    def connect(self, repository: Repository, marker: str) -> None:
        """Find it in order: nobody has to be told of a push to a folder, and nothing builds."""
        if _marker(self._existing(repository)) != marker:
            raise RepositoryTakenError(repository)

    def disconnect(self, repository: Repository, marker: str) -> None:  # noqa: ARG002 (nothing is there)
        """Do nothing: `connect` has put nothing there."""
        check_repository(repository)

    def build(self, repository: Repository, commit: str) -> Build | None:
        """Return None: nothing is built here."""

    def show_rollout(
        self, repository: Repository, commit: str, state: RolloutState, description: str
    ) -> None:
        """Do nothing: a bare repository has no place for it."""

    def _path(self, repository: Repository) -> Path:
        check_repository(repository)
        return self._root / repository.owner / f"{repository.name}.git"

    def _existing(self, repository: Repository) -> Path:
        path = self._path(repository)
        if not path.exists():
            raise RepositoryNotFoundError(repository)
        return path

    def _make(self, path: Path, marker: str) -> None:
        aside = emptied_aside(self._root) / path.name
        make_bare(aside, _CONFIG)
        (aside / _MARKER).write_text(marker)
        path.parent.mkdir(exist_ok=True)
        aside.rename(path)

    @contextmanager
    def _publishing(self, repository: Repository, path: Path) -> Iterator[None]:
        try:
            with self._locked(path / _PUBLISHING):
                release_abandoned(path)
                yield
        except FileNotFoundError as error:
            if path.exists():
                raise
            raise RepositoryNotFoundError(repository) from error
        except ReferenceFaultError as error:
            raise ForgeUnavailableError(f"{repository}: {error}") from error

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        try:
            with holding(path, self._lock_seconds):
                yield
        except LockTimeoutError as error:
            raise ForgeUnavailableError(
                f"another process has held {error} for {self._lock_seconds:g} s",
            ) from error

    @staticmethod
    def _refuse_to_move(
        repository: Repository,
        git: pygit2.Repository,
        tag: str,
        tree: pygit2.Oid,
    ) -> None:
        there = peel(git, f"refs/tags/{tag}") if tag else None
        if there is not None:
            tagged = find_commit(git, there)
            if tagged is None or tagged.tree_id != tree:
                raise TagMovedError(repository, tag)

    @staticmethod
    def _advance(
        path: Path,
        git: pygit2.Repository,
        tree: pygit2.Oid,
        message: str,
        signature: Signature,
    ) -> pygit2.Commit:
        """Commit on top of what is there, and again on top of that when a push was quicker."""
        for _ in range(_LOST_RACES):
            head = read_reference(path, _MAIN)
            there = published_already(git, head, tree, message, signature)
            if there is not None:
                return there
            parents = [] if head is None else [pygit2.Oid(hex=head)]
            commit = create_commit(git, tree, parents, message, signature)
            if move_reference(path, _MAIN, head, str(commit.id)):
                return commit
        raise ForgeUnavailableError(f"others push to {path} without a pause")


def _is_proposed(git: pygit2.Repository, there: str | None, change: Change, head: str) -> bool:
    """Say whether the branch holds this very change, proposed before."""
    found = find_commit(git, there or "")
    return found is not None and there != head and is_repeated(found, change)


def _is_in_history(git: pygit2.Repository, commit: pygit2.Commit, main: str) -> bool:
    return any(each.id == commit.id for each in first_parents(git, pygit2.Oid(hex=main)))


def _main(path: Path) -> str | None:
    try:
        return read_reference(path, _MAIN)
    except ReferenceFaultError as error:
        raise ForgeUnavailableError(str(error)) from error


def _mend(path: Path) -> None:
    """Free the branch for pushes when whoever published has been killed; else do nothing."""
    try:
        with holding(path / _PUBLISHING, 0):
            release_abandoned(path)
    except LockTimeoutError:
        return


def _marker(path: Path) -> str | None:
    try:
        return (path / _MARKER).read_text()
    except FileNotFoundError:
        return None


@functools.lru_cache(maxsize=1024)
def _commit(path: Path, commit: str) -> Commit:
    found = find_commit(open_repository(path), commit)
    if found is None:
        raise ForgeUnavailableError(f"{path} has lost its commit {commit}")
    return to_commit(found)
