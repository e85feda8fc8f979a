"""Runs: a row of steps, carried on from wherever it stands, as often as somebody asks.

The ledger, a run's own events, says which steps are done; so it does not matter how often and
where the service was killed. `proceed` does one thing and returns; an adapter of `Runs` calls it
until it returns None.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from uuid import uuid4

from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentNotFoundError,
    Event,
    EventKind,
    Run,
    RunKind,
    RunState,
    State,
)
from thinkube_catalog.domain.errors import CatalogError, Problem, UnavailableError
from thinkube_catalog.domain.replicas import LeaseExpiredError, RunTakenError
from thinkube_catalog.operations import changes, deploy, held, remaking, upgrade
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.secret_delivery import hide
from thinkube_catalog.operations.steps import (
    HEARTBEAT_SECONDS,
    Again,
    Done,
    Failed,
    Outcome,
    Step,
    events_of,
    problems_of,
    seconds_at_work,
)

MOST_RESUMES = 5
"""How often one step may take the service down with it before the run is given up."""

RETRY_SECONDS = 2.0
PATIENCE_SECONDS = 120.0
"""How long a step goes on asking something outside that does not answer."""

_PLANS: Mapping[RunKind, tuple[Step, ...]] = {
    RunKind.DEPLOY: deploy.STEPS,
    RunKind.ROLLBACK: changes.ROLLBACK_STEPS,
    RunKind.UPGRADE: upgrade.UPGRADE_STEPS,
    RunKind.REMAKE: remaking.STEPS,
    RunKind.RENEW: changes.RENEWAL_STEPS,
    RunKind.REMOVE: changes.REMOVAL_STEPS,
    RunKind.UNKNOWN: (),
}
_TITLES: Mapping[RunKind, str] = {
    RunKind.DEPLOY: "Deploying",
    RunKind.ROLLBACK: "Rolling back",
    RunKind.UPGRADE: "Upgrading",
    RunKind.REMAKE: "Making k8s/ anew",
    RunKind.RENEW: "Renewing the secrets of",
    RunKind.REMOVE: "Removing",
}

_log = logging.getLogger(__name__)


def plan(run: Run) -> tuple[Step, ...]:
    """Return the steps of a run, in order; none where only a newer version knows them."""
    return upgrade.PROPOSAL_STEPS if run.only_proposes else _PLANS[run.kind]


def proceed(platform: Platform, run_id: str, attempt: int) -> float | None:
    """Do the next thing of a run's attempt; return the seconds to wait before the one after it.

    Returns None when nothing is left to do: the attempt has ended, or a later one has begun, or
    only a newer version of the service knows what to do. An exception that is no CatalogError
    ends the run as failed, and is raised.
    """
    run = platform.deployments.run(run_id)
    if run.attempt != attempt or run.state.ended or run.kind is RunKind.UNKNOWN:
        return None
    if run.state is RunState.QUEUED:
        run = _start(platform, run)
    ledger = platform.deployments.ledger(run.id)
    step = next_step(run, ledger)
    if step is None:
        _conclude(platform, run, RunState.SUCCEEDED, ())
        return None
    if run.cancel_requested:
        _conclude(platform, run, RunState.CANCELLED, (_cancelled(run),))
        return None
    match advance(platform, run, step, ledger):
        case Done():
            return 0.0
        case Again(after_seconds=seconds):
            return seconds
        case Failed(problems=problems):
            _conclude(platform, run, RunState.FAILED, problems)
    return None


def next_step(run: Run, ledger: Sequence[Event]) -> Step | None:
    """Return the first step that has not succeeded as often as this attempt needs it."""
    done = [event for event in ledger if event.kind is EventKind.STEP_SUCCEEDED]
    ever = {event.step for event in done}
    now = {event.step for event in done if event.attempt == run.attempt}
    for step in plan(run):
        if step.name not in (now if step.every_attempt else ever):
            return step
    return None


def advance(platform: Platform, run: Run, step: Step, ledger: Sequence[Event]) -> Outcome:
    """Perform one step and record how it went. Expected failures are outcomes, not exceptions.

    Raises LeaseExpiredError or RunTakenError when the run is, or may be, in other hands.
    """
    past = events_of(ledger, step.name, run.attempt)
    if _resumes(past) >= MOST_RESUMES:
        return _record(platform, run, step, Failed((_poisoned(step),)))
    _enter(platform, run, step, past)
    try:
        outcome = _hiding_secrets(platform, run, step.perform(platform, run))
    except (LeaseExpiredError, RunTakenError):
        raise  # it is no outcome of the step, and nothing may be recorded
    except UnavailableError as error:
        outcome = _hiding_secrets(platform, run, _patiently(platform, run, step, error))
    except CatalogError as error:
        outcome = _hiding_secrets(platform, run, Failed(problems_of(error)))
    except Exception:
        problem = _unexpected(step, run)
        _record(platform, run, step, Failed((problem,)))
        _conclude(platform, run, RunState.FAILED, (problem,))
        raise
    return _record(platform, run, step, outcome)


def give_up(platform: Platform, run: Run, reason: Problem) -> None:
    """End a run that cannot be carried on as failed."""
    current = platform.deployments.run(run.id)
    if current.attempt == run.attempt and not current.state.ended:
        _conclude(platform, current, RunState.FAILED, (reason,))


def _start(platform: Platform, run: Run) -> Run:
    event = _event(platform, run, EventKind.RUN_STARTED, f"{_TITLES[run.kind]} {run.deployment}")
    return platform.deployments.save_run(replace(run, state=RunState.RUNNING), event)


def _enter(platform: Platform, run: Run, step: Step, past: Sequence[Event]) -> None:
    # A step whose last event is no promise to come back was cut off by a stop of the service.
    if not past:
        kind, message, details = EventKind.STEP_STARTED, step.title, {}
    elif past[-1].details.get("waiting"):
        return
    else:
        count = _resumes(past) + 1
        kind = EventKind.STEP_RESUMED if count == 1 else EventKind.STEP_PROGRESS
        message = f"{step.title}, again: the service had stopped in the middle of it"
        details = {"resumes": count}
    event = _event(platform, run, kind, message, step=step.name)
    platform.deployments.append(replace(event, details=details))


def _hiding_secrets(platform: Platform, run: Run, outcome: Outcome) -> Outcome:
    # What comes from outside, such as a server's refusal, may repeat what it was sent.
    try:
        keys = tuple(platform.deployments.get(run.deployment).secrets.values())
    except DeploymentNotFoundError:
        return outcome
    if not isinstance(outcome, Failed):
        return replace(outcome, message=hide(platform, keys, outcome.message))
    hidden = (
        replace(each, message=hide(platform, keys, each.message)) for each in outcome.problems
    )
    return Failed(tuple(hidden))


def _resumes(past: Sequence[Event]) -> int:
    counts = (event.details.get("resumes") for event in past)
    return max((count for count in counts if isinstance(count, int)), default=0)


def _record(platform: Platform, run: Run, step: Step, outcome: Outcome) -> Outcome:
    past = events_of(platform.deployments.ledger(run.id), step.name, run.attempt)
    match outcome:
        case Done(message=message, details=details):
            event = _event(platform, run, EventKind.STEP_SUCCEEDED, message, step=step.name)
            event = replace(event, details=details)
        case Failed(problems=problems):
            message = "; ".join(problem.message for problem in problems)
            event = _event(platform, run, EventKind.STEP_FAILED, message, step=step.name)
            event = replace(event, details={"problems": [str(each) for each in problems]})
        case Again(message=message, details=details):
            if _said(past, message, platform):
                return outcome
            event = _event(platform, run, EventKind.STEP_PROGRESS, message, step=step.name)
            event = replace(event, details={**details, "waiting": True})
    if event.kind is not EventKind.STEP_PROGRESS and past:
        event = replace(event, seconds=(event.at - past[0].at).total_seconds())
    platform.deployments.append(event)
    return outcome


def _said(past: Sequence[Event], message: str, platform: Platform) -> bool:
    if not past or not past[-1].details.get("waiting"):
        return False
    age = (platform.now() - past[-1].at).total_seconds()
    return past[-1].message == message and age < HEARTBEAT_SECONDS


def _patiently(platform: Platform, run: Run, step: Step, error: UnavailableError) -> Outcome:
    past = events_of(platform.deployments.ledger(run.id), step.name, run.attempt)
    silent = list(takewhile(lambda event: event.details.get("unavailable"), reversed(past)))
    if seconds_at_work(reversed(silent), platform.now()) > PATIENCE_SECONDS:
        return Failed(problems_of(error))
    return Again(RETRY_SECONDS, str(error), {"unavailable": True})


def _conclude(platform: Platform, run: Run, state: RunState, problems: tuple[Problem, ...]) -> None:
    kind = {
        RunState.SUCCEEDED: EventKind.RUN_SUCCEEDED,
        RunState.FAILED: EventKind.RUN_FAILED,
        RunState.CANCELLED: EventKind.RUN_CANCELLED,
    }[state]
    deployment = _settled(platform, run, state, problems)
    event = _event(platform, run, kind, _closing_words(platform, run, state, problems))
    started = _started_at(platform, run)
    details: Mapping[str, object] = {}
    if deployment is not None and not run.only_proposes:
        details = {"commit": deployment.commit, "url": deployment.url}
    event = replace(event, seconds=(event.at - started).total_seconds(), details=details)
    ended = replace(run, state=state, ended_at=event.at, problems=problems)
    platform.deployments.save_run(ended, event)


def _settled(
    platform: Platform, run: Run, state: RunState, problems: tuple[Problem, ...]
) -> Deployment | None:
    """Bring the deployment's record to what the end of the run means for it."""
    try:
        deployment = platform.deployments.get(run.deployment)
    except DeploymentNotFoundError:  # removed already, before the service stopped
        return None
    if deployment.id != run.deployment_id:
        return None
    if run.only_proposes:
        return deployment
    if state is RunState.SUCCEEDED and run.kind not in {RunKind.REMOVE, RunKind.DEPLOY}:
        deployment = held.following(platform, deployment, deployment.commit)
    settled = _state_after(deployment, run, state)
    changed = deployment.changed(platform.now(), state=settled, problems=problems)
    if state is RunState.SUCCEEDED and run.kind is not RunKind.REMOVE:
        changed = replace(changed, healthy_commit=changed.commit)
    return platform.deployments.save(changed)


