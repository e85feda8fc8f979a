"""Test deliveries at a real Gitea: it notes when it has tried, also what it may not deliver.

It has to be allowed to call this machine, and not every address (`ALLOWED_HOST_LIST = loopback`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest

from tests.faulty import Faulty, FaultyHandler, Reply, serving
from thinkube_catalog.adapters.gitea import Hook
from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.adapters.gitea.scopes import beyond
from thinkube_catalog.adapters.gitea.trials import ProbeBusyError, Trials
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations.trial import Outcome, try_delivery

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NOT_ALLOWED = "http://192.0.2.1/hook"
"""An address for documentation (RFC 5737): nobody's, and not this machine's."""


@dataclass(kw_only=True)
class Listener(Faulty):
    """Takes what is delivered, and answers so."""

    status: int = 204
    taken: list[dict[str, object]] = field(default_factory=list)


class _Handler(FaultyHandler):
    stand_in: Listener

    def answer(self) -> None:
        self.stand_in.taken.append(self.body())
        self.send(Reply(self.stand_in.status))


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    with serving(made, _Handler):
        yield made


@pytest.fixture
def organisation() -> Iterator[str]:
    name = f"trials-{uuid4().hex[:8]}"
    token = os.environ["THINKUBE_TEST_GITEA_TOKEN"]
    url = f"{os.environ['THINKUBE_TEST_GITEA_URL']}/api/v1/"
    with httpx.Client(
        base_url=url, headers={"Authorization": f"token {token}"}, timeout=60
    ) as root:
        root.post("orgs", json={"username": name, "visibility": "private"}).raise_for_status()
        yield name
        left = [each["name"] for each in root.get(f"orgs/{name}/repos").json()]
        root.delete(f"orgs/{name}").raise_for_status()
    assert left == []


@pytest.fixture
def client() -> Iterator[GiteaClient]:
    url, token = (os.environ[f"THINKUBE_TEST_GITEA_{it}"] for it in ("URL", "TOKEN"))
    made = GiteaClient(url, token, 20)
    yield made
    made.close()


def a_hook(url: str) -> Hook:
    return Hook(url, lambda id_: SecretValue(f"of-{id_}"), lambda _secret: "key")


def outcome_of(trials: Trials, hook: Hook, listener: Listener) -> Outcome:
    with trials.probing([hook]) as (place,):
        return try_delivery(trials.sending(place), lambda: bool(listener.taken), 30)


@pytest.mark.parametrize("status", [204, 403])
def test_what_arrives_changes_nothing_and_is_seen_whatever_is_answered(
    client: GiteaClient, organisation: str, listener: Listener, status: int
) -> None:
    listener.status = status
    hook = a_hook(f"{listener.url}/hook")
    assert outcome_of(Trials(client, organisation), hook, listener) is Outcome.ARRIVED
    (taken,) = listener.taken
    assert taken["before"] == taken["after"]
    assert taken["ref"] == "refs/heads/main"


@pytest.mark.parametrize("url", [NOT_ALLOWED, "http://127.0.0.1:9/hook", "http://no.invalid/hook"])
def test_gitea_notes_that_it_has_tried_what_does_not_arrive(
    client: GiteaClient, organisation: str, listener: Listener, url: str
) -> None:
    assert outcome_of(Trials(client, organisation), a_hook(url), listener) is Outcome.LOST


def test_of_two_who_try_at_once_one_gives_way(
    client: GiteaClient, organisation: str, listener: Listener
) -> None:
    trials, hook = Trials(client, organisation), a_hook(f"{listener.url}/hook")
    with trials.probing([hook]), pytest.raises(ProbeBusyError), trials.probing([hook]):
        pass


def test_a_token_for_everything_is_good_for_too_much(client: GiteaClient) -> None:
    needed = ("read:user", "write:organization", "write:repository")
    too_much = ["write:user", "read:issue", "read:notification", "read:package"]
    assert beyond(client, needed) == too_much
