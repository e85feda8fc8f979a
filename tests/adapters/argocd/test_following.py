"""Following applications: whatever the stream does, the truth is known soon, and never undone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.argocd.test_argocd_engine import LEGAL_QA, RECORD
from tests.adapters.local_engine.projects import project, push, wait_healthy
from tests.argocd_world import ArgoCdWorld
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.following import Follower


@pytest.fixture
def client(world: ArgoCdWorld) -> Iterator[ArgoCdClient]:
    client = ArgoCdClient(world.argocd.url, "the-token", 10.0)
    yield client
    client.close()


@pytest.fixture
def follower(world: ArgoCdWorld, client: ArgoCdClient) -> Iterator[Follower]:
    world.engine.ensure_application(LEGAL_QA)
    follower = Follower(Applications(client, "thinkube"), poll_seconds=0.2)
    follower.start()
    wait_until(lambda: follower.all() != [], "it is known")
    yield follower
    follower.stop(client.close)


def a_record(version: int, uid: str = "one") -> ArgoApplication:
    metadata = {"name": RECORD, "uid": uid, "resourceVersion": str(version)}
    return ArgoApplication.model_validate({"metadata": metadata})


def test_a_stream_that_says_nothing_is_made_up_for_by_looking(world: ArgoCdWorld) -> None:
    world.argocd.mute = True
    world.engine.ensure_application(LEGAL_QA)
    for version in "ab":
        wait_healthy(world.engine, push(world.forge, project(version)))


def test_what_is_older_changes_nothing_and_what_was_made_anew_is_another(
    client: ArgoCdClient, world: ArgoCdWorld
) -> None:
    follower = Follower(Applications(client, "thinkube"))
    follower.put(a_record(7))
    assert follower.put(a_record(5)).version == 7
    assert follower.put(a_record(3, "two")).version == 3
    assert follower.put(a_record(8, "two")).version == 8


def test_one_that_is_gone_is_forgotten(world: ArgoCdWorld, follower: Follower) -> None:
    world.argocd.mute = True
    with world.argocd.lock:
        del world.argocd.records[RECORD]
    wait_until(lambda: follower.all() == [], "it is forgotten")
    assert follower.find(RECORD) is None


def test_applications_of_other_projects_and_of_people_are_not_followed(
    world: ArgoCdWorld, follower: Follower
) -> None:
    with world.argocd.lock:
        body = {**world.argocd.the(RECORD).body}
        metadata = {**body["metadata"], "name": "theirs", "labels": {}}
        world.argocd.records["theirs"] = type(world.argocd.the(RECORD))(
            {**body, "metadata": metadata}, looked_at=1e12
        )
    looks = len([each for each in world.argocd.requests if "GET /api/v1/applications?" in each])
    wait_until(
        lambda: (
            len([it for it in world.argocd.requests if "GET /api/v1/applications?" in it])
            > looks + 2
        ),
        "it has looked again",
        10,
    )
    assert [each.metadata.name for each in follower.all()] == [RECORD]


def test_stopping_ends_a_stream_that_nothing_comes_from(
    world: ArgoCdWorld, follower: Follower, client: ArgoCdClient
) -> None:
    world.argocd.heartbeat = 3600.0
    world.argocd.drop_watchers()
    wait_until(lambda: len(world.argocd.watchers) == 2, "both follow again", 30)
    threads = list(follower._threads)
    follower.stop(client.close)
    assert [thread for thread in threads if thread.is_alive()] == []
