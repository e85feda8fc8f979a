"""Proposals in a repository in Gitea: look, commit in the mirror, push if nobody was quicker.

The same proposal gives the same commit, so after a lost answer the next look finds it in place.
The pull request comes after the branch, and ends after `main` has moved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import pygit2

from thinkube_catalog.adapters.git.objects import find_commit, first_parents, to_commit
from thinkube_catalog.adapters.git.proposals import (
    BRANCHES,
    accepted,
    is_repeated,
    proposed,
    read_proposal,
)
from thinkube_catalog.adapters.gitea.mirror import LostRaceError, Mirror
from thinkube_catalog.adapters.gitea.publishing import MAIN
from thinkube_catalog.adapters.gitea.repositories import Repositories
from thinkube_catalog.domain.forge import (
    Change,
    Commit,
    ForgeUnavailableError,
    Proposal,
    ProposalMovedError,
    Repository,
)

_TRIES = 4
_PAUSE = 0.05

T = TypeVar("T")


class Proposer:
    """Proposals of one repository; the caller holds its mirror."""

    def __init__(self, repositories: Repositories, repository: Repository, mirror: Mirror) -> None:
        self._repositories = repositories
        self._repository = repository
        self._mirror = mirror
        self.head = ""
        """The newest commit of `main`, as the last acceptance left or found it."""

    def propose(self, change: Change, branch: str, onto: str, head: str) -> Proposal:
        """Have the branch hold the change. Raises as `Forge.propose` does."""
        return self._patiently(lambda: self._propose(change, branch, onto, head))

    def proposals(self, prefix: str) -> Iterator[Proposal]:
        """Give what the branches of these names would bring, by name."""
        there = self._patiently(lambda: self._look(prefix))
        main = there.get(MAIN)
        for name in sorted(there) if main else ():
            if name != MAIN:
                found = read_proposal(self._mirror.git, name, there[name], str(main))
                if found is not None:
                    yield found

    def accept(self, proposal: Proposal, change: Change, onto: str) -> Commit:
        """Have `main` hold the change on top of the proposal. Raises as `Forge.accept` does."""
        return self._patiently(lambda: self._accept(proposal, change, onto))

    def withdraw(self, proposal: Proposal) -> None:
        """Delete the branch if it is still what is proposed. Raises ProposalMovedError."""
        self._patiently(lambda: self._delete(proposal, may_be_moved=False))

    def forget(self, proposal: Proposal) -> None:
        """Delete the branch of a merged proposal, unless somebody has pushed to it since."""
        self._patiently(lambda: self._delete(proposal, may_be_moved=True))

    def _propose(self, change: Change, branch: str, onto: str, head: str) -> Proposal:
        name = BRANCHES + branch
        there = self._look(branch)
        git, now = self._mirror.git, there.get(name, "")
        if not _is_proposed(git, now, change, head):
            commit = proposed(git, self._repository, change, onto, head)
            if now != head:
                raise ProposalMovedError(self._repository, branch)
            if str(commit.id) != head:
                self._mirror.push({name: str(commit.id)}, {name: now or None})
            now = str(commit.id)
        found = read_proposal(git, name, now, there.get(MAIN, onto))
        return found or Proposal(
            branch, (to_commit(git[pygit2.Oid(hex=now)].peel(pygit2.Commit)),), onto
        )

    def _accept(self, proposal: Proposal, change: Change, onto: str) -> Commit:
        there = self._look(proposal.branch)
        git, main = self._mirror.git, there.get(MAIN, "")
        commit = accepted(git, self._repository, proposal, change, onto)
        if main and _is_in_history(git, commit, main):
            self.head = main
            return to_commit(commit)
        if main != onto or there.get(BRANCHES + proposal.branch) != proposal.head:
            raise ProposalMovedError(self._repository, proposal.branch)
        self._mirror.push({MAIN: str(commit.id)}, {MAIN: onto})
        self.head = str(commit.id)
        return to_commit(commit)

    def _delete(self, proposal: Proposal, *, may_be_moved: bool) -> None:
        name = BRANCHES + proposal.branch
        now = self._look(proposal.branch).get(name)
        if now == proposal.head:
            self._mirror.push({name: ""}, {name: now})
        elif now is not None and not may_be_moved:
            raise ProposalMovedError(self._repository, proposal.branch)

    def _look(self, prefix: str) -> Mapping[str, str]:
        """See what `main` and branches hold now, and bring it here."""
        references = self._repositories.references
        there = dict(references(self._repository, f"heads/{prefix}"))
        there |= references(self._repository, "heads/main")
        there = {name: id_ for name, id_ in there.items() if name == MAIN or prefix in name}
        missing = [name for name, id_ in there.items() if not self._mirror.holds(id_)]
        if missing:
            self._mirror.fetch(missing)
        if not all(self._mirror.holds(id_) for id_ in there.values()):
            raise LostRaceError("what was there a moment ago is not there any more")
        return there

    def _patiently(self, act: Callable[[], T]) -> T:
        """Act again when somebody was quicker, or nobody knows whether a push took effect."""
        failure: Exception = LostRaceError("nothing was tried")
        for attempt in range(_TRIES):
            threading.Event().wait(_PAUSE * (3**attempt - 1))
            try:
                return act()
            except (LostRaceError, ForgeUnavailableError) as error:
                failure = error
        raise ForgeUnavailableError(f"{self._repository}: {failure}") from failure


def _is_proposed(git: pygit2.Repository, now: str, change: Change, head: str) -> bool:
    found = find_commit(git, now)
    return found is not None and now != head and is_repeated(found, change)


def _is_in_history(git: pygit2.Repository, commit: pygit2.Commit, main: str) -> bool:
    return any(each.id == commit.id for each in first_parents(git, pygit2.Oid(hex=main)))
