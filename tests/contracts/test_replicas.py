"""What every store of replicas and their claims promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text

from thinkube_catalog.adapters.fenced import fenced
from thinkube_catalog.adapters.secret_store import SqlSecrets, keys_from
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.deployments import SqlDeployments
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.deployments import Event, EventKind, Run, RunKind
from thinkube_catalog.domain.replicas import Claim, LeaseExpiredError, Replica, RunTakenError
from thinkube_catalog.domain.secrets import SecretValue

SHORT = 0.5
LONG = 3600.0


@dataclass
class Services:
    """Replicas of one installation, each with connections of its own, as processes have."""

    url: str
    opened: list[Database] = field(default_factory=list)

    def one(self, name: str, lease: float = LONG, *, alone: bool = False) -> SqlReplicas:
        """Return a replica that has not joined."""
        self.opened.append(Database(self.url))
        return SqlReplicas(self.opened[-1], Replica(name, "1"), alone=alone, lease_seconds=lease)

    def joined(self, name: str, lease: float = LONG) -> SqlReplicas:
        one = self.one(name, lease)
        one.join()
        return one

    def records(self) -> SqlDeployments:
        """Return the records as the replica opened last has them."""
        return SqlDeployments(self.opened[-1])


@pytest.fixture(params=["sqlite", "postgresql"])
def services(request: pytest.FixtureRequest) -> Iterator[Services]:
    made = Services(request.getfixturevalue(f"{request.param}_url"))
    yield made
    for database in made.opened:
        database.close()


def a_run(attempt: int = 1) -> Run:
    name = uuid4().hex
    at = datetime(2026, 5, 4, tzinfo=UTC)
    return Run(name, uuid4().hex, "chat", RunKind.DEPLOY, at, attempt=attempt)


def until(reached: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def taken_over(survivor: SqlReplicas, run: Run, *others: SqlReplicas) -> Claim:
    """Let the survivor, and others, beat until it holds the run."""

    def holds() -> bool:
        for one in (survivor, *others):
            one.beat()
        return run.id in [claim.run for claim in held(survivor, run)]

    until(holds)
    return held(survivor, run)[0]


def held(one: SqlReplicas, *runs: Run) -> list[Claim]:
    """Return which of the runs one holds, where another holds the rest."""
    return list(one.claim(runs))


def test_a_run_is_in_the_hands_of_the_first_that_asks(services: Services) -> None:
    first, second = services.joined("first"), services.joined("second")
    run = a_run()
    assert list(first.claim([run])) == [Claim(run.id, 1)]
    assert list(second.claim([run])) == []
    assert list(first.claim([run])) == [Claim(run.id, 1)]
    assert [(each.id, each.carried) for each in first.alive()] == [("first", 1), ("second", 0)]


def test_what_is_passed_on_is_in_nobodys_hands_and_what_others_hold_is_left(
    services: Services,
) -> None:
    first, second = services.joined("first"), services.joined("second")
    ours, theirs, kept = a_run(), a_run(), a_run()
    first.claim([ours, kept])
    second.claim([theirs])
    first.pass_on([ours, theirs])
    first.pass_on([])
    assert [claim.run for claim in second.claim([ours, kept, theirs])] == [theirs.id, ours.id]
    assert held(first, ours, kept, theirs) == [Claim(kept.id, 1)]


def test_each_attempt_is_claimed_by_itself(services: Services) -> None:
    first, second = services.joined("first"), services.joined("second")
    run = a_run()
    again = Run(**{**run.__dict__, "attempt": 2})
    first.claim([run])
    assert list(second.claim([again])) == [Claim(run.id, 2)]


def test_of_many_that_ask_at_once_one_gets_it(services: Services) -> None:
    all_of_them = [services.joined(f"replica {number}") for number in range(4)]
    runs = [a_run() for _ in range(5)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: list(one.claim(runs)), all_of_them))
    claims = [claim.run for each in found for claim in each]
    assert sorted(claims) == sorted(run.id for run in runs)


def test_what_is_released_is_free_for_the_next_under_a_new_number(services: Services) -> None:
    first, second = services.joined("first"), services.joined("second")
    run = a_run()
    first.release(first.claim([run]))
    assert list(second.claim([run])) == [Claim(run.id, 1, 1)]
    second.release([Claim(run.id, 1, 1)])
    assert list(first.claim([run])) == [Claim(run.id, 1, 2)]


def test_what_others_have_taken_is_not_released(services: Services) -> None:
    first, second = services.joined("first"), services.joined("second")
    run = a_run()
    old = list(first.claim([run]))
    first.release(old)
    second.claim([run])
    first.release(old)
    first.finish(old[0])
    assert held(second, run) == [Claim(run.id, 1, 1)]


def test_a_finished_claim_is_forgotten(services: Services) -> None:
    one = services.joined("one")
    run = a_run()
    one.finish(one.claim([run])[0])
    assert [each.carried for each in one.alive()] == [0]


def test_one_that_leaves_leaves_everything_free(services: Services) -> None:
    first, second = services.joined("first"), services.joined("second")
    run = a_run()
    first.claim([run])
    first.leave()
    assert [each.id for each in second.alive()] == ["second"]
    assert held(second, run) == [Claim(run.id, 1, 1)]


def test_what_a_dead_one_held_is_taken_over_by_exactly_one(services: Services) -> None:
    dead, first, second = (services.joined(name) for name in ("dead", "first", "second"))
    runs = [a_run() for _ in range(3)]
    dead.claim(runs)
    for one in (first, second):
        one._steady_since -= LONG  # both have been there for as long as a lease
    with services.opened[-1].writing() as session:
        session.execute(text("UPDATE replicas SET seen_at = 0 WHERE id = 'dead'"))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(SqlReplicas.beat, (first, second)))
    found = [held(one, *runs) for one in (first, second)]
    assert sorted(claim.run for each in found for claim in each) == sorted(run.id for run in runs)
    assert {claim.number for each in found for claim in each} == {1}
    assert {each.id for each in first.alive()} == {"first", "second"}


def test_one_that_beats_is_not_taken_for_dead(services: Services) -> None:
    first, second = services.joined("first", SHORT), services.joined("second", SHORT)
    run = a_run()
    first.claim([run])
    deadline = time.monotonic() + 3 * SHORT
    while time.monotonic() < deadline:
        first.beat()
        second.beat()
        time.sleep(0.05)
    assert held(first, run) == [Claim(run.id, 1)]


def test_after_an_outage_everybody_has_time_to_come_back(services: Services) -> None:
    first, second = services.joined("first", SHORT), services.joined("second", SHORT)
    run = a_run()
    second.claim([run])
    time.sleep(1.5 * SHORT)  # no beat of anybody came through
    first.beat()
    second.beat()
    first.beat()
    assert held(second, run) == [Claim(run.id, 1)]


def test_one_that_was_taken_for_dead_joins_anew_with_empty_hands(services: Services) -> None:
    paused, survivor = services.joined("paused", SHORT), services.joined("survivor", SHORT)
    run = a_run()
    paused.claim([run])
    taken_over(survivor, run)

    def both_live() -> bool:
        for one in (paused, survivor):
            one.beat()
        return {each.id for each in survivor.alive()} == {"paused", "survivor"}

    until(both_live)
    assert held(paused, run) == []


def test_a_successor_inherits_the_claims_as_they_are(services: Services) -> None:
    before, other = services.joined("before"), services.joined("other")
    mine, theirs = a_run(), a_run()
    before.claim([mine])
    other.claim([theirs])
    after = services.one("after")
    after.join("before")
    assert held(after, mine, theirs) == [Claim(mine.id, 1)]
    assert {each.id for each in after.alive()} == {"after", "other"}


def test_one_that_is_alone_inherits_everything(services: Services) -> None:
    before = services.joined("before")
    run = a_run()
    before.claim([run])
    after = services.one("after", alone=True)
    after.join()
    assert held(after, run) == [Claim(run.id, 1)]
    assert [each.id for each in after.alive()] == ["after"]


def test_the_one_alive_longest_leads_until_it_is_gone(services: Services) -> None:
    first, second = services.joined("first"), services.joined("second")
    assert [first.beat(), second.beat()] == [True, False]
    first.leave()
    assert second.beat()


def test_nothing_is_written_for_a_run_that_changed_hands(services: Services) -> None:
    paused = services.joined("paused", SHORT)
    records = services.records()
    secrets = SqlSecrets(services.opened[-1], keys_from("a key of these tests that is long enough"))
    survivor = services.joined("survivor", SHORT)
    run = a_run()
    (old,) = paused.claim([run])
    with paused.carrying(old):
        records.append(_event(run, "before"))
        new = taken_over(survivor, run)
        with pytest.raises(RunTakenError):
            records.append(_event(run, "after"))
        with pytest.raises(RunTakenError):
            secrets.put("HF_TOKEN", SecretValue("canary"))
    with pytest.raises(RunTakenError), paused_again(paused).carrying(old):
        pass
    with survivor.carrying(new):
        services.records().append(_event(run, "theirs"))
    assert [event.message for event in records.ledger(run.id)] == ["before", "theirs"]
    assert list(secrets.entries()) == []
    records.append(_event(run, "outside of any claim"))


def test_nothing_is_begun_while_the_lease_is_not_renewed(services: Services) -> None:
    one = services.joined("one", SHORT)
    run = a_run()
    (claim,) = one.claim([run])
    time.sleep(SHORT)
    with pytest.raises(LeaseExpiredError), one.carrying(claim):
        pass
    one.beat()
    with one.carrying(claim):
        one.check()


def test_acts_outside_are_refused_once_the_run_changed_hands(services: Services) -> None:
    first, second = services.joined("first"), services.joined("second")
    run = a_run()
    (claim,) = first.claim([run])
    done: list[str] = []
    outside = fenced(done, first.check)
    with first.carrying(claim):
        outside.append("while it is ours")
        first.release([claim])
        second.claim([run])
        with pytest.raises(RunTakenError):
            outside.append("when it is not")
    outside.append("for nobody's run")
    assert done == ["while it is ours", "for nobody's run"]


def paused_again(one: SqlReplicas) -> SqlReplicas:
    one.beat()
    return one


def _event(run: Run, message: str) -> Event:
    at = datetime(2026, 5, 4, tzinfo=UTC)
    return Event("chat", EventKind.STEP_PROGRESS, at, message, run=run.id, step="publish")
