"""Several replicas on one database: whatever becomes of any of them changes no outcome."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests import postgresql
from tests.replicas.installation import Installation, Replica, ended, wait_until
from tests.replicas.replica import NEW_STEP
from thinkube_catalog.domain.forge import Repository

NEVER = 3600.0
"""A lease that does not run out within a test: what is taken over then was given."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_replicas_that_start_at_once_share_the_work_and_show_each_others(
    installation: Installation,
) -> None:
    installation.patience(4)
    first, second = (installation.start(name) for name in ("first", "second"))
    first.deploy("one")
    second.deploy("two")
    assert first.deploy("three")["state"] == "queued"
    lines = _stream_until(second, "one", "run succeeded")
    assert lines == sorted(set(lines))
    wait_until(lambda: ended(second, ["one", "two", "three"]), "all are deployed")
    assert installation.faults(["one", "two", "three"], first) == []
    assert first.carried() == {"1": 0}
    assert len(installation.forge.history(_template())) == 1
    assert first.ask("GET", "/ready").is_success
    assert second.ask("GET", "/ready").is_success


def test_a_run_is_cancelled_and_retried_through_any_replica(installation: Installation) -> None:
    installation.patience(10_000)
    first, second = (installation.start(name, lease=NEVER) for name in ("first", "second"))
    first.deploy("one")
    wait_until(lambda: _steps(first, "one")[-1:] == ["sync"], "it waits until it is healthy")
    assert second.post("/deployments/one/cancel")["state"] == "running"
    wait_until(lambda: ended(second, ["one"]), "it is cancelled")
    assert second.run_of("one")["state"] == "cancelled"
    installation.patience(0)
    second.post("/deployments/one/retry")
    wait_until(lambda: first.run_of("one")["state"] == "succeeded", "the next attempt")
    assert installation.faults(["one"], first) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_or_stopped_at_any_moment_nothing_is_lost_or_doubled(
    installation: Installation, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    installation.patience(6)
    serving = [installation.start(name) for name in ("first", "second", "third")]
    names = [f"app-{number}" for number in range(6)]
    for number, name in enumerate(names):
        serving[number % 3].deploy(name)
    for _ in range(4):
        time.sleep(chance.uniform(0.0, 1.0))
        place = chance.randrange(3)
        serving[place] = _harmed(serving[place], chance)
    wait_until(lambda: ended(serving[0], names), "all are deployed")
    assert installation.faults(names, serving[1]) == []
    assert serving[0].ask("GET", "/ready").is_success


@pytest.mark.parametrize("place", ["before-publish", "after-publish", "before-ensure_application"])
def test_one_that_wakes_in_the_middle_of_a_step_changes_nothing_any_more(
    installation: Installation, place: str
) -> None:
    installation.patience(2)
    sleeper, survivor = (installation.start(name) for name in ("sleeper", "survivor"))
    survivor.address  # noqa: B018 (waits until it answers)
    wait_until(lambda: sleeper.ask("GET", "/ready").is_success, "its own templates are published")
    hold = installation.hold(place)
    sleeper.deploy("one")
    wait_until(lambda: installation.is_held(place, sleeper), "it is in the middle of a step")
    sleeper.pause()
    hold.unlink()
    wait_until(lambda: ended(survivor, ["one"]), "the other one takes it over")
    before = survivor.get("/deployments/one"), survivor.get("/deployments/one/events")
    assert installation.faults(["one"], survivor) == []
    sleeper.go_on()
    wait_until(lambda: sleeper.ask("GET", "/ready").is_success, "it is one of them again")
    wait_until(lambda: "another replica" in sleeper.log.read_text(), "it has noticed")
    after = survivor.get("/deployments/one"), survivor.get("/deployments/one/events")
    assert (after[0]["state"], after[0]["commit"], after[0]["changed_at"]) == (
        before[0]["state"],
        before[0]["commit"],
        before[0]["changed_at"],
    )
    assert after[1] == before[1]
    sleeper.deploy("two")
    wait_until(lambda: ended(survivor, ["two"]), "it does its part of the work again")
    assert installation.faults(["one", "two"], sleeper) == []


@pytest.mark.parametrize("way", ["stopped", "silent"])
def test_ten_seconds_without_the_database_end_no_run(
    installation: Installation, server: Path, way: str
) -> None:
    installation.patience(8)
    serving = [installation.start(name, lease=10.0) for name in ("first", "second")]
    names = [f"app-{number}" for number in range(4)]
    for number, name in enumerate(names):
        serving[number % 2].deploy(name)
    if way == "stopped":
        postgresql.stop(server)
        try:
            _refused_for(serving, 10.0)
        finally:
            postgresql.start(server)
    else:
        with postgresql.paused(server):
            _refused_for(serving, 10.0)
    wait_until(lambda: _ready(serving), "both are ready again")
    wait_until(lambda: ended(serving[0], names), "all are deployed")
    assert installation.faults(names, serving[1]) == []
    assert [replica.process.poll() for replica in serving] == [None, None]
    serving[0].deploy("afterwards")
    wait_until(lambda: ended(serving[1], ["afterwards"]), "new work is done")


def test_a_rolling_restart_to_a_newer_version_goes_on_with_old_runs(
    installation: Installation,
) -> None:
    installation.patience(10_000)
    old = [installation.start(name, lease=NEVER) for name in ("first", "second")]
    old[0].deploy("waiting")
    wait_until(lambda: _steps(old[0], "waiting")[-1:] == ["sync"], "it waits until it is healthy")
    hold = installation.hold("after-publish")
    old[0].deploy("publishing")
    wait_until(lambda: installation.is_held("after-publish", old[0]), "it is being published")
    old[0].terminate()
    wait_until(lambda: _draining(old[0]), "it says that it is not ready")
    hold.unlink()
    new = [_replaced(old[0])]
    old[1].terminate()
    new.append(_replaced(old[1]))
    wait_until(lambda: new[0].carried() == {"2": 2}, "the newer ones carry both")
    installation.patience(0)
    wait_until(lambda: ended(new[0], ["waiting", "publishing"]), "both are deployed")
    assert installation.faults(["publishing", "waiting"], new[1]) == []
    assert NEW_STEP in _steps(new[0], "waiting")
    assert NEW_STEP in _steps(new[0], "publishing")


def _harmed(replica: Replica, chance: random.Random) -> Replica:
    """Kill or pause a replica; return the one that is in its place afterwards."""
    way = chance.choice(["pause", "kill", "replace"])
    if way == "pause":
        replica.pause()
        time.sleep(1.3 * replica.lease)  # another one takes its runs over
        replica.go_on()
        return replica
    replica.kill()
    if way == "kill":
        return replica.again()
    # On a folder of its own, which holds nothing of the one that was killed.
    return replica.installation.start(f"other-{len(replica.installation.replicas)}")


def _replaced(old: Replica) -> Replica:
    """Start the newer version in the place of one that is ending; wait until it is ready."""
    old.process.wait(60)
    new = old.again("2")
    wait_until(lambda: new.ask("GET", "/ready").is_success, "the newer one is ready")
    return new


def _refused_for(serving: list[Replica], seconds: float) -> None:
    """See each replica answer that the database is away, again and again for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for replica in serving:
            answer = replica.ask("GET", "/api/v1/deployments")
            assert answer.status_code == 503
            assert answer.json()["type"] == "/errors/store-unavailable"
            assert replica.ask("GET", "/health").is_success


def _ready(serving: list[Replica]) -> bool:
    return all(replica.ask("GET", "/ready").is_success for replica in serving)


def _draining(replica: Replica) -> bool:
    with suppress(httpx.HTTPError):
        checks = replica.ask("GET", "/ready").json()["checks"]
        return bool(checks["draining"] != "ok")
    return False


def _stream_until(replica: Replica, name: str, kind: str) -> list[int]:
    """Read a deployment's events as a browser does; return their cursors, in order."""
    cursors = []
    address = f"{replica.address}/api/v1/deployments/{name}/events"
    headers = {"Accept": "text/event-stream"}
    with httpx.stream("GET", address, headers=headers, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                cursors.append(event["cursor"])
                if event["kind"] == kind:
                    return cursors
    return []


def _steps(replica: Replica, name: str) -> list[str]:
    """Return the steps of a deployment that have succeeded, in order."""
    events = replica.get(f"/deployments/{name}/events")["items"]
    return [event["step"] for event in events if event["kind"] == "step succeeded"]


def _template() -> Repository:
    return Repository("thinkube-templates", "tkt-hello")
