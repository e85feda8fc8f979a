"""Between runs: every change of state is told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.stage import Stage
from tests.stand_ins import TEMPLATE, push
from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentNotFoundError,
    EventKind,
    Run,
    RunKind,
    RunState,
    State,
)
from thinkube_catalog.domain.gitops import Cause, CauseKind, Health
from thinkube_catalog.operations import changes, deploy, watch
from thinkube_catalog.operations.deploy import DeploymentRequest


@pytest.fixture
def chat(stage: Stage) -> Stage:
    deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat"))
    return stage


def told(stage: Stage) -> list[tuple[EventKind, str]]:
    """Observe until nothing changes; return what was told since the run ended."""
    for _ in range(8):
        watch.observe(stage.platform)
    events = stage.platform.deployments.events("chat")
    return [(event.kind, str(event.details["state"])) for event in events if not event.run]


def test_nothing_is_told_while_nothing_changes(chat: Stage) -> None:
    assert told(chat) == []


def test_a_push_is_told_from_its_beginning_to_its_end(chat: Stage) -> None:
    chat.world.patience = 3
    pushed = push(chat.shelf, "chat", "new")
    assert told(chat) == [
        (EventKind.ROLLOUT_STARTED, "rolling-out"),
        (EventKind.ROLLOUT_SUCCEEDED, "healthy"),
    ]
    assert chat.platform.deployments.get("chat").healthy_commit == pushed


def test_two_that_saw_the_same_tell_it_once_even_with_a_clock_that_is_behind(chat: Stage) -> None:
    before = chat.platform.deployments.get("chat")
    behind = replace(chat.platform, now=lambda: before.changed_at - timedelta(hours=1))
    push(chat.shelf, "chat", "new")
    for platform in (behind, chat.platform, behind):
        watch._observe(platform, before)
    events = chat.platform.deployments.events("chat")
    assert [event.kind for event in events if not event.run] == [EventKind.ROLLOUT_STARTED]


def test_a_broken_push_leaves_the_last_healthy_version_and_says_why(chat: Stage) -> None:
    before = chat.platform.deployments.get("chat").healthy_commit
    chat.world.broken.add("chat")
    push(chat.shelf, "chat", "broken")
    assert told(chat) == [
        (EventKind.ROLLOUT_STARTED, "rolling-out"),
        (EventKind.ROLLOUT_FAILED, "degraded"),
    ]
    now = chat.platform.deployments.get("chat")
    assert now.healthy_commit == before == chat.world.serving["chat"]
    assert [problem.message for problem in now.problems] == ["it crashes"]


def test_an_application_that_falls_ill_and_recovers_is_told_twice(chat: Stage) -> None:
    serving = chat.world.serving.pop("chat")
    chat.world.failed["chat"] = serving
    assert told(chat) == [(EventKind.HEALTH_CHANGED, "degraded")]
    del chat.world.failed["chat"]
    assert told(chat)[1:] == [(EventKind.HEALTH_CHANGED, "healthy")]
    assert chat.platform.deployments.get("chat").problems == ()


@pytest.mark.parametrize("answers", [True, False])
def test_an_application_that_is_started_once_more_is_rolling_out_and_not_ill(
    chat: Stage, answers: bool
) -> None:
    chat.world.renewed["chat"] = answers
    assert told(chat) == [(EventKind.HEALTH_CHANGED, "rolling-out")]
    last = chat.platform.deployments.events("chat")[-1]
    assert last.message == "healthy -> rolling-out: starting"
    assert chat.platform.deployments.get("chat").problems == ()
    del chat.world.renewed["chat"]
    assert told(chat)[1:] == [(EventKind.HEALTH_CHANGED, "healthy")]


def test_what_is_started_once_more_and_does_not_come_up_is_degraded_until_it_is_well(
    chat: Stage,
) -> None:
    chat.world.renewed["chat"] = False
    told(chat)
    serving = chat.world.serving.pop("chat")
    chat.world.failed["chat"] = serving
    assert told(chat)[1:] == [(EventKind.HEALTH_CHANGED, "degraded")]
    assert [each.message for each in _record(chat).problems] == ["it crashes"]
    del chat.world.failed["chat"]
    chat.world.serving["chat"] = serving
    assert told(chat)[2:] == []
    del chat.world.renewed["chat"]
    assert told(chat)[2:] == [(EventKind.HEALTH_CHANGED, "healthy")]


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ((), State.ROLLING_OUT),
        ((CauseKind.STILL_STARTING,), State.ROLLING_OUT),
        ((CauseKind.STILL_STARTING, CauseKind.IMAGE_PULL), State.DEGRADED),
        ((CauseKind.CRASH_LOOP,), State.DEGRADED),
        ((CauseKind.UNSCHEDULABLE,), State.DEGRADED),
    ],
)
def test_what_keeps_it_from_coming_up_is_trouble_from_the_first_moment(
    chat: Stage, kinds: tuple[CauseKind, ...], state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes itself calls that progress until its deadline."""
    now = chat.platform.engine.status("chat")
    causes = tuple(Cause(kind, str(kind)) for kind in kinds)
    status = replace(now, health=Health.PROGRESSING, causes=causes)
    monkeypatch.setattr(type(chat.platform.engine), "status", lambda *_: status)
    watch.observe(chat.platform)
    assert _record(chat).state is state
    trouble = list(map(str, kinds)) if state is State.DEGRADED else []
    assert [each.message for each in _record(chat).problems] == trouble


