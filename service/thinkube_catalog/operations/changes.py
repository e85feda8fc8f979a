"""Changes of a deployment that exists: retry, renew, roll back, remove, cancel; its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from thinkube_catalog.domain.deployments import (
    Deployment,
    EventKind,
    Run,
    RunKind,
    RunState,
    State,
)
from thinkube_catalog.domain.errors import ConflictError
from thinkube_catalog.domain.forge import (
    SKIP_BUILD,
    Commit,
    CommitNotFoundError,
    Repository,
)
from thinkube_catalog.operations import held, secret_delivery
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.requests import begin, earlier_request, new_run
from thinkube_catalog.operations.rollout import (
    HEALTHY,
    REGISTER,
    SYNC,
    message_of,
    published_by,
    repository_of,
    run_named_by,
    signature_of,
)
from thinkube_catalog.operations.steps import Done, Outcome, Step, deployment_of, findings

LONGEST_HISTORY = 200


class NothingToRetryError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"the last run of {name} has not failed; there is nothing to retry")


class NothingToRenewError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"nothing of {name} has been brought up yet, so its secrets cannot be renewed; "
            f"see what its run says with: tkt status {name}",
        )


class NothingToCancelError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has no run under way; there is nothing to cancel")


class NothingToRollBackToError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} has no earlier version that was healthy; name a commit of "
            f"its history with: tkt rollback {name} --to COMMIT",
        )


@dataclass(frozen=True)
class Revision:
    """One commit that a deployment's branch has held. `kind` is deploy, rollback or push."""

    commit: str
    message: str
    author: str
    at: datetime
    kind: str
    healthy: bool
    serving: bool
    run: str = ""


@dataclass(frozen=True)
class Removal:
    """One thing that removal touches: `removed`, or left as `note` says."""

    what: str
    name: str
    removed: bool
    note: str = ""


def retry(platform: Platform, name: str) -> Run:
    """Go on with the last run, failed or cancelled, from the step that failed.

    A run that is under way already is returned as it is. Raises DeploymentNotFoundError,
    NothingToRetryError.
    """
    deployment = platform.deployments.get(name)
    run = _latest(platform, deployment)
    if run is None or (run.state.ended and not _can_go_on(run)):
        raise NothingToRetryError(name)
    again = platform.deployments.begin_again(run.id)
    if again.attempt != run.attempt and not run.only_proposes:
        state = State.REMOVING if run.kind is RunKind.REMOVE else deployment.coming_up
        platform.deployments.save(
            deployment.changed(platform.now(), state=state, problems=()), seen=deployment.changed_at
        )
    platform.runs.start(again)
    return again


def renew(platform: Platform, name: str, *, key: str = "", by: str = "") -> Run:
    """Bring up the values that its secrets have now; what reads others is started anew.

    Raises DeploymentNotFoundError, NothingToRenewError, DeploymentBusyError, KeyReusedError.
    """
    deployment = platform.deployments.get(name)
    if not deployment.commit:
        raise NothingToRenewError(name)
    asked: dict[str, object] = {"by": by}
    if earlier := earlier_request(platform, deployment, RunKind.RENEW, key, asked):
        return earlier
    run = new_run(platform, deployment, RunKind.RENEW, key, asked)
    changed = deployment.changed(platform.now(), state=deployment.coming_up, problems=())
    return begin(platform, run, changed)


def rollback(platform: Platform, name: str, to: str = "", *, key: str = "", by: str = "") -> Run:
    """Restore an earlier version by a commit on top; by default the last healthy one before.

    `to` may be shortened. Raises DeploymentNotFoundError, CommitNotFoundError,
    NothingToRollBackToError, DeploymentBusyError, KeyReusedError.
    """
    deployment = platform.deployments.get(name)
    asked: dict[str, object] = {"asked": to, "by": by}
    if earlier := earlier_request(platform, deployment, RunKind.ROLLBACK, key, asked):
        return earlier
    asked["to"] = _target(platform, deployment, to)
    run = new_run(platform, deployment, RunKind.ROLLBACK, key, asked)
    changed = deployment.changed(platform.now(), state=deployment.coming_up, problems=())
    return begin(platform, run, changed)


