"""Watch: how deployments are between runs, and what happens to them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentNotFoundError,
    Event,
    EventKind,
    Run,
    RunKind,
    State,
)
from thinkube_catalog.domain.errors import ConflictError, Problem, UnavailableError
from thinkube_catalog.domain.forge import RolloutState
from thinkube_catalog.domain.gitops import (
    ApplicationNotFoundError,
    ApplicationStatus,
    Health,
    LogLine,
)
from thinkube_catalog.operations import changes, held, remaking, rollout, secret_delivery
from thinkube_catalog.operations.building import with_build
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.providers import living
from thinkube_catalog.operations.rollout import describe, problem_of
from thinkube_catalog.operations.showing import show, show_passed

POLL_SECONDS = 0.1
_TICK = timedelta(microseconds=1)

_SHOWN = {
    EventKind.ROLLOUT_STARTED: RolloutState.PENDING,
    EventKind.ROLLOUT_SUCCEEDED: RolloutState.SUCCEEDED,
    EventKind.ROLLOUT_FAILED: RolloutState.FAILED,
}


@dataclass(frozen=True)
class Seen:
    """A deployment, what the engine says of it now (None when it knows nothing), its last run.

    `unavailable` says why the engine could not be asked; empty where it has answered. `warnings`
    are what is not as its repository makes believe, however healthy it is.
    """

    deployment: Deployment
    application: ApplicationStatus | None
    run: Run | None
    unavailable: str = ""
    warnings: tuple[Problem, ...] = ()


def look(platform: Platform, name: str) -> Seen:
    """See how a deployment is. Raises DeploymentNotFoundError."""
    deployment = platform.deployments.get(name)
    runs = platform.deployments.runs(name, limit=1)
    application, unavailable = None, ""
    try:
        status = with_build(platform, deployment, platform.engine.status(name))
        application = _hidden(platform, deployment, status)
    except ApplicationNotFoundError:
        pass
    except UnavailableError as error:
        unavailable = str(error)
    own = [run for run in runs if run.deployment_id == deployment.id]
    warnings = remaking.warnings(platform, deployment)
    return Seen(deployment, application, own[0] if own else None, unavailable, warnings)


def logs(
    platform: Platform, name: str, container: str = "", after: str = "", limit: int = 200
) -> Sequence[LogLine]:
    """Return log lines as the engine does, without the values of the deployment's secrets.

    Raises DeploymentNotFoundError, ApplicationNotFoundError, EngineUnavailableError.
    """
    keys = tuple(platform.deployments.get(name).secrets.values())
    lines = platform.engine.logs(name, container, after, limit)
    hide = secret_delivery.veil(platform, keys)
    return [replace(line, text=hide(line.text)) for line in lines]


def follow(
    platform: Platform, name: str, after: int = 0, wait_seconds: float = 0.0
) -> Sequence[Event]:
    """Return events after a cursor, waiting for the first of them at most so long.

    Works through a removal. Raises DeploymentNotFoundError if nothing of that name ever was.
    """
    deadline = time.monotonic() + wait_seconds
    while not (events := platform.deployments.events(name, after)):
        if not platform.deployments.runs(name, limit=1):
            raise DeploymentNotFoundError(name)
        if time.monotonic() >= deadline:
            break
        time.sleep(POLL_SECONDS)
    return events


def observe(platform: Platform) -> int:
    """Look once at every deployment that no run owns; record what changed, return how many did.

    What was seen last stands in the deployment's record and changes together with its event, so
    nothing is told twice or missed, however often the service is restarted, and by however many
    replicas at once this is done.
    """
    owned = {run.deployment_id for run in platform.deployments.unfinished()}
    changed = 0
    for deployment in living(platform):
        ours = deployment.id not in owned and deployment.state is not State.UNKNOWN
        if ours and deployment.commit:
            changed += _observe(platform, deployment)
    return changed


def _hidden(
    platform: Platform, deployment: Deployment, status: ApplicationStatus
) -> ApplicationStatus:
    """Return the status without the deployment's secrets, which applications like to repeat."""
    keys = tuple(deployment.secrets.values())
    if not keys:
        return status

    hide = secret_delivery.veil(platform, keys)
    causes = tuple(
        replace(each, message=hide(each.message), lines=tuple(map(hide, each.lines)))
        for each in status.causes
    )
    return replace(status, message=hide(status.message), causes=causes)


def _observe(platform: Platform, before: Deployment) -> bool:
    try:
        status = platform.engine.status(before.name)
    except ApplicationNotFoundError:
        status = ApplicationStatus(
            before.name, Health.MISSING, message="the engine does not know it any more"
        )
    except UnavailableError:
        return False  # the engine's trouble says nothing about the application's
    if status.outdated and _renewed(platform, before):
        return True
    status = with_build(platform, before, status)
    after, kind = _seen(before, status)
    if kind is None:
        if after != before:
            platform.deployments.save(_stamped(platform, after, before), seen=before.changed_at)
        return False
    if kind in {EventKind.ROLLOUT_STARTED, EventKind.ROLLOUT_SUCCEEDED}:
        after = _following(platform, after)
    why = _problems(platform, before, status)
    troubled = after.state in {State.DEGRADED, State.FAILED}
    again = after.state is State.ROLLING_OUT and kind is EventKind.HEALTH_CHANGED
    stamped = replace(_stamped(platform, after, before), problems=why if troubled else ())
    told = why if troubled or again else ()
    if kind is EventKind.ROLLOUT_SUCCEEDED:
        told = remaking.warnings(platform, stamped)[:1]
    event = _event(stamped, before, kind, status, told)
    saved = platform.deployments.save(stamped, event, seen=before.changed_at)
    if saved == stamped and kind in _SHOWN:
        if _is_awaited(before):
            show_passed(platform, before, stamped.commit)
        show(platform, stamped, _SHOWN[kind], event.message)
    return saved == stamped


