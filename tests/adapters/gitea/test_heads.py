"""Following many heads by few questions, and a Gitea that hangs."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.adapters.gitea.test_gitea_forge import LATER, US, a_tree
from tests.gitea_stand_in import GiteaStandIn
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.domain.forge import ForgeUnavailableError, Repository

SEVEN = [Repository("thinkube-deployments", f"app-{number}") for number in range(7)]


@pytest.fixture
def seven(forge: GiteaForge, gitea: GiteaStandIn) -> GiteaForge:
    """A forge with more repositories than a page lists, all changed long ago."""
    for repository in SEVEN:
        forge.ensure_repository(repository, "deployment 1")
        forge.publish(repository, a_tree("1"), "First", US)
    for number, stored in enumerate(gitea.repositories):
        stored.updated_at -= 1000 + 10 * number
    return forge


def ask_for_all(forge: GiteaForge) -> list[str]:
    heads = [forge.head(each) for each in SEVEN]
    return [head.id for head in heads if head is not None]


def test_what_is_followed_costs_one_question_a_look(seven: GiteaForge, gitea: GiteaStandIn) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < 3.5:
        assert len(ask_for_all(seven)) == 7
        time.sleep(0.02)
    gitea.requests.clear()
    begun = time.monotonic()
    while not sum("search" in each for each in gitea.requests) >= 3:
        ask_for_all(seven)
        time.sleep(0.02)
        assert time.monotonic() - begun < 60
    looks = sum("search" in each for each in gitea.requests)
    heads = sum("git/refs" in each for each in gitea.requests)
    assert heads <= 2 * looks  # the one that changed last may be looked at each time


def test_a_change_of_one_among_many_is_seen(
    seven: GiteaForge, make_forge: Callable[[str], GiteaForge]
) -> None:
    ask_for_all(seven)
    ask_for_all(seven)
    pushed = make_forge("other").publish(SEVEN[5], a_tree("2"), "Second", LATER)
    wait_until(lambda: pushed.id in ask_for_all(seven), "the change is seen", 20)


def test_our_own_publication_is_seen_at_once(seven: GiteaForge) -> None:
    for text in "234":
        pushed = seven.publish(SEVEN[0], a_tree(text), f"Version {text}", LATER)
        assert seven.head(SEVEN[0]) == pushed


def test_a_gitea_that_fails_is_told_without_waiting_and_found_again(
    seven: GiteaForge, gitea: GiteaStandIn
) -> None:
    ask_for_all(seven)
    ask_for_all(seven)
    fault = gitea.fault("500", ".*", times=10**6)

    def fails() -> bool:
        begun = time.monotonic()
        try:
            seven.head(SEVEN[0])
        except ForgeUnavailableError:
            return True
        finally:
            assert time.monotonic() - begun < 2  # what looks for pushes waits, not who asks
        return False

    wait_until(fails, "the failure is told", 60)
    fault.times = 0
    wait_until(lambda: not fails(), "it is found again", 60)
