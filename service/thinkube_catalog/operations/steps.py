"""Steps: what a run consists of, and how a step can end.

A step looks before it acts and is safe to repeat: it is performed again when the service stopped
in the middle of it. What one step finds out for later ones stands in its event's `details`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from thinkube_catalog.domain.deployments import Deployment, Event, EventKind, Run
from thinkube_catalog.domain.errors import CatalogError, Problem
from thinkube_catalog.operations.platform import Platform

HEARTBEAT_SECONDS = 30.0
"""A waiting step leaves an event at least this often, so that silence means: nobody was there."""


@dataclass(frozen=True)
class Done:
    """The step succeeded. `details` are JSON-like and free of secrets."""

    message: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Again:
    """Not yet: perform the step again after so many seconds."""

    after_seconds: float
    message: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The step failed, and doing the same again now would not help. An expected outcome."""

    problems: tuple[Problem, ...]


Outcome = Done | Again | Failed


@dataclass(frozen=True)
class Step:
    """One step. `every_attempt`: a retry performs it even if it has succeeded before."""

    name: str
    title: str
    perform: Callable[[Platform, Run], Outcome]
    every_attempt: bool = False


def deployment_of(platform: Platform, run: Run) -> Deployment:
    """Return the run's deployment. Raises DeploymentNotFoundError when it has been removed."""
    return platform.deployments.get(run.deployment)


def findings(platform: Platform, run: Run, step: str) -> Mapping[str, object]:
    """Return the details that a step of this run left when it last succeeded, or none."""
    found: Mapping[str, object] = {}
    for event in platform.deployments.ledger(run.id):
        if event.step == step and event.kind is EventKind.STEP_SUCCEEDED:
            found = event.details
    return found


def seconds_at_work(events: Iterable[Event], now: datetime) -> float:
    """Return how long a waiting step has waited, without the time in which the service was down."""
    return seconds_between(events, now, lambda _event: True)


def seconds_between(
    events: Iterable[Event], now: datetime, counts: Callable[[Event], bool]
) -> float:
    """Return the same for the waiting that followed events which count."""
    told = list(events)
    ends = [event.at for event in told[1:]] + [now] * bool(told)
    longest = timedelta(seconds=2 * HEARTBEAT_SECONDS)
    gaps = (
        max(end - event.at, timedelta())
        for event, end in zip(told, ends, strict=True)
        if counts(event)
    )
    return sum((min(gap, longest) for gap in gaps), timedelta()).total_seconds()


def events_of(ledger: Sequence[Event], step: str, attempt: int) -> list[Event]:
    """Return one step's events in one attempt, in order."""
    return [event for event in ledger if event.step == step and event.attempt == attempt]


def problems_of(error: CatalogError) -> tuple[Problem, ...]:
    """Return what an error lists, or the error itself as the one problem."""
    return error.problems or (Problem(str(error)),)