def removal_plan(
    platform: Platform, name: str, *, repository: bool = False, volumes: bool = False
) -> tuple[Removal, ...]:
    """Say what removal would delete and what it would leave. Raises DeploymentNotFoundError."""
    deployment = platform.deployments.get(name)
    planned = [
        Removal("application", name, removed=True, note="stops answering at once"),
        Removal(
            "volumes",
            name,
            removed=volumes,
            note="everything that it stored" if volumes else "stored files stay where they are",
        ),
    ]
    own = secret_delivery.own_keys(platform, name)
    shared = sorted({key for key in deployment.secrets.values() if key not in own})
    planned += [Removal("secret", key, removed=True) for key in own]
    planned += [Removal("secret", key, removed=False, note="shared with others") for key in shared]
    if deployment.repository:
        planned.append(_repository_removal(deployment, removed=repository))
    return tuple(planned)


def remove(
    platform: Platform,
    name: str,
    *,
    repository: bool = False,
    volumes: bool = False,
    key: str = "",
) -> Run:
    """Remove the application, its own secrets, and what was chosen beside it, in this order.

    Raises DeploymentNotFoundError, DeploymentBusyError, KeyReusedError.
    """
    deployment = platform.deployments.get(name)
    chosen = {"repository": repository, "volumes": volumes}
    if earlier := earlier_request(platform, deployment, RunKind.REMOVE, key, chosen):
        return earlier
    run = new_run(platform, deployment, RunKind.REMOVE, key, chosen)
    return begin(platform, run, deployment.changed(platform.now(), state=State.REMOVING))


def cancel(platform: Platform, name: str) -> Run:
    """Ask the run that is under way to end after its current step.

    Raises DeploymentNotFoundError, NothingToCancelError.
    """
    run = _latest(platform, platform.deployments.get(name))
    if run is None or run.state.ended:
        raise NothingToCancelError(name)
    return platform.deployments.save_run(replace(run, cancel_requested=True))


def history(platform: Platform, name: str) -> tuple[Revision, ...]:
    """Return the commits that the branch has held, newest first. Raises DeploymentNotFoundError."""
    deployment = platform.deployments.get(name)
    if not deployment.repository:
        return ()
    commits = platform.forge.history(repository_of(platform, name), LONGEST_HISTORY)
    healthy = _healthy_commits(platform, deployment)
    kinds = {run.id: str(run.kind) for run in platform.deployments.runs(name, LONGEST_HISTORY)}
    return tuple(
        Revision(
            commit=commit.id,
            message=commit.message.partition("\n")[0],
            author=commit.author,
            at=commit.at,
            kind=kinds.get(run_named_by(commit), "push"),
            healthy=commit.id in healthy,
            serving=commit.id == deployment.healthy_commit,
            run=run_named_by(commit),
        )
        for commit in commits
    )


def left_behind(platform: Platform, run: Run) -> list[str]:
    """Say what a removal has left, in words."""
    left: list[str] = []
    for step in REMOVAL_STEPS:
        found = findings(platform, run, step.name).get("left")
        left += [str(each) for each in found] if isinstance(found, list | tuple) else []
    return left


def revert(platform: Platform, run: Run) -> Outcome:
    """Commit the tree of the wanted version on top of what is there."""
    deployment = deployment_of(platform, run)
    repository = repository_of(platform, deployment.name)
    target = str(run.input["to"])
    commit = published_by(platform.forge, repository, run)
    if commit is None:
        files = platform.forge.files(repository, target)
        message = message_of(run, _rollback_subject(platform, repository, target))
        commit = platform.forge.publish(repository, files, message, signature_of(run))
    restored = held.following(platform, deployment, commit.id)
    platform.deployments.save(restored.changed(platform.now(), commit=commit.id))
    return Done(f"{target[:12]} is restored as {commit.id[:12]}", {"commit": commit.id})


