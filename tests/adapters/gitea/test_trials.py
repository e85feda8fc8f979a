"""Test deliveries at a Gitea: where a webhook can be tried, and that nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.gitea_stand_in import GiteaStandIn
from thinkube_catalog.adapters.gitea import Hook
from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.adapters.gitea.connections import HooksRefusedError
from thinkube_catalog.adapters.gitea.trials import (
    DESCRIPTION,
    NoOrganisationError,
    ProbeBusyError,
    ProbeTakenError,
    Trials,
)
from thinkube_catalog.adapters.gitea.webhooks import PROBE
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations.trial import Outcome, try_delivery

ORG = "thinkube-deployments"
HOOK = Hook("http://127.0.0.1:9/hook", lambda id_: SecretValue(f"of {id_}"), lambda it: it.reveal())
LONG_AGO = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@pytest.fixture
def trials(gitea: GiteaStandIn) -> Iterator[Trials]:
    gitea.owners[ORG] = 5
    client = GiteaClient(gitea.url, "the-token", 10)
    yield Trials(client, ORG)
    client.close()


def names(gitea: GiteaStandIn) -> list[str]:
    return [it.name for it in gitea.repositories]


def test_a_probe_is_there_as_long_as_it_is_needed(gitea: GiteaStandIn, trials: Trials) -> None:
    with trials.probing([HOOK]) as (place,):
        (stored,) = gitea.repositories
        assert (stored.name, stored.private) == (PROBE, True)
        assert stored.hooks[0]["config"]["url"] == HOOK.address(stored.id)
        outcome = try_delivery(trials.sending(place), lambda: False, seconds=10)
        assert outcome is Outcome.LOST  # nobody listens there
    assert names(gitea) == []


def test_a_probe_is_deleted_also_where_something_goes_wrong(
    gitea: GiteaStandIn, trials: Trials
) -> None:
    with pytest.raises(KeyError), trials.probing([HOOK]):
        raise KeyError
    assert names(gitea) == []


def test_a_gitea_that_does_not_send_is_told_from_one_that_sends_in_vain(
    gitea: GiteaStandIn, trials: Trials
) -> None:
    gitea.delivers = False
    with trials.probing([HOOK]) as (place,):
        outcome = try_delivery(trials.sending(place), lambda: False, seconds=2)
    assert outcome is Outcome.UNSENT


def test_what_somebody_interrupted_has_left_is_deleted(gitea: GiteaStandIn, trials: Trials) -> None:
    left = gitea.make(ORG, PROBE, DESCRIPTION)
    left.created_at = LONG_AGO
    with trials.probing([HOOK]) as (place,):
        assert place.id != left.id
    assert names(gitea) == []


def test_what_somebody_else_uses_now_is_left_alone(gitea: GiteaStandIn, trials: Trials) -> None:
    theirs = gitea.make(ORG, PROBE, DESCRIPTION)
    with pytest.raises(ProbeBusyError), trials.probing([HOOK]):
        pass
    assert gitea.repositories == [theirs]


def test_a_repository_of_somebody_else_is_left_alone(gitea: GiteaStandIn, trials: Trials) -> None:
    theirs = gitea.make(ORG, PROBE, "of somebody")
    theirs.created_at = LONG_AGO
    with pytest.raises(ProbeTakenError), trials.probing([HOOK]):
        pass
    assert gitea.repositories == [theirs]


def test_without_the_organisation_nothing_is_made(gitea: GiteaStandIn, trials: Trials) -> None:
    del gitea.owners[ORG]
    with pytest.raises(NoOrganisationError), trials.probing([HOOK]):
        pass
    assert ORG not in gitea.owners


def test_where_webhooks_are_switched_off_that_is_told(gitea: GiteaStandIn, trials: Trials) -> None:
    gitea.webhooks_disabled = True
    with pytest.raises(HooksRefusedError), trials.probing([HOOK]):
        pass
    assert names(gitea) == []


def test_a_webhook_can_be_tried_where_it_is_ours_and_there_is_a_commit(
    gitea: GiteaStandIn, trials: Trials
) -> None:
    def make(name: str, **hook: object) -> None:
        stored = gitea.make(ORG, name)
        tree = gitea.git(stored, "hash-object", "-w", "-t", "tree", "/dev/null")
        person = ("-c", "user.name=A person", "-c", "user.email=person@example.org")
        commit = gitea.git(stored, *person, "commit-tree", tree, "-m", "Begin")
        gitea.git(stored, "update-ref", "refs/heads/main", commit)
        usual = {"id": stored.id, "type": "gitea", "active": True, "updated_at": ""}
        usual["config"] = {"url": HOOK.address(stored.id)}
        stored.hooks.append({**usual, **hook})

    make("chat")
    assert [str(it.repository) for it in trials.places(HOOK)] == [f"{ORG}/chat"]
    gitea.repositories[0].hooks[0]["active"] = False
    make("other-secret", config={"url": f"{HOOK.url}?key=of%20another"})
    gitea.make(ORG, "empty").hooks = list(gitea.repositories[0].hooks)
    assert trials.places(HOOK) == []
