"""Publications in a history: finding out that one is there already."""

from __future__ import annotations

import pygit2

from thinkube_catalog.adapters.git.objects import first_parents, normal_message, to_git
from thinkube_catalog.domain.forge import Signature


def published_already(
    git: pygit2.Repository,
    head: str | None,
    tree: pygit2.Oid,
    message: str,
    signature: Signature,
) -> pygit2.Commit | None:
    """Find the head if it holds the tree, or this very publication below what others pushed."""
    if head is None:
        return None
    by = to_git(signature)
    for place, commit in enumerate(first_parents(git, pygit2.Oid(hex=head))):
        if place == 0 and commit.tree_id == tree:
            return commit
        if (commit.author.raw_name, commit.author.raw_email) == (by.raw_name, by.raw_email):
            same_time = commit.author.time == by.time
            same_message = commit.raw_message == normal_message(message).encode()
            return commit if commit.tree_id == tree and same_time and same_message else None
    return None
