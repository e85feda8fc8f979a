"""Pull requests in Gitea: opened once, whatever is lost on the way, and brought to their end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders import A_MOMENT
from tests.gitea_stand_in import GiteaStandIn, Stored, gitea_stand_in
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.domain.errors import UnavailableError
from thinkube_catalog.domain.forge import (
    Change,
    Commit,
    ForgeRefusedError,
    Proposal,
    Repository,
    Signature,
)
from thinkube_catalog.domain.rendering import File, FileTree

CHAT = Repository("thinkube-deployments", "chat")
US = Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT)
OLD, NEW = (FileTree({"app": File(text)}) for text in (b"1", b"2"))
BRANCH = "catalog/upgrade-v2"
UPGRADE = Change(NEW, "Upgrade to v2", replace(US, at=A_MOMENT + timedelta(hours=1)), "What is new")
MERGED = replace(UPGRADE, message="Accept v2")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GiteaStandIn]:
    with gitea_stand_in(tmp_path / "gitea") as server:
        yield server


@pytest.fixture
def forge(server: GiteaStandIn, tmp_path: Path) -> Iterator[GiteaForge]:
    forge = GiteaForge(tmp_path / "mirrors", server.url, "the-token")
    yield forge
    forge.close()


@pytest.fixture
def first(forge: GiteaForge) -> Commit:
    forge.ensure_repository(CHAT, "deployment 1")
    return forge.publish(CHAT, OLD, "First", US)


@pytest.fixture
def stored(server: GiteaStandIn, first: Commit) -> Stored:
    found = server.find(CHAT.owner, CHAT.name)
    assert found is not None
    return found


def test_a_proposal_is_a_pull_request_with_title_and_text(
    forge: GiteaForge, server: GiteaStandIn, first: Commit, stored: Stored
) -> None:
    proposal = forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    [pull] = stored.pulls
    assert (pull.head, pull.title, pull.body) == (BRANCH, "Upgrade to v2", "What is new")
    assert proposal.url == f"{server.url}/{CHAT}/pulls/1"


@pytest.mark.parametrize("kind", ["drop before", "drop after", "500", "500 after", "429", "reset"])
def test_one_request_is_opened_whatever_is_lost(
    forge: GiteaForge, server: GiteaStandIn, first: Commit, stored: Stored, kind: str
) -> None:
    stored.noted.add(BRANCH)
    fault = server.fault(kind, r"POST .*/pulls$")
    proposal = forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    assert fault.fired == 1
    assert [each.state for each in stored.pulls] == ["open"]
    assert list(forge.proposals(CHAT, BRANCH)) == [proposal]


def test_other_words_change_the_request_that_is_there(
    forge: GiteaForge, first: Commit, stored: Stored
) -> None:
    proposal = forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    again = replace(UPGRADE, files=FileTree({"app": File(b"3")}), body="In conflict")
    forge.propose(CHAT, again, BRANCH, first.id, proposal.head)
    assert [(each.number, each.body) for each in stored.pulls] == [(1, "In conflict")]


def test_a_draft_is_marked_until_it_is_none_any_more(
    forge: GiteaForge, first: Commit, stored: Stored
) -> None:
    draft = replace(UPGRADE, files=FileTree({"app": File(b"<<<")}), draft=True)
    proposal = forge.propose(CHAT, draft, BRANCH, first.id)
    assert stored.pulls[0].title == "WIP: Upgrade to v2"
    forge.propose(CHAT, UPGRADE, BRANCH, first.id, proposal.head)
    assert stored.pulls[0].title == "Upgrade to v2"


def test_a_request_that_somebody_closed_is_told_to_be_closed_and_opened_anew(
    forge: GiteaForge, first: Commit, stored: Stored
) -> None:
    proposal = forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    stored.pulls[0].state = "closed"
    [closed] = forge.proposals(CHAT, BRANCH)
    assert (closed.open, closed.url) == (False, "")
    again = forge.propose(CHAT, UPGRADE, BRANCH, first.id, proposal.head)
    assert again.url.endswith("/pulls/2")


def test_an_accepted_request_counts_as_merged(
    forge: GiteaForge, first: Commit, stored: Stored
) -> None:
    proposal = forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    commit = forge.accept(CHAT, proposal, MERGED, first.id)
    assert [(each.state, each.merged) for each in stored.pulls] == [("closed", True)]
    assert forge.head(CHAT) == commit


@pytest.mark.parametrize("kind", ["drop before", "drop after", "500 after"])
@pytest.mark.parametrize("at", ["merge$", "receive-pack"])
def test_it_is_accepted_once_whatever_is_lost(
    forge: GiteaForge, server: GiteaStandIn, first: Commit, stored: Stored, kind: str, at: str
) -> None:
    proposal = forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    server.fault(kind, rf"POST .*{at}")
    commit = forge.accept(CHAT, proposal, MERGED, first.id)
    assert forge.accept(CHAT, proposal, MERGED, first.id) == commit
    assert [each.id for each in forge.history(CHAT)] == [commit.id, first.id]
    assert [each.state for each in stored.pulls] == ["closed"]
    assert list(forge.proposals(CHAT, "catalog/")) == []


def test_where_settings_may_not_be_changed_the_request_is_closed(
    forge: GiteaForge, server: GiteaStandIn, first: Commit, stored: Stored
) -> None:
    proposal = forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    server.fault("500", r"PATCH .*/chat$", times=99)
    commit = forge.accept(CHAT, proposal, MERGED, first.id)
    assert forge.head(CHAT) == commit
    assert [each.state for each in stored.pulls] == ["closed"]


def test_what_a_person_merges_is_no_proposal_any_more(
    forge: GiteaForge, server: GiteaStandIn, first: Commit, stored: Stored
) -> None:
    forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    server.merge_by_hand(stored, stored.pulls[0])
    assert list(forge.proposals(CHAT, "catalog/")) == []
    newest = forge.history(CHAT)[0]
    assert newest.author == "A person"
    assert forge.files(CHAT, newest.id) == NEW


def test_a_repository_without_pull_requests_says_what_to_do(
    forge: GiteaForge, first: Commit, stored: Stored
) -> None:
    stored.has_pulls = False
    with pytest.raises(ForgeRefusedError, match="switch them on in its settings"):
        forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    assert forge.head(CHAT) == first


def test_a_withdrawn_request_is_closed(forge: GiteaForge, first: Commit, stored: Stored) -> None:
    proposal = forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    forge.withdraw(CHAT, proposal)
    forge.withdraw(CHAT, proposal)
    forge.proposals(CHAT, BRANCH)
    assert [(each.state, each.merged) for each in stored.pulls] == [("closed", False)]


def test_a_gitea_that_stays_silent_is_said_to_be(
    forge: GiteaForge, server: GiteaStandIn, first: Commit
) -> None:
    server.fault("reset", "pulls", times=99)
    with pytest.raises(UnavailableError):
        forge.propose(CHAT, UPGRADE, BRANCH, first.id)
    server.faults.clear()
    assert isinstance(forge.propose(CHAT, UPGRADE, BRANCH, first.id), Proposal)
