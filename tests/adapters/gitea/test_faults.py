"""What goes wrong between us and Gitea: every run converges, nothing is doubled or lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.adapters.gitea.test_gitea_forge import CHAT, LATER, US, a_tree, stored
from tests.gitea_stand_in import GiteaStandIn
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.domain.forge import (
    ForgeUnavailableError,
    RepositoryNotFoundError,
    RepositoryTakenError,
)

KINDS = ("drop before", "drop after", "delay", "500", "500 after", "429", "half a body", "reset")
CREATE_ORG, CREATE = r"POST /api/v1/orgs$", r"POST /api/v1/orgs/[^/]+/repos"
FIND, MARKER = r"GET /api/v1/repos/[^/]+/chat$", "git/refs/catalog"
T = TypeVar("T")
DELETE = r"DELETE /api/v1/repos"
BRANCH, TAG = "git/refs/heads", "git/refs/tags"
PUSH, ADVERTISE = "POST .*git-receive-pack", "GET .*git-receive-pack"
FETCH = "POST .*git-upload-pack"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [CREATE_ORG, CREATE, FIND, MARKER])
def test_a_repository_is_made_once_whatever_happens_on_the_way(
    gitea: GiteaStandIn, make_forge: Callable[[str], GiteaForge], kind: str, at: str
) -> None:
    fault = gitea.fault(kind, at)
    make_again(lambda: make_forge("first").ensure_repository(CHAT, "deployment 1"))
    assert fault.fired == 1
    assert len(gitea.repositories) == 1
    assert make_forge("second").ensure_repository(CHAT, "deployment 1")
    with pytest.raises(RepositoryTakenError):
        make_forge("third").ensure_repository(CHAT, "deployment 2")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [PUSH, ADVERTISE, BRANCH, TAG])
def test_a_publication_is_made_once_whatever_happens_on_the_way(
    gitea: GiteaStandIn, forge: GiteaForge, kind: str, at: str
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    first = forge.publish(CHAT, a_tree("1"), "First", US)
    fault = gitea.fault(kind, at)
    commit = make_again(lambda: forge.publish(CHAT, a_tree("2"), "Second", LATER, tag="v2.0.0"))
    assert fault.fired == 1
    assert gitea.git(stored(gitea), "rev-list", "main").split() == [commit.id, first.id]
    assert gitea.git(stored(gitea), "rev-parse", "v2.0.0^{commit}") == commit.id


@pytest.mark.parametrize("kind", KINDS)
def test_a_fetch_that_breaks_is_made_again(
    gitea: GiteaStandIn, make_forge: Callable[[str], GiteaForge], kind: str
) -> None:
    first = make_forge("first")
    first.ensure_repository(CHAT, "deployment 1")
    commit = first.publish(CHAT, a_tree("1"), "First", US)
    fault = gitea.fault(kind, FETCH)
    second = make_forge("second")
    assert make_again(lambda: second.files(CHAT, commit.id)) == a_tree("1")
    assert fault.fired == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_repository_is_deleted_whatever_happens_on_the_way(
    gitea: GiteaStandIn, forge: GiteaForge, kind: str
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    fault = gitea.fault(kind, DELETE)
    forge.remove_repository(CHAT, "deployment 1")
    assert fault.fired == 1
    with pytest.raises(RepositoryNotFoundError):
        forge.history(CHAT)


def test_a_repository_made_by_another_after_a_lost_deletion_is_not_deleted(
    gitea: GiteaStandIn, forge: GiteaForge
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    again = stored(gitea).description
    gitea.fault("drop after", DELETE)
    gitea.on_delete = lambda: gitea.make(CHAT.owner, CHAT.name, again)
    forge.remove_repository(CHAT, "deployment 1")
    assert gitea.find(CHAT.owner, CHAT.name) is not None


def test_a_gitea_that_is_down_for_good_is_said_to_be_unavailable(
    gitea: GiteaStandIn, forge: GiteaForge
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    fault = gitea.fault("500", "GET /api", times=1000)
    with pytest.raises(ForgeUnavailableError):
        forge.history(CHAT)
    assert fault.fired > 1


def make_again(work: Callable[[], T]) -> T:
    """Do as a run does: what did not answer is tried again, a few times."""
    for _ in range(3):
        try:
            return work()
        except ForgeUnavailableError:
            continue
    return work()
