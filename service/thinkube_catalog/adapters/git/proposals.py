"""Proposals in a repository: the commits that they are made of, and those that they bring."""

from __future__ import annotations

from itertools import islice

import pygit2
from pygit2.enums import SortMode

from thinkube_catalog.adapters.git.objects import (
    create_commit,
    find_commit,
    normal_message,
    to_commit,
    to_git,
    tree_id,
    write_tree,
)
from thinkube_catalog.domain.forge import Change, CommitNotFoundError, Proposal, Repository

BRANCHES = "refs/heads/"
_MOST_COMMITS = 200


def proposed(
    git: pygit2.Repository, repository: Repository, change: Change, onto: str, head: str
) -> pygit2.Commit:
    """Return the commit that the branch should hold: `head` itself where that says all already.

    Raises CommitNotFoundError.
    """
    below = [_known(git, repository, each) for each in (head, onto) if each]
    if head and _holds(git, below[0], onto) and below[0].tree_id == tree_id(change.files):
        return below[0]
    if head and _holds(git, below[0], onto):
        below.pop()
    return _made(git, change, below)


def accepted(
    git: pygit2.Repository, repository: Repository, proposal: Proposal, change: Change, onto: str
) -> pygit2.Commit:
    """Return the commit that merges a proposal. Raises CommitNotFoundError."""
    below = [_known(git, repository, each) for each in (onto, proposal.head)]
    return _made(git, change, below)


def is_repeated(there: pygit2.Commit, change: Change) -> bool:
    """Say whether a commit is this very change, made before."""
    by = to_git(change.signature)
    signed = (there.author.raw_name, there.author.raw_email, there.author.time)
    return (
        there.tree_id == tree_id(change.files)
        and there.raw_message == normal_message(change.message).encode()
        and signed == (by.raw_name, by.raw_email, by.time)
    )


def read_proposal(git: pygit2.Repository, name: str, head: str, main: str) -> Proposal | None:
    """Return what a branch would bring to `main`; None if that is nothing."""
    walker = git.walk(pygit2.Oid(hex=head), SortMode.TOPOLOGICAL)
    walker.hide(pygit2.Oid(hex=main))
    commits = tuple(to_commit(each) for each in islice(walker, _MOST_COMMITS))
    base = git.merge_base(pygit2.Oid(hex=head), pygit2.Oid(hex=main))
    if not commits or base is None:
        return None
    return Proposal(name.removeprefix(BRANCHES), commits, str(base))


def _known(git: pygit2.Repository, repository: Repository, commit: str) -> pygit2.Commit:
    found = find_commit(git, commit)
    if found is None:
        raise CommitNotFoundError(repository, commit)
    return found


def _holds(git: pygit2.Repository, commit: pygit2.Commit, other: str) -> bool:
    return str(commit.id) == other or git.descendant_of(commit.id, pygit2.Oid(hex=other))


def _made(git: pygit2.Repository, change: Change, below: list[pygit2.Commit]) -> pygit2.Commit:
    tree = write_tree(git, change.files)
    parents = [each.id for each in below]
    return create_commit(git, tree, parents, change.message, change.signature)