def runs_of(stage: Stage) -> list[tuple[RunKind, RunState]]:
    runs: list[Run] = list(stage.platform.deployments.runs("chat"))
    return [(run.kind, run.state) for run in runs]


def test_secrets_that_have_changed_elsewhere_are_brought_up_by_a_run(chat: Stage) -> None:
    chat.world.outdated.add("chat")
    assert told(chat) == []  # its run tells
    assert runs_of(chat)[:-1] == [(RunKind.RENEW, RunState.SUCCEEDED)]
    assert chat.platform.deployments.get("chat").state is State.HEALTHY


def test_a_renewal_that_cannot_begin_its_work_waits_for_a_person(chat: Stage) -> None:
    ours = chat.world.applications["chat"]
    chat.world.applications["chat"] = replace(ours, marker="somebody else's")
    chat.world.outdated.add("chat")
    told(chat)
    assert runs_of(chat)[:-1] == [(RunKind.RENEW, RunState.FAILED)]
    chat.world.applications["chat"] = ours
    changes.retry(chat.platform, "chat")
    assert runs_of(chat)[:-1] == [(RunKind.RENEW, RunState.SUCCEEDED)]


def test_a_value_that_breaks_it_is_told_and_the_next_one_brought_up(chat: Stage) -> None:
    chat.world.outdated.add("chat")
    chat.world.failed["chat"] = chat.world.serving.pop("chat")
    chat.world.broken.add("chat")
    assert told(chat)[-1] == (EventKind.HEALTH_CHANGED, "degraded")
    chat.world.broken.clear()
    chat.world.outdated.add("chat")
    told(chat)
    assert runs_of(chat)[:-1] == [
        (RunKind.RENEW, RunState.SUCCEEDED),
        (RunKind.RENEW, RunState.FAILED),
    ]
    assert chat.platform.deployments.get("chat").state is State.HEALTHY


def test_an_application_removed_behind_our_back_is_told(chat: Stage) -> None:
    chat.world.applications.clear()
    assert told(chat) == [(EventKind.HEALTH_CHANGED, "degraded")]
    assert watch.look(chat.platform, "chat").application is None


def test_what_a_run_owns_is_left_to_it(held: Stage) -> None:
    deploy.request(held.platform, DeploymentRequest(TEMPLATE, "chat"))
    watch.observe(held.platform)
    assert held.platform.deployments.events("chat") == []
    assert held.platform.deployments.get("chat").state is State.DEPLOYING


def test_a_first_deployment_is_no_roll_out_and_a_roll_back_is(held: Stage) -> None:
    deploy.request(held.platform, DeploymentRequest(TEMPLATE, "chat"))
    first = _record(held)
    assert (first.state, first.coming_up) == (State.DEPLOYING, State.DEPLOYING)
    assert replace(first, healthy_commit="a" * 40).coming_up is State.ROLLING_OUT


def test_following_continues_after_a_cursor_and_through_the_end(chat: Stage) -> None:
    events = watch.follow(chat.platform, "chat")
    assert watch.follow(chat.platform, "chat", after=events[3].cursor) == events[4:]
    assert watch.follow(chat.platform, "chat", after=events[-1].cursor, wait_seconds=0.2) == []


def test_following_what_never_was_is_an_error(stage: Stage) -> None:
    with pytest.raises(DeploymentNotFoundError):
        watch.follow(stage.platform, "nobody")


def _record(stage: Stage) -> Deployment:
    return stage.platform.deployments.get("chat")
