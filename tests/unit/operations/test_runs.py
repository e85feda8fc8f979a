"""Runs: carried on from the ledger, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.stage import Stage
from tests.stand_ins import TEMPLATE
from thinkube_catalog.domain.deployments import EventKind, Run, RunKind, RunState
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.operations import deploy, runs, steps
from thinkube_catalog.operations.deploy import DeploymentRequest
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.steps import Again, Done, Failed, Outcome, Step


class StoppedError(BaseException):
    """The service stops in the middle of something."""


def begun(held: Stage) -> Run:
    return deploy.request(held.platform, DeploymentRequest(TEMPLATE, "chat"))


def performing(act: Callable[[], Outcome]) -> Callable[[Platform, Run], Outcome]:
    return lambda _platform, _run: act()


def planned(monkeypatch: pytest.MonkeyPatch, *performed: Callable[[], Outcome]) -> None:
    """Have deploying consist of these steps, named first, second, ..."""
    names = ("first", "second", "third")
    plan = tuple(
        Step(name, name.title(), performing(act))
        for name, act in zip(names, performed, strict=False)
    )
    monkeypatch.setattr(runs, "_PLANS", {RunKind.DEPLOY: plan})


def kinds(platform: Platform, run: Run) -> list[str]:
    return [f"{event.step} {event.kind}".strip() for event in platform.deployments.ledger(run.id)]


def stop() -> Outcome:
    raise StoppedError


def test_a_step_cut_off_is_performed_again_and_said_so_once(
    held: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(held)
    planned(monkeypatch, stop)
    for _ in range(2):
        with pytest.raises(StoppedError):
            runs.proceed(held.platform, run.id, 1)
    planned(monkeypatch, lambda: Done("made"))
    assert runs.proceed(held.platform, run.id, 1) == 0.0
    assert kinds(held.platform, run) == [
        "run started",
        "first step started",
        "first step resumed",
        "first step progress",
        "first step succeeded",
    ]


def test_a_step_that_takes_the_service_down_again_and_again_ends_the_run(
    held: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(held)
    planned(monkeypatch, stop)
    for _ in range(runs.MOST_RESUMES + 1):
        with pytest.raises(StoppedError):
            runs.proceed(held.platform, run.id, 1)
    assert runs.proceed(held.platform, run.id, 1) is None
    ended = held.platform.deployments.run(run.id)
    assert ended.state is RunState.FAILED
    assert "stopped 6 times in the middle of this step" in ended.problems[0].message


def test_a_step_that_waits_is_not_taken_for_one_cut_off(
    held: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(held)
    planned(monkeypatch, lambda: Again(1.0, "not yet"))
    for _ in range(20):
        assert runs.proceed(held.platform, run.id, 1) == 1.0
    assert kinds(held.platform, run) == [
        "run started",
        "first step started",
        "first step progress",
    ]


def test_a_long_wait_leaves_a_sign_of_life_now_and_then(
    held: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(held)
    planned(monkeypatch, lambda: Again(1.0, "not yet"))
    for _ in range(100):
        held.clock.wait(runs.proceed(held.platform, run.id, 1) or 0)
    assert kinds(held.platform, run).count("first step progress") == 4


def test_a_bug_ends_the_run_with_a_reference_and_without_its_words(
    held: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(held)

    def bug() -> Outcome:
        raise RuntimeError("canary")

    planned(monkeypatch, bug)
    with pytest.raises(RuntimeError):
        runs.proceed(held.platform, run.id, 1)
    ended = held.platform.deployments.run(run.id)
    assert ended.state is RunState.FAILED
    assert "reference" in ended.problems[0].message
    assert "canary" not in repr(ended) + repr(held.platform.deployments.ledger(run.id))
    assert runs.proceed(held.platform, run.id, 1) is None


def test_a_plan_changed_in_between_is_carried_on_by_the_names_of_its_steps(
    held: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(held)
    planned(monkeypatch, Done, lambda: Again(1.0))
    runs.proceed(held.platform, run.id, 1)
    done: list[str] = []

    def third() -> Outcome:
        done.append("third")
        return Done()

    planned(monkeypatch, lambda: pytest.fail("performed before"), Done, third)
    while runs.proceed(held.platform, run.id, 1) is not None:
        pass
    assert done == ["third"]
    assert held.platform.deployments.run(run.id).state is RunState.SUCCEEDED


def test_an_attempt_that_is_over_is_left_alone(
    held: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begun(held)
    planned(monkeypatch, lambda: Failed((Problem("no"),)))
    assert runs.proceed(held.platform, run.id, 1) is None
    held.platform.deployments.begin_again(run.id)
    before = kinds(held.platform, run)
    assert runs.proceed(held.platform, run.id, 1) is None
    assert kinds(held.platform, run) == before


def test_giving_up_ends_what_has_not_ended(held: Stage) -> None:
    run = begun(held)
    for _ in range(2):
        runs.give_up(held.platform, run, Problem("cannot be carried on"))
    ended = held.platform.deployments.run(run.id)
    assert ended.state is RunState.FAILED
    assert kinds(held.platform, run) == ["run failed"]


def test_the_time_in_which_the_service_was_down_is_not_waited(held: Stage) -> None:
    run = begun(held)
    platform = held.platform
    runs.proceed(platform, run.id, 1)
    start, *_ = platform.deployments.ledger(run.id)
    later = replace(start, at=start.at + timedelta(hours=5), kind=EventKind.STEP_RESUMED)
    now = later.at + timedelta(seconds=10)
    assert steps.seconds_at_work([start, later], now) == 2 * steps.HEARTBEAT_SECONDS + 10