def remove_application(platform: Platform, run: Run) -> Outcome:
    """Stop the application and have the engine forget it."""
    deployment = deployment_of(platform, run)
    volumes = bool(run.input.get("volumes"))
    left = platform.engine.remove_application(deployment.name, deployment.id, volumes=volumes)
    return Done("stopped and forgotten", {"left": list(left)})


def remove_secrets(platform: Platform, run: Run) -> Outcome:
    """Delete the secrets that this deployment alone was given."""
    deleted = secret_delivery.forget(platform, run.deployment)
    return Done(f"deleted {', '.join(deleted)}" if deleted else "it had none of its own")


def remove_repository(platform: Platform, run: Run) -> Outcome:
    """Delete the repository where that was chosen; say where it is otherwise."""
    deployment = deployment_of(platform, run)
    if not deployment.repository:
        return Done("there was none")
    platform.forge.disconnect(repository_of(platform, deployment.name), deployment.id)
    if not run.input.get("repository"):
        return Done("kept", {"left": [f"the repository {deployment.repository}"]})
    platform.forge.remove_repository(repository_of(platform, deployment.name), deployment.id)
    return Done(f"deleted {deployment.repository}")


ROLLBACK_STEPS = (
    Step("revert", "Restore the earlier version", revert),
    REGISTER,
    SYNC,
    HEALTHY,
)

RENEWAL_STEPS = (REGISTER, SYNC, HEALTHY)
REMOVAL_STEPS = (
    Step("application", "Stop the application", remove_application),
    Step("secrets", "Delete its own secrets", remove_secrets),
    Step("repository", "See to its repository", remove_repository),
)


def _rollback_subject(platform: Platform, repository: Repository, target: str) -> str:
    subject = f"Roll back to {target[:12]}"
    commits = platform.forge.history(repository, LONGEST_HISTORY)
    message = next((each.message for each in commits if each.id == target), "")
    # A version that names its own images runs at once, and nothing is to be built anew.
    return f"{subject} {SKIP_BUILD}" if SKIP_BUILD in message else subject


def _latest(platform: Platform, deployment: Deployment) -> Run | None:
    runs = platform.deployments.runs(deployment.name, limit=1)
    return runs[0] if runs and runs[0].deployment_id == deployment.id else None


def _can_go_on(run: Run) -> bool:
    return run.state in {RunState.FAILED, RunState.CANCELLED}


def _target(platform: Platform, deployment: Deployment, to: str) -> str:
    repository = repository_of(platform, deployment.name)
    commits = platform.forge.history(repository, LONGEST_HISTORY) if deployment.repository else ()
    if to:
        matches = [commit.id for commit in commits if commit.id.startswith(to)]
        if len(matches) != 1:
            raise CommitNotFoundError(repository, to)
        return matches[0]
    healthy = _healthy_commits(platform, deployment)
    return _last_healthy_before(platform, deployment, commits, healthy)


def _last_healthy_before(
    platform: Platform, deployment: Deployment, commits: Sequence[Commit], healthy: set[str]
) -> str:
    repository = repository_of(platform, deployment.name)
    if commits:
        now = platform.forge.files(repository, commits[0].id)
        for commit in commits[1:]:
            if commit.id in healthy and platform.forge.files(repository, commit.id) != now:
                return commit.id
    raise NothingToRollBackToError(deployment.name)


def _healthy_commits(platform: Platform, deployment: Deployment) -> set[str]:
    good = {EventKind.RUN_SUCCEEDED, EventKind.ROLLOUT_SUCCEEDED}
    found = {deployment.healthy_commit}
    after = 0
    while page := platform.deployments.events(deployment.name, after):
        found |= {str(event.details.get("commit")) for event in page if event.kind in good}
        after = page[-1].cursor
    return found


def _repository_removal(deployment: Deployment, *, removed: bool) -> Removal:
    note = (
        "with its whole history"
        if removed
        else "stays; another deployment can have this name once it is moved or deleted"
    )
    return Removal("repository", deployment.repository, removed=removed, note=note)
