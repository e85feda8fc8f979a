"""Day two: retry, roll back, remove, cancel, history."""

from __future__ import annotations

import pytest

from tests.stage import Stage
from tests.stand_ins import TEMPLATE, push
from thinkube_catalog.domain.deployments import (
    DeploymentBusyError,
    DeploymentNotFoundError,
    RunState,
    State,
)
from thinkube_catalog.domain.forge import CommitNotFoundError
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import changes, deploy, runs, watch
from thinkube_catalog.operations.deploy import DeploymentRequest


@pytest.fixture
def chat(stage: Stage) -> Stage:
    """A platform on which `chat` is healthy."""
    deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat"))
    return stage


def test_a_retry_goes_on_from_the_step_that_failed(stage: Stage) -> None:
    stage.world.broken.add("chat")
    run = deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat"))
    stage.world.broken.clear()
    again = changes.retry(stage.platform, "chat")
    ledger = stage.platform.deployments.ledger(run.id)
    assert again.id == run.id
    assert {event.step for event in ledger if event.attempt == 2} == {"", "sync", "healthy"}
    assert stage.platform.deployments.get("chat").state is State.HEALTHY


def test_there_is_nothing_to_retry_after_a_success(chat: Stage) -> None:
    with pytest.raises(changes.NothingToRetryError):
        changes.retry(chat.platform, "chat")


def test_what_was_never_brought_up_has_no_secrets_to_renew(stage: Stage) -> None:
    stage.world.forge_down = 10_000
    deploy.request(stage.platform, DeploymentRequest(TEMPLATE, "chat"))
    assert stage.platform.deployments.get("chat").state is State.FAILED
    with pytest.raises(changes.NothingToRenewError):
        changes.renew(stage.platform, "chat")


def test_rolling_back_restores_the_earlier_files_by_a_commit_on_top(chat: Stage) -> None:
    first = chat.platform.deployments.get("chat").commit
    second = push(chat.shelf, "chat", "something else")
    watch.observe(chat.platform)
    watch.observe(chat.platform)
    changes.rollback(chat.platform, "chat")
    revisions = changes.history(chat.platform, "chat")
    assert [each.kind for each in revisions] == ["rollback", "push", "deploy"]
    assert [each.commit for each in revisions[1:]] == [second, first]
    assert [each.serving for each in revisions] == [True, False, False]
    trees = chat.world.trees
    assert trees[revisions[0].commit] == trees[first]


def test_rolling_back_skips_versions_that_never_were_healthy(chat: Stage) -> None:
    first = chat.platform.deployments.get("chat").commit
    chat.world.broken.add("chat")
    push(chat.shelf, "chat", "broken")
    watch.observe(chat.platform)
    watch.observe(chat.platform)
    push(chat.shelf, "chat", "broken differently")
    chat.world.broken.clear()
    changes.rollback(chat.platform, "chat")
    newest = changes.history(chat.platform, "chat")[0]
    assert chat.world.trees[newest.commit] == chat.world.trees[first]
    assert chat.platform.deployments.get("chat").state is State.HEALTHY


def test_a_rollback_takes_a_shortened_commit_and_refuses_an_unknown_one(chat: Stage) -> None:
    first = chat.platform.deployments.get("chat").commit
    push(chat.shelf, "chat", "something else")
    changes.rollback(chat.platform, "chat", first[:8])
    with pytest.raises(CommitNotFoundError):
        changes.rollback(chat.platform, "chat", "feedbeef")


def test_without_an_earlier_healthy_version_there_is_nothing_to_roll_back_to(chat: Stage) -> None:
    with pytest.raises(changes.NothingToRollBackToError):
        changes.rollback(chat.platform, "chat")


def test_removal_says_first_what_it_will_do(stage: Stage) -> None:
    stage.platform.secrets.put("SHARED", SecretValue("for everybody"))
    asked = DeploymentRequest(TEMPLATE, "chat", secrets={"A": SecretValue("own"), "B": "SHARED"})
    deploy.request(stage.platform, asked)
    plan = changes.removal_plan(stage.platform, "chat", repository=False, volumes=True)
    assert [(each.what, each.name, each.removed) for each in plan] == [
        ("application", "chat", True),
        ("volumes", "chat", True),
        ("secret", "chat/A", True),
        ("secret", "SHARED", False),
        ("repository", "thinkube-deployments/chat", False),
    ]
    assert stage.platform.deployments.get("chat").state is State.HEALTHY


def test_removal_takes_everything_chosen_and_says_what_is_left(chat: Stage) -> None:
    run = changes.remove(chat.platform, "chat", repository=False, volumes=False)
    last = chat.platform.deployments.events("chat")[-1]
    assert chat.platform.deployments.run(run.id).state is RunState.SUCCEEDED
    assert last.message == (
        "chat is removed; left: stored files, the repository thinkube-deployments/chat"
    )
    assert chat.world.applications == {}
    with pytest.raises(DeploymentNotFoundError):
        chat.platform.deployments.get("chat")


def test_a_name_is_free_again_once_everything_is_removed(chat: Stage) -> None:
    changes.remove(chat.platform, "chat", repository=True, volumes=True)
    assert chat.world.repositories == {}
    deploy.request(chat.platform, DeploymentRequest(TEMPLATE, "chat"))
    assert chat.platform.deployments.get("chat").state is State.HEALTHY


def test_two_changes_of_one_deployment_never_overlap(held: Stage) -> None:
    deploy.request(held.platform, DeploymentRequest(TEMPLATE, "chat"))
    with pytest.raises(DeploymentBusyError):
        changes.remove(held.platform, "chat")


def test_a_cancelled_run_ends_between_two_steps(held: Stage) -> None:
    run = deploy.request(held.platform, DeploymentRequest(TEMPLATE, "chat"))
    runs.proceed(held.platform, run.id, 1)
    changes.cancel(held.platform, "chat")
    assert runs.proceed(held.platform, run.id, 1) is None
    assert held.platform.deployments.run(run.id).state is RunState.CANCELLED
    assert held.world.made == []
    again = changes.retry(held.platform, "chat")
    while runs.proceed(held.platform, run.id, again.attempt) is not None:
        pass
    assert held.platform.deployments.get("chat").state is State.HEALTHY


def test_there_is_nothing_to_cancel_between_runs(chat: Stage) -> None:
    with pytest.raises(changes.NothingToCancelError):
        changes.cancel(chat.platform, "chat")


def test_a_repository_that_was_kept_keeps_its_name_and_a_request_says_so_at_once(
    chat: Stage,
) -> None:
    changes.remove(chat.platform, "chat", repository=False, volumes=True)
    with pytest.raises(deploy.RequestInvalidError) as caught:
        deploy.request(chat.platform, DeploymentRequest(TEMPLATE, "chat", {"greeting": "hi"}))
    [problem] = caught.value.problems
    assert str(problem) == (
        "name: there is a repository thinkube-deployments/chat already, which is not this "
        "deployment's (choose another name, or move or delete that repository)"
    )
