"""Deploying: everything is checked at once, made once, and healthy at the end."""

from __future__ import annotations

import pytest

from tests.stage import Stage
from tests.stand_ins import TEMPLATE, push
from thinkube_catalog.domain.deployments import (
    DeploymentTakenError,
    EventKind,
    KeyReusedError,
    RunState,
    State,
)
from thinkube_catalog.domain.errors import RenderError
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import changes, deploy, runs
from thinkube_catalog.operations.deploy import DeploymentRequest

CHAT = DeploymentRequest(TEMPLATE, "chat", {"greeting": "hi"})


def test_a_deployment_ends_healthy_for_the_commit_that_it_published(stage: Stage) -> None:
    run = deploy.request(stage.platform, CHAT)
    made = stage.platform.deployments.get("chat")
    assert stage.platform.deployments.run(run.id).state is RunState.SUCCEEDED
    assert made.state is State.HEALTHY
    assert made.commit == made.healthy_commit == stage.world.serving["chat"]
    assert made.url == "http://127.0.0.1/chat"
    assert made.repository == "thinkube-deployments/chat"


def test_every_step_leaves_its_beginning_and_its_end_with_a_duration(stage: Stage) -> None:
    deploy.request(stage.platform, CHAT)
    events = stage.platform.deployments.events("chat")
    ended = [event for event in events if event.kind is EventKind.STEP_SUCCEEDED]
    assert [event.step for event in ended] == [
        "check",
        "render",
        "publish",
        "register",
        "sync",
        "healthy",
    ]
    assert all(event.seconds is not None and event.seconds > 0 for event in ended)
    assert events[0].kind is EventKind.RUN_STARTED
    assert events[-1].kind is EventKind.RUN_SUCCEEDED
    assert events[-1].seconds == pytest.approx((events[-1].at - events[0].at).total_seconds())


def test_every_problem_of_a_request_is_listed_at_once(stage: Stage) -> None:
    asked = DeploymentRequest(
        TEMPLATE, "Chat!", {"greeting": "", "token": "t0ken"}, secrets={"HF_TOKEN": "NOT_STORED"}
    )
    with pytest.raises(deploy.RequestInvalidError) as caught:
        deploy.request(stage.platform, asked)
    fields = {problem.field for problem in caught.value.problems}
    assert fields == {"name", "greeting", "token", "secrets.HF_TOKEN"}
    assert list(stage.platform.deployments.page()) == []
    assert "t0ken" not in str(caught.value)


def test_the_same_key_starts_nothing_new(stage: Stage) -> None:
    asked = DeploymentRequest(TEMPLATE, "chat", key="click-1")
    first = deploy.request(stage.platform, asked)
    second = deploy.request(stage.platform, asked)
    assert second.id == first.id
    assert stage.world.made == ["thinkube-deployments/chat", "application chat"]


def test_a_key_is_good_for_one_request_only(stage: Stage) -> None:
    deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat", key="click-1"))
    other = DeploymentRequest(TEMPLATE, "chat", {"greeting": "other"}, key="click-1")
    with pytest.raises(KeyReusedError):
        deploy.request(stage.platform, other)


def test_a_name_in_use_is_refused_and_keeps_its_secrets(stage: Stage) -> None:
    first = {"HF_TOKEN": SecretValue("of-the-first")}
    deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat", secrets=first))
    second = {"HF_TOKEN": SecretValue("of-the-second")}
    with pytest.raises(DeploymentTakenError):
        deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat", secrets=second))
    stored = stage.platform.secrets
    assert stored.get("chat/HF_TOKEN").reveal() == "of-the-first"
    assert [entry.key for entry in stored.entries()] == ["chat/HF_TOKEN"]


def test_a_secret_reaches_the_engine_by_its_key_only(stage: Stage) -> None:
    asked = DeploymentRequest(TEMPLATE, "chat", secrets={"HF_TOKEN": SecretValue("canary")})
    deploy.request(stage.platform, asked)
    assert stage.world.applications["chat"].secrets == {"HF_TOKEN": "chat/HF_TOKEN"}
    assert "canary" not in repr(stage.world)
    assert "canary" not in repr(stage.platform.deployments.events("chat"))


def test_a_fault_of_the_template_is_found_before_anything_is_recorded(stage: Stage) -> None:
    with pytest.raises(RenderError):
        deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat", {"greeting": "fault"}))
    assert stage.world.made == []


def test_an_application_that_crashes_fails_the_run_with_its_cause(stage: Stage) -> None:
    stage.world.broken.add("chat")
    run = deploy.request(stage.platform, CHAT)
    failed = stage.platform.deployments.run(run.id)
    assert failed.state is RunState.FAILED
    assert [problem.message for problem in failed.problems] == ["it crashes"]
    assert stage.platform.deployments.get("chat").state is State.FAILED


def test_a_deployment_that_never_was_healthy_can_be_asked_for_anew(stage: Stage) -> None:
    stage.world.broken.add("chat")
    deploy.request(stage.platform, CHAT)
    stage.world.broken.clear()
    deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat", {"greeting": "again"}))
    made = stage.platform.deployments.get("chat")
    assert made.state is State.HEALTHY
    assert made.answers["greeting"] == "again"
    assert stage.world.made == ["thinkube-deployments/chat", "application chat"]


def test_a_forge_that_is_away_for_a_moment_delays_and_fails_nothing(stage: Stage) -> None:
    stage.world.forge_down = 3
    run = deploy.request(stage.platform, CHAT)
    assert stage.platform.deployments.run(run.id).state is RunState.SUCCEEDED
    events = stage.platform.deployments.events("chat")
    waits = [event for event in events if event.details.get("unavailable")]
    assert len(waits) == 1  # told once, however often it was tried


def test_a_forge_that_stays_away_fails_the_run_and_a_retry_goes_on(stage: Stage) -> None:
    stage.world.forge_down = 10_000
    run = deploy.request(stage.platform, CHAT)
    failed = stage.platform.deployments.run(run.id)
    assert failed.state is RunState.FAILED
    assert "forge did not answer" in failed.problems[0].message
    assert sum(stage.clock.waits) < 2 * runs.PATIENCE_SECONDS
    stage.world.forge_down = 0
    changes.retry(stage.platform, "chat")
    assert stage.platform.deployments.get("chat").state is State.HEALTHY


def test_an_application_that_never_gets_well_fails_at_its_deadline(stage: Stage) -> None:
    stage.world.patience = 10_000
    run = deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat", healthy_within=60))
    failed = stage.platform.deployments.run(run.id)
    assert failed.problems[0].message == "it did not become healthy within 1 minutes"
    assert 60 < sum(stage.clock.waits) < 70


def test_what_is_pushed_while_a_run_waits_is_what_it_waits_for(held: Stage) -> None:
    held.world.patience = 3
    run = deploy.request(held.platform, CHAT)
    proceed = runs.proceed
    for _ in range(6):
        proceed(held.platform, run.id, 1)
    pushed = push(held.shelf, "chat", "mended")
    while proceed(held.platform, run.id, 1) is not None:
        pass
    made = held.platform.deployments.get("chat")
    assert made.healthy_commit == made.commit == pushed
