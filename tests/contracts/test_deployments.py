"""What every store of records promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from thinkube_catalog.adapters.memory.deployments import MemoryDeployments
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.deployments import SqlDeployments
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentBusyError,
    DeploymentNotFoundError,
    Deployments,
    DeploymentSummary,
    DeploymentTakenError,
    Event,
    EventKind,
    NewerVersionError,
    Run,
    RunKind,
    RunNotFoundError,
    RunState,
    State,
)
from thinkube_catalog.domain.errors import Problem

# fixtures of this module

NOW = datetime(2026, 5, 4, 12, 30, 1, 234567, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Deployments]:
    if request.param == "memory":
        yield MemoryDeployments()
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    yield SqlDeployments(database)
    database.close()


def a_deployment(name: str = "chat", **changes: object) -> Deployment:
    made = Deployment(
        id=uuid4().hex,
        name=name,
        template="tkt-chat",
        release=Release("https://forge.example/tkt-chat", "v1.0.0", "a" * 40),
        answers={"project_name": name, "count": 3, "deep": {"list": [1, None, "ü"]}},
        created_at=NOW,
        changed_at=NOW,
        secrets={"HF_TOKEN": "chat/HF_TOKEN"},
        problems=(Problem("it crashes", "main.py", 3, "app", "mend it"),),
    )
    return replace(made, **changes)  # type: ignore[arg-type] # by field name


def a_run(deployment: Deployment, **changes: object) -> Run:
    made = Run(
        id=uuid4().hex,
        deployment_id=deployment.id,
        deployment=deployment.name,
        kind=RunKind.DEPLOY,
        created_at=NOW,
        input={"by": "somebody", "staged": ["A"]},
    )
    return replace(made, **changes)  # type: ignore[arg-type] # by field name


def an_event(run: Run, kind: EventKind, step: str = "publish", **changes: object) -> Event:
    made = Event(run.deployment, kind, NOW, "a message", run=run.id, step=step, details={"n": 1})
    return replace(made, **changes)  # type: ignore[arg-type] # by field name


def ended(run: Run, state: RunState = RunState.SUCCEEDED) -> Run:
    return replace(run, state=state, ended_at=NOW + timedelta(seconds=5))


def test_what_is_stored_comes_back_equal(store: Deployments) -> None:
    deployment = a_deployment()
    run = a_run(deployment, key="click")
    assert store.begin(run, deployment) == run
    assert store.get("chat") == deployment
    assert store.run(run.id) == run
    assert list(store.unfinished()) == [run]
    event = store.append(an_event(run, EventKind.STEP_STARTED, seconds=0.25))
    assert list(store.events("chat")) == list(store.ledger(run.id)) == [event]


def test_what_is_not_there_is_named(store: Deployments) -> None:
    with pytest.raises(DeploymentNotFoundError, match="chat"):
        store.get("chat")
    with pytest.raises(DeploymentNotFoundError, match="chat"):
        store.save(a_deployment())
    with pytest.raises(RunNotFoundError):
        store.run("none")
    with pytest.raises(RunNotFoundError):
        store.begin_again("none")
    assert list(store.events("chat")) == []
    assert list(store.runs("chat")) == []


def test_a_name_in_use_is_refused_and_nothing_is_recorded(store: Deployments) -> None:
    first = a_deployment()
    store.save_run(ended(store.begin(a_run(first), first)))
    second = a_deployment()
    run = a_run(second)
    with pytest.raises(DeploymentTakenError):
        store.begin(run, second)
    assert store.get("chat") == first
    with pytest.raises(RunNotFoundError):
        store.run(run.id)


def test_the_name_of_a_removed_deployment_is_free(store: Deployments) -> None:
    first = a_deployment()
    store.save_run(ended(store.begin(a_run(first), first)))
    store.save(replace(first, state=State.REMOVED))
    second = a_deployment()
    store.begin(a_run(second), second)
    assert store.get("chat").id == second.id
    assert [each.id for each in store.page()] == [second.id]


def test_a_deployment_of_a_known_id_takes_the_records_place(store: Deployments) -> None:
    first = a_deployment()
    store.save_run(ended(store.begin(a_run(first), first)))
    anew = replace(first, answers={"project_name": "chat"}, state=State.DEPLOYING)
    store.begin(a_run(anew), anew)
    assert store.get("chat") == anew


def test_a_second_run_is_refused_while_one_has_not_ended(store: Deployments) -> None:
    deployment = a_deployment()
    first = store.begin(a_run(deployment), deployment)
    with pytest.raises(DeploymentBusyError, match="deploy"):
        store.begin(a_run(deployment, kind=RunKind.REMOVE))
    store.save_run(ended(first))
    store.begin(a_run(deployment, kind=RunKind.REMOVE))


def test_the_same_key_returns_the_earlier_run(store: Deployments) -> None:
    deployment = a_deployment()
    first = store.begin(a_run(deployment, key="click"), deployment)
    other = a_deployment()
    assert store.begin(a_run(other, key="click"), other) == first
    assert len(store.runs("chat")) == 1


def test_the_same_key_for_another_name_is_another_run(store: Deployments) -> None:
    for name in ("chat", "search"):
        deployment = a_deployment(name)
        store.begin(a_run(deployment, key="click"), deployment)
    assert len(store.unfinished()) == 2


def test_a_failed_run_begins_again_with_its_next_attempt(store: Deployments) -> None:
    deployment = a_deployment()
    run = store.begin(a_run(deployment), deployment)
    failed = replace(ended(run, RunState.FAILED), problems=(Problem("no"),))
    store.save_run(replace(run, cancel_requested=True))
    store.save_run(failed)
    again = store.begin_again(run.id)
    assert again == replace(run, attempt=2)
    assert store.run(run.id) == again
    assert store.begin_again(run.id) == again


def test_a_run_that_succeeded_does_not_begin_again(store: Deployments) -> None:
    deployment = a_deployment()
    run = store.save_run(ended(store.begin(a_run(deployment), deployment)))
    assert store.begin_again(run.id) == run


def test_a_run_does_not_begin_again_while_another_has_not_ended(store: Deployments) -> None:
    deployment = a_deployment()
    first = store.begin(a_run(deployment), deployment)
    store.save_run(ended(first, RunState.FAILED))
    store.begin(a_run(deployment))
    with pytest.raises(DeploymentBusyError):
        store.begin_again(first.id)


def test_an_ended_run_stays_as_it_ended(store: Deployments) -> None:
    deployment = a_deployment()
    run = store.begin(a_run(deployment), deployment)
    last = store.save_run(ended(run, RunState.FAILED))
    late = an_event(run, EventKind.RUN_CANCELLED)
    assert store.save_run(replace(run, cancel_requested=True), late) == last
    again = store.begin_again(run.id)
    assert store.save_run(ended(run)) == again
    assert list(store.events("chat")) == []


def test_a_wish_to_cancel_is_not_lost_to_a_later_save(store: Deployments) -> None:
    deployment = a_deployment()
    run = store.begin(a_run(deployment), deployment)
    store.save_run(replace(run, cancel_requested=True))
    assert store.save_run(replace(run, state=RunState.RUNNING)).cancel_requested
    assert store.run(run.id).cancel_requested


def test_a_save_of_something_seen_gives_way_to_a_change_since(store: Deployments) -> None:
    deployment = a_deployment()
    store.begin(a_run(deployment), deployment)
    later = store.save(deployment.changed(NOW + timedelta(seconds=1), url="http://one"))
    event = Event("chat", EventKind.HEALTH_CHANGED, NOW)
    stale = deployment.changed(NOW + timedelta(seconds=2), url="http://two")
    assert store.save(stale, event, seen=NOW) == later
    assert list(store.events("chat")) == []
    assert store.save(stale, event, seen=later.changed_at) == stale
    assert len(store.events("chat")) == 1


def test_events_are_told_once_but_for_progress(store: Deployments) -> None:
    deployment = a_deployment()
    run = store.begin(a_run(deployment), deployment)
    first = store.append(an_event(run, EventKind.STEP_SUCCEEDED))
    twice = store.append(an_event(run, EventKind.STEP_SUCCEEDED, message="again"))
    assert twice == first
    store.append(an_event(run, EventKind.STEP_SUCCEEDED, attempt=2))
    store.append(an_event(run, EventKind.STEP_PROGRESS))
    store.append(an_event(run, EventKind.STEP_PROGRESS))
    store.append(Event("chat", EventKind.HEALTH_CHANGED, NOW))
    store.append(Event("chat", EventKind.HEALTH_CHANGED, NOW))
    assert len(store.events("chat")) == 6


def test_events_continue_after_a_cursor_in_order(store: Deployments) -> None:
    deployment, other = a_deployment(), a_deployment("other")
    run = store.begin(a_run(deployment), deployment)
    elsewhere = store.begin(a_run(other), other)
    stored = []
    for _ in range(5):
        stored.append(store.append(an_event(run, EventKind.STEP_PROGRESS)))
        store.append(an_event(elsewhere, EventKind.STEP_PROGRESS))
    cursors = [event.cursor for event in stored]
    assert cursors == sorted(set(cursors))
    assert cursors[0] > 0
    assert list(store.events("chat", after=cursors[1], limit=2)) == stored[2:4]
    assert list(store.events("chat", after=cursors[-1])) == []


def test_deployments_are_paged_by_name(store: Deployments) -> None:
    for name in ("delta", "alpha", "charlie", "bravo"):
        deployment = a_deployment(name)
        store.begin(a_run(deployment), deployment)
    assert [each.name for each in store.page(limit=2)] == ["alpha", "bravo"]
    assert [each.name for each in store.page(after="bravo", limit=9)] == ["charlie", "delta"]


def test_runs_are_listed_newest_first(store: Deployments) -> None:
    deployment = a_deployment()
    made = []
    for number in range(3):
        made.append(store.begin(a_run(deployment), deployment if number == 0 else None).id)
        store.save_run(ended(store.run(made[-1])))
    assert [run.id for run in store.runs("chat", limit=2)] == made[:0:-1]


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    """Do something from many threads at the same time; return results and errors."""

    def safely(number: int) -> object:
        try:
            return act(number)
        except (DeploymentBusyError, DeploymentTakenError) as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(safely, range(count)))


def test_of_many_who_ask_at_once_for_one_name_one_gets_it(store: Deployments) -> None:
    asked = [a_deployment() for _ in range(8)]
    results = at_once(8, lambda number: store.begin(a_run(asked[number]), asked[number]))
    assert sum(isinstance(result, Run) for result in results) == 1
    assert len(store.unfinished()) == len(store.page()) == 1


def test_of_many_clicks_under_one_key_all_get_the_same_run(store: Deployments) -> None:
    asked = [a_deployment() for _ in range(8)]
    results = at_once(
        8, lambda number: store.begin(a_run(asked[number], key="click"), asked[number])
    )
    assert {result.id for result in results if isinstance(result, Run)} == {
        store.runs("chat")[0].id
    }
    assert all(isinstance(result, Run) for result in results)


def test_no_reader_finds_a_smaller_cursor_after_a_larger_one(store: Deployments) -> None:
    deployment = a_deployment()
    run = store.begin(a_run(deployment), deployment)
    seen: list[int] = []

    def act(number: int) -> None:
        for _ in range(25):
            if number:
                store.append(an_event(run, EventKind.STEP_PROGRESS))
            else:
                new = store.events("chat", after=seen[-1] if seen else 0)
                seen.extend(event.cursor for event in new)

    at_once(5, act)
    seen.extend(e.cursor for e in store.events("chat", after=seen[-1] if seen else 0))
    assert seen == [event.cursor for event in store.events("chat")]
    assert len(seen) == 100


def test_summaries_show_every_change_at_once(store: Deployments) -> None:
    assert list(store.summaries()) == []
    for name in ("a", "b"):
        made = a_deployment(name)
        store.begin(a_run(made), made)
        for state in (State.HEALTHY, State.DEGRADED, State.HEALTHY):
            store.save(replace(made, state=state))  # all of them within the same moment
            assert {each.name: each.state for each in store.summaries()}[name] is state
            assert store.summaries() == store.summaries()
    store.save(replace(store.get("a"), state=State.REMOVED))
    assert [each.name for each in store.summaries()] == ["b"]


def test_summaries_say_of_all_living_deployments_what_a_list_shows(store: Deployments) -> None:
    for name in ("b", "a", "gone"):
        answers = {"project_name": name, "author_name": "Ann Ü"} if name == "a" else {}
        made = a_deployment(name, answers=answers, url=f"http://{name}.example")
        store.begin(a_run(made), made)
        state = State.REMOVED if name == "gone" else State.HEALTHY
        store.save(replace(made, state=state, healthy_commit="c" * 40 if name == "a" else ""))
    first, second = store.summaries()
    assert first == DeploymentSummary(
        "a", "tkt-chat", "v1.0.0", State.HEALTHY, "Ann Ü", "http://a.example", NOW, "c" * 40
    )
    assert second == replace(first, name="b", owner="", url="http://b.example", healthy_commit="")
    assert first.changed_at.tzinfo is not None


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """What replicas of several versions share."""
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    yield database
    database.close()


def by_a_newer_version(database: Database, table: str, column: str, of: str) -> None:
    """Have a newer version of the service say something that this one does not know."""
    known = {"runs": "id", "deployments": "name", "events": "run"}[table]
    change = f"UPDATE {table} SET {column} = 'from-the-future' WHERE {known} = :of"  # noqa: S608 (of this module)
    with database.writing() as session:
        session.connection().execute(text(change), {"of": of})


def said_in(database: Database, table: str, column: str) -> list[str]:
    with database.reading() as session:
        found = session.connection().execute(text(f"SELECT {column} FROM {table}"))  # noqa: S608 (as above)
        return sorted(str(row[0]) for row in found)


def test_a_run_of_a_kind_that_is_not_known_is_seen_and_left_as_it_is(database: Database) -> None:
    store = SqlDeployments(database)
    theirs, ours = a_deployment("theirs", state=State.HEALTHY), a_deployment("ours")
    run, other = store.begin(a_run(theirs), theirs), store.begin(a_run(ours), ours)
    by_a_newer_version(database, "runs", "kind", run.id)
    seen = replace(run, kind=RunKind.UNKNOWN)
    assert list(store.unfinished()) == [seen, other]
    assert store.run(run.id) == seen
    assert list(store.runs("theirs")) == [seen]
    for asked in (replace(seen, cancel_requested=True), ended(seen)):
        with pytest.raises(NewerVersionError, match="theirs"):
            store.save_run(asked, an_event(seen, EventKind.RUN_CANCELLED))
    with pytest.raises(DeploymentBusyError):
        store.begin(a_run(theirs), theirs)
    assert said_in(database, "runs", "kind") == ["deploy", "from-the-future"]
    assert store.run(run.id) == seen
    assert list(store.ledger(run.id)) == []
    assert store.save_run(ended(other)).state is RunState.SUCCEEDED


def test_a_run_of_a_kind_that_is_not_known_is_not_begun_again(database: Database) -> None:
    store = SqlDeployments(database)
    deployment = a_deployment()
    run = store.begin(a_run(deployment), deployment)
    store.save_run(ended(run, RunState.FAILED))
    by_a_newer_version(database, "runs", "kind", run.id)
    with pytest.raises(NewerVersionError):
        store.begin_again(run.id)
    assert store.run(run.id).state is RunState.FAILED
    following = a_run(deployment)
    assert store.begin(following, deployment) == following  # that one has ended, and is past


def test_a_deployment_in_a_state_that_is_not_known_is_seen_and_no_run_of_it_begins(
    database: Database,
) -> None:
    store = SqlDeployments(database)
    theirs, ours = a_deployment("theirs"), a_deployment("ours")
    run = store.begin(a_run(theirs), theirs)
    store.save_run(ended(run, RunState.FAILED))
    store.save_run(ended(store.begin(a_run(ours), ours)))
    by_a_newer_version(database, "deployments", "state", "theirs")
    seen = replace(theirs, state=State.UNKNOWN)
    assert store.get("theirs") == seen
    assert list(store.page()) == [ours, seen]
    assert [each.state for each in store.summaries()] == [ours.state, State.UNKNOWN]
    for asked in (theirs, None):
        with pytest.raises(NewerVersionError, match="theirs"):
            store.begin(a_run(theirs), asked)
    with pytest.raises(NewerVersionError):
        store.begin_again(run.id)
    other = a_deployment("theirs")
    with pytest.raises(DeploymentTakenError):
        store.begin(a_run(other), other)
    assert said_in(database, "deployments", "state") == ["deploying", "from-the-future"]


def test_a_state_that_is_not_known_stays_when_something_else_is_saved(database: Database) -> None:
    store = SqlDeployments(database)
    deployment = a_deployment()
    store.begin(a_run(deployment), deployment)
    by_a_newer_version(database, "deployments", "state", "chat")
    store.save(replace(store.get("chat"), commit="c" * 40))
    assert store.get("chat").commit == "c" * 40
    assert said_in(database, "deployments", "state") == ["from-the-future"]


def test_events_of_a_kind_that_is_not_known_come_in_their_place_with_their_message(
    database: Database,
) -> None:
    store = SqlDeployments(database)
    deployment = a_deployment()
    run, other = a_run(deployment, id="other"), a_run(deployment)
    first = store.append(an_event(run, EventKind.STEP_STARTED))
    by_a_newer_version(database, "events", "kind", run.id)
    second = store.append(an_event(other, EventKind.STEP_STARTED))
    seen = replace(first, kind=EventKind.UNKNOWN)
    assert list(store.events("chat")) == [seen, second]
    assert list(store.ledger(run.id)) == [seen]
    assert seen.message == "a message"
