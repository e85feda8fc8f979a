"""What every forge promises of repositories: whose they are, and what goes with them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contracts.forge.samples import CHAT, FIRST, US
from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.forge import (
    CommitNotFoundError,
    Forge,
    Repository,
    RepositoryNotFoundError,
    RepositoryTakenError,
    RolloutState,
)


def test_ensuring_a_repository_twice_makes_it_once(forge: Forge) -> None:
    location = forge.ensure_repository(CHAT, "deployment 1")
    assert forge.ensure_repository(CHAT, "deployment 1") == location


def test_a_repository_made_for_another_is_left_alone(forge: Forge, chat: Repository) -> None:
    forge.publish(chat, FIRST, "First", US)
    with pytest.raises(RepositoryTakenError):
        forge.ensure_repository(chat, "deployment 2")
    with pytest.raises(RepositoryTakenError):
        forge.remove_repository(chat, "deployment 2")
    assert len(forge.history(chat)) == 1


@pytest.mark.parametrize(
    "repository",
    [
        Repository("..", "chat"),
        Repository("owner", "../chat"),
        Repository("owner", ""),
        Repository("owner", "-chat"),
        Repository("owner", "chat.git"),
        Repository("owner", "chat\n"),
        Repository("owner/other", "chat"),
        Repository("owner", "a..b"),
        Repository("оwner", "chat"),  # noqa: RUF001 - begins with a Cyrillic letter
        Repository(".aside", "chat"),
        Repository("owner", "chat.lock"),
        Repository("owner", "a" * 101),
    ],
)
def test_a_name_that_is_not_plain_is_refused(forge: Forge, repository: Repository) -> None:
    with pytest.raises(InvalidError):
        forge.ensure_repository(repository, "deployment 1")


def test_a_new_repository_has_no_head_and_no_history(forge: Forge, chat: Repository) -> None:
    assert forge.head(chat) is None
    assert list(forge.history(chat)) == []


def test_an_unknown_commit_is_said_to_be_unknown(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "First", US)
    for wrong in ("0" * 40, "main", "HEAD", commit.id[:12], "--all", ""):
        with pytest.raises(CommitNotFoundError):
            forge.files(chat, wrong)


def test_an_unknown_repository_is_said_to_be_unknown(forge: Forge) -> None:
    for call in (
        lambda: forge.head(CHAT),
        lambda: forge.history(CHAT),
        lambda: forge.files(CHAT, "0" * 40),
        lambda: forge.publish(CHAT, FIRST, "First", US),
    ):
        with pytest.raises(RepositoryNotFoundError):
            call()


def test_a_removed_repository_is_gone_and_its_name_free(forge: Forge, chat: Repository) -> None:
    forge.publish(chat, FIRST, "First", US)
    forge.remove_repository(chat, "deployment 1")
    forge.remove_repository(chat, "deployment 1")
    with pytest.raises(RepositoryNotFoundError):
        forge.head(chat)
    forge.ensure_repository(chat, "deployment 2")
    assert forge.head(chat) is None


def test_connecting_twice_and_disconnecting_twice_leaves_the_repository(
    forge: Forge, chat: Repository
) -> None:
    forge.connect(chat, "deployment 1")
    commit = forge.publish(chat, FIRST, "First", US)
    forge.connect(chat, "deployment 1")
    forge.disconnect(chat, "deployment 1")
    forge.disconnect(chat, "deployment 1")
    assert forge.head(chat) == commit


def test_only_whose_it_is_connects_a_repository(forge: Forge, chat: Repository) -> None:
    with pytest.raises(RepositoryTakenError):
        forge.connect(chat, "deployment 2")
    forge.disconnect(chat, "deployment 2")
    with pytest.raises(RepositoryNotFoundError):
        forge.connect(Repository(CHAT.owner, "nowhere"), "deployment 1")
    forge.disconnect(Repository(CHAT.owner, "nowhere"), "deployment 1")


def test_nothing_is_built_for_a_commit_by_itself(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "First", US)
    assert forge.build(chat, commit.id) is None
    assert forge.build(chat, "0" * 40) is None
    assert forge.build(Repository(CHAT.owner, "nowhere"), commit.id) is None


def test_how_a_deployment_stands_is_no_build_of_its_commit(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "First", US)
    for state in RolloutState:
        forge.show_rollout(chat, commit.id, state, f"it is {state}")
        forge.show_rollout(chat, commit.id, state, f"it is {state}")
    assert forge.build(chat, commit.id) is None


def test_a_repository_ensured_by_many_at_once_belongs_to_one(forge: Forge) -> None:
    def ensure(marker: str) -> str:
        try:
            forge.ensure_repository(CHAT, marker)
        except RepositoryTakenError:
            return ""
        return marker

    with ThreadPoolExecutor(4) as threads:
        owners = [one for one in threads.map(ensure, "abcdefgh") if one]
    assert len(owners) == 1
    forge.ensure_repository(CHAT, owners[0])
