"""A forge in memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from thinkube_catalog.domain.forge import (
    Build,
    Change,
    Commit,
    CommitNotFoundError,
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
    plain_message,
    plain_signature,
)
from thinkube_catalog.domain.rendering import FileTree


@dataclass
class _Stored:
    marker: str
    history: list[tuple[Commit, Signature]] = field(default_factory=list)  # oldest first
    trees: dict[str, FileTree] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)


class MemoryForge:
    """Keeps repositories as long as the process lives."""

    def __init__(self) -> None:
        self.builds: dict[str, Build] = {}
        """What `build` answers, by commit."""
        self.connected: set[Repository] = set()
        self.rollouts: dict[str, tuple[RolloutState, str]] = {}
        """What people who look at a commit see."""
        self._repositories: dict[Repository, _Stored] = {}
        self._lock = threading.RLock()

    def ensure_repository(self, repository: Repository, marker: str) -> str:
        check_repository(repository)
        with self._lock:
            stored = self._repositories.setdefault(repository, _Stored(marker))
            if stored.marker != marker:
                raise RepositoryTakenError(repository)
        return f"memory://{repository}.git"

    def publish(
        self,
        repository: Repository,
        files: FileTree,
        message: str,
        signature: Signature,
        tag: str = "",
    ) -> Commit:
        check_publication(files, tag)
        signature, message = plain_signature(signature), plain_message(message)
        with self._lock:
            stored = self._existing(repository)
            if tag in stored.tags and stored.trees[stored.tags[tag]] != files:
                raise TagMovedError(repository, tag)
            commit = _published_already(stored, files, message, signature)
            if commit is None:
                commit = _append(stored, files, message, signature)
            if tag:
                stored.tags.setdefault(tag, commit.id)
            return commit

    def head(self, repository: Repository) -> Commit | None:
        with self._lock:
            history = self._existing(repository).history
            return history[-1][0] if history else None

    def files(self, repository: Repository, commit: str) -> FileTree:
        with self._lock:
            trees = self._existing(repository).trees
            if commit not in trees:
                raise CommitNotFoundError(repository, commit)
            return trees[commit]

    def history(self, repository: Repository, limit: int = 50) -> Sequence[Commit]:
        with self._lock:
            stored = self._existing(repository)
            return [commit for commit, _ in reversed(stored.history)][:limit]

    def propose(
        self,
        repository: Repository,
        change: Change,
        branch: str,
        onto: str,
        head: str = "",
    ) -> Proposal:
        check_proposal(branch, change.files)
        with self._lock:
            stored = self._existing(repository)
            for commit in (onto, *([head] if head else ())):
                if commit not in stored.trees:
                    raise CommitNotFoundError(repository, commit)
            there = stored.proposals.get(branch)
            commit = _made(change, [each for each in (head, onto) if each])
            if there is not None and there.head in {commit.id, head}:
                held = stored.trees[there.head] == change.files and there.base == onto
                if held or there.head == commit.id:
                    return there
            if (there.head if there is not None else "") != head:
                raise ProposalMovedError(repository, branch)
            stored.trees[commit.id] = change.files
            commits = (commit, *(there.commits if there is not None else ()))
            stored.proposals[branch] = Proposal(branch, commits, onto)
            return stored.proposals[branch]

    def proposals(self, repository: Repository, prefix: str) -> Sequence[Proposal]:
        with self._lock:
            proposals = self._existing(repository).proposals
            return [proposals[each] for each in sorted(proposals) if each.startswith(prefix)]

    def accept(
        self, repository: Repository, proposal: Proposal, change: Change, onto: str
    ) -> Commit:
        check_publication(change.files)
        with self._lock:
            stored = self._existing(repository)
            commit = _made(change, [onto, proposal.head])
            if any(each.id == commit.id for each, _ in stored.history):
                return commit
            there = stored.proposals.get(proposal.branch)
            if there is None or there.head != proposal.head or stored.history[-1][0].id != onto:
                raise ProposalMovedError(repository, proposal.branch)
            stored.history.append((commit, plain_signature(change.signature)))
            stored.trees[commit.id] = change.files
            del stored.proposals[proposal.branch]
            return commit

    def withdraw(self, repository: Repository, proposal: Proposal) -> None:
        with self._lock:
            proposals = self._existing(repository).proposals
            there = proposals.get(proposal.branch)
            if there is not None and there.head != proposal.head:
                raise ProposalMovedError(repository, proposal.branch)
            proposals.pop(proposal.branch, None)

    def tags(self, repository: Repository) -> Mapping[str, str]:
        """Return each tag and the commit that it leads to."""
        with self._lock:
            return dict(self._existing(repository).tags)

    def remove_repository(self, repository: Repository, marker: str) -> None:
        check_repository(repository)
        with self._lock:
            stored = self._repositories.get(repository)
            if stored is not None and stored.marker != marker:
                raise RepositoryTakenError(repository)
            self._repositories.pop(repository, None)
            self.connected.discard(repository)

    def connect(self, repository: Repository, marker: str) -> None:
        with self._lock:
            if self._existing(repository).marker != marker:
                raise RepositoryTakenError(repository)
            self.connected.add(repository)

    def disconnect(self, repository: Repository, marker: str) -> None:
        check_repository(repository)
        with self._lock:
            stored = self._repositories.get(repository)
            if stored is not None and stored.marker == marker:
                self.connected.discard(repository)

    def build(self, repository: Repository, commit: str) -> Build | None:
        with self._lock:
            return self.builds.get(commit) if repository in self._repositories else None

    def show_rollout(
        self, repository: Repository, commit: str, state: RolloutState, description: str
    ) -> None:
        with self._lock:
            if repository in self._repositories:
                self.rollouts[commit] = (state, description)

    def _existing(self, repository: Repository) -> _Stored:
        check_repository(repository)
        if repository not in self._repositories:
            raise RepositoryNotFoundError(repository)
        return self._repositories[repository]


def _published_already(
    stored: _Stored,
    files: FileTree,
    message: str,
    signature: Signature,
) -> Commit | None:
    if stored.history and stored.trees[stored.history[-1][0].id] == files:
        return stored.history[-1][0]
    for commit, by in reversed(stored.history):
        if (by.name, by.email) == (signature.name, signature.email):
            same = by == signature and commit.message == message
            return commit if same and stored.trees[commit.id] == files else None
    return None


def _append(
    stored: _Stored,
    files: FileTree,
    message: str,
    signature: Signature,
) -> Commit:
    parents = [stored.history[-1][0].id] if stored.history else []
    commit = _made(Change(files, message, signature), parents)
    stored.history.append((commit, signature))
    stored.trees[commit.id] = files
    return commit


def _made(change: Change, parents: Sequence[str]) -> Commit:
    signature, message = plain_signature(change.signature), plain_message(change.message)
    by = (signature.name, signature.email, signature.at.isoformat())
    parts = (change.files.digest(), *parents, message, *by)
    made = hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()
    return Commit(made, message, signature.name, signature.at)