def _renewed(platform: Platform, deployment: Deployment) -> bool:
    """Begin to bring up secrets that have other values elsewhere; say whether that was begun.

    Not again where the last one failed before it had brought them up: that is for a person.
    """
    last = next(iter(platform.deployments.runs(deployment.name, limit=1)), None)
    if last is not None and last.kind is RunKind.RENEW and last.state.ended:
        ledger = platform.deployments.ledger(last.id)
        done = {each.step for each in ledger if each.kind is EventKind.STEP_SUCCEEDED}
        if rollout.SYNC.name not in done:
            return False
    try:
        changes.renew(platform, deployment.name)
    except ConflictError:
        return False  # somebody, or another replica, was faster
    return True


def _seen(before: Deployment, status: ApplicationStatus) -> tuple[Deployment, EventKind | None]:
    """Return the record that fits the status, and the one event that tells of the change.

    A pass tells one thing; what else changed is told by the next.
    """
    if status.wanted and status.wanted != before.commit:
        started = replace(before, commit=status.wanted, state=before.coming_up, problems=())
        return started, EventKind.ROLLOUT_STARTED
    current = replace(before, url=status.url or before.url)
    if status.healthy_for(before.commit):
        return _well(current)
    if before.commit == before.healthy_commit:
        return _unwell(current, status)
    if status.failed and before.state not in {State.DEGRADED, State.FAILED}:
        state = State.DEGRADED if before.healthy_commit else State.FAILED
        return replace(current, state=state), EventKind.ROLLOUT_FAILED
    return current, None


def _is_awaited(deployment: Deployment) -> bool:
    """Say whether a commit is being brought up of which nothing final has been told."""
    coming_up = deployment.state in {State.DEPLOYING, State.ROLLING_OUT}
    return coming_up and deployment.commit != deployment.healthy_commit


def _following(platform: Platform, after: Deployment) -> Deployment:
    """Return the record as the branch has it now: people merge upgrades, and take them back."""
    found = held.following(platform, after, after.commit)
    if found.secrets != after.secrets:
        rollout.ensure_application(platform, found)
    return found


def _well(current: Deployment) -> tuple[Deployment, EventKind | None]:
    well = replace(current, state=State.HEALTHY, healthy_commit=current.commit, problems=())
    if current.healthy_commit != current.commit:
        return well, EventKind.ROLLOUT_SUCCEEDED
    return well, EventKind.HEALTH_CHANGED if current.state is not State.HEALTHY else None


def _unwell(current: Deployment, status: ApplicationStatus) -> tuple[Deployment, EventKind | None]:
    """Return the record of what was healthy: it is brought up again, or it is ill until it is well.

    Trouble comes and goes while something is tried again and again; one word stands for all of it.
    """
    told = status.health in {Health.HEALTHY, Health.UNKNOWN}
    if told or current.state not in {State.HEALTHY, State.ROLLING_OUT}:
        return current, None
    state = State.ROLLING_OUT if status.is_coming_up else State.DEGRADED
    changed = state is not current.state
    return replace(current, state=state), EventKind.HEALTH_CHANGED if changed else None


def _problems(
    platform: Platform, deployment: Deployment, status: ApplicationStatus
) -> tuple[Problem, ...]:
    named = [problem_of(cause) for cause in status.causes] or [Problem(describe(status))]
    keys = tuple(deployment.secrets.values())
    return tuple(
        replace(each, message=secret_delivery.hide(platform, keys, each.message)) for each in named
    )


def _stamped(platform: Platform, after: Deployment, before: Deployment) -> Deployment:
    # Later than before even where this machine's clock is behind, so that of several replicas
    # that saw the same record only the first one changes it.
    return after.changed(max(platform.now(), before.changed_at + _TICK))


def _event(
    after: Deployment,
    before: Deployment,
    kind: EventKind,
    status: ApplicationStatus,
    problems: tuple[Problem, ...],
) -> Event:
    message = {
        EventKind.ROLLOUT_STARTED: f"bringing up {after.commit[:12]}",
        EventKind.ROLLOUT_SUCCEEDED: f"{after.commit[:12]} is healthy",
        EventKind.HEALTH_CHANGED: f"{before.state} -> {after.state}",
    }.get(kind, f"{after.commit[:12]} failed")
    because = "; ".join(problem.message for problem in problems)
    return Event(
        deployment=after.name,
        kind=kind,
        at=after.changed_at,
        message=f"{message}: {because}" if because else message,
        details={"commit": after.commit, "health": str(status.health), "state": str(after.state)},
    )
