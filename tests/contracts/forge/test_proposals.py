"""What every forge promises of proposals: they wait, are accepted or withdrawn, losing nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.contracts.forge.samples import CHAT, FIRST, LATER, SECOND, SOMEBODY, THEIRS, US, tree
from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.forge import (
    Change,
    Commit,
    CommitNotFoundError,
    Forge,
    Proposal,
    ProposalMovedError,
    Repository,
)
from thinkube_catalog.domain.rendering import FileTree

BRANCH = "catalog/upgrade-v1.1.0"
UPGRADE = Change(SECOND, "Upgrade to v1.1.0\n\nRun: 7", LATER, "What changed")
MERGED = Change(SECOND, "Accept v1.1.0", LATER)


@pytest.fixture
def first(forge: Forge, chat: Repository) -> Commit:
    return forge.publish(chat, FIRST, "First", US)


@pytest.fixture
def proposal(forge: Forge, first: Commit) -> Proposal:
    return forge.propose(CHAT, UPGRADE, BRANCH, first.id)


def pushed(forge: Forge, proposal: Proposal, files: FileTree) -> Proposal:
    """Do what a person does with `git push` to the branch."""
    change = Change(files, "Settled by hand", SOMEBODY)
    return forge.propose(CHAT, change, proposal.branch, proposal.base, proposal.head)


def test_a_proposal_leaves_main_as_it_is_and_says_what_it_would_bring(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    assert forge.head(CHAT) == first
    assert list(forge.history(CHAT)) == [first]
    assert (proposal.branch, proposal.base, proposal.open) == (BRANCH, first.id, True)
    assert [each.message for each in proposal.commits] == ["Upgrade to v1.1.0\n\nRun: 7"]
    assert forge.files(CHAT, proposal.head) == SECOND
    assert list(forge.proposals(CHAT, "catalog/")) == [proposal]
    assert list(forge.proposals(CHAT, "catalog/upgrade-v2")) == []


def test_proposing_again_changes_nothing(forge: Forge, first: Commit, proposal: Proposal) -> None:
    assert forge.propose(CHAT, UPGRADE, BRANCH, first.id) == proposal
    assert forge.propose(CHAT, UPGRADE, BRANCH, first.id, proposal.head) == proposal
    worded = replace(UPGRADE, message="Upgrade, in other words")
    assert forge.propose(CHAT, worded, BRANCH, first.id, proposal.head) == proposal


def test_a_branch_that_holds_something_else_is_left_alone(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    theirs = pushed(forge, proposal, THEIRS)
    for head in ("", proposal.head):
        with pytest.raises(ProposalMovedError):
            forge.propose(CHAT, replace(UPGRADE, files=tree(app="3")), BRANCH, first.id, head)
    assert list(forge.proposals(CHAT, "catalog/")) == [theirs]
    assert [each.author for each in theirs.commits] == ["Somebody", "Thinkube Catalog"]


def test_a_proposal_follows_main(forge: Forge, proposal: Proposal) -> None:
    moved = forge.publish(CHAT, THEIRS, "A change", SOMEBODY)
    assert forge.proposals(CHAT, BRANCH)[0].base == proposal.base
    both = tree(app="2", more="theirs")
    again = forge.propose(CHAT, replace(UPGRADE, files=both), BRANCH, moved.id, proposal.head)
    assert again.base == moved.id
    assert len(again.commits) == 2
    assert forge.files(CHAT, again.head) == both
    assert forge.head(CHAT) == moved


def test_an_accepted_proposal_is_one_commit_on_top_of_main(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    commit = forge.accept(CHAT, proposal, MERGED, first.id)
    assert forge.head(CHAT) == commit
    assert [each.id for each in forge.history(CHAT)] == [commit.id, first.id]
    assert forge.files(CHAT, commit.id) == SECOND
    assert list(forge.proposals(CHAT, "catalog/")) == []


def test_accepting_again_returns_the_same_commit(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    commit = forge.accept(CHAT, proposal, MERGED, first.id)
    on_top = forge.publish(CHAT, THEIRS, "A change", SOMEBODY)
    assert forge.accept(CHAT, proposal, MERGED, first.id) == commit
    assert forge.head(CHAT) == on_top


def test_nothing_is_accepted_once_main_has_moved(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    moved = forge.publish(CHAT, THEIRS, "A change", SOMEBODY)
    with pytest.raises(ProposalMovedError):
        forge.accept(CHAT, proposal, MERGED, first.id)
    assert forge.head(CHAT) == moved
    assert forge.proposals(CHAT, BRANCH)[0].head == proposal.head


def test_nothing_is_accepted_or_withdrawn_once_somebody_has_pushed_to_the_branch(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    theirs = pushed(forge, proposal, THEIRS)
    with pytest.raises(ProposalMovedError):
        forge.accept(CHAT, proposal, MERGED, first.id)
    with pytest.raises(ProposalMovedError):
        forge.withdraw(CHAT, proposal)
    assert forge.head(CHAT) == first
    assert list(forge.proposals(CHAT, "catalog/")) == [theirs]
    settled = forge.accept(CHAT, theirs, replace(MERGED, files=THEIRS), first.id)
    assert forge.files(CHAT, settled.id) == THEIRS


def test_a_withdrawn_proposal_is_gone_and_its_branch_free(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    forge.withdraw(CHAT, proposal)
    forge.withdraw(CHAT, proposal)
    assert list(forge.proposals(CHAT, "catalog/")) == []
    other = replace(UPGRADE, files=THEIRS)
    assert forge.files(CHAT, forge.propose(CHAT, other, BRANCH, first.id).head) == THEIRS


def test_several_proposals_stand_side_by_side(forge: Forge, first: Commit) -> None:
    for version in ("v1.2.0", "v1.1.0"):
        forge.propose(CHAT, UPGRADE, f"catalog/upgrade-{version}", first.id)
    branches = [each.branch for each in forge.proposals(CHAT, "catalog/upgrade-")]
    assert branches == ["catalog/upgrade-v1.1.0", "catalog/upgrade-v1.2.0"]


def test_what_cannot_be_published_or_named_is_not_proposed(forge: Forge, first: Commit) -> None:
    bad = replace(UPGRADE, files=tree(**{".git/config": "x"}))
    with pytest.raises(InvalidError):
        forge.propose(CHAT, bad, BRANCH, first.id)
    for branch in ("main", "", "-x", "a//b", "a/../b", "x.lock", "a b", "a/.b"):
        with pytest.raises(InvalidError):
            forge.propose(CHAT, UPGRADE, branch, first.id)
    with pytest.raises(CommitNotFoundError):
        forge.propose(CHAT, UPGRADE, BRANCH, "0" * 40)
    assert list(forge.proposals(CHAT, "")) == []


def test_proposals_at_the_same_time_are_one_or_refused(forge: Forge, first: Commit) -> None:
    def propose(number: int) -> str:
        change = replace(UPGRADE, files=tree(app=str(number)))
        try:
            return forge.propose(CHAT, change, BRANCH, first.id).head
        except ProposalMovedError:
            return ""

    with ThreadPoolExecutor(4) as threads:
        made = [one for one in threads.map(propose, range(6)) if one]
    assert made == [forge.proposals(CHAT, BRANCH)[0].head]