def _state_after(deployment: Deployment, run: Run, state: RunState) -> State:
    if state is RunState.SUCCEEDED:
        return State.REMOVED if run.kind is RunKind.REMOVE else State.HEALTHY
    if not deployment.healthy_commit:
        return State.FAILED
    if run.kind is RunKind.REMOVE or deployment.commit != deployment.healthy_commit:
        return State.DEGRADED
    return State.HEALTHY  # it failed before it changed anything


def _closing_words(
    platform: Platform, run: Run, state: RunState, problems: tuple[Problem, ...]
) -> str:
    if state is not RunState.SUCCEEDED:
        return "; ".join(problem.message for problem in problems)
    if run.only_proposes:
        return upgrade.outcome_of(platform, run)
    if run.kind is not RunKind.REMOVE:
        return f"{run.deployment} is healthy"
    left = changes.left_behind(platform, run)
    return f"{run.deployment} is removed" + (f"; left: {', '.join(left)}" if left else "")


def _started_at(platform: Platform, run: Run) -> datetime:
    for event in platform.deployments.ledger(run.id):
        if event.kind is EventKind.RUN_STARTED and event.attempt == run.attempt:
            return event.at
    return run.created_at


def _event(platform: Platform, run: Run, kind: EventKind, message: str, *, step: str = "") -> Event:
    return Event(
        deployment=run.deployment,
        kind=kind,
        at=platform.now(),
        message=message,
        run=run.id,
        step=step,
        attempt=run.attempt,
    )


def _cancelled(run: Run) -> Problem:
    return Problem("cancelled", mend=f"go on with: tkt retry {run.deployment}")


def _poisoned(step: Step) -> Problem:
    return Problem(
        f"the service stopped {MOST_RESUMES + 1} times in the middle of this step ({step.title})",
        mend="look for its reason in the service's log, then try again with: tkt retry",
    )


def _unexpected(step: Step, run: Run) -> Problem:
    reference = uuid4().hex[:8]
    _log.exception("step %s of run %s failed, reference %s", step.name, run.id, reference)
    return Problem(
        f"an unexpected error in the step {step.name!r} (reference {reference})",
        mend="the service's log tells more under that reference",
    )
