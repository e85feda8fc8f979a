"""Deployments: named, running uses of a release; the runs that change them; what happened.

A deployment changes only through a run (deploy, rollback, remove, ...), one at a time per
deployment. A run is a row of steps; each step looks before it acts, and leaves events.

While replicas are updated one after the other, an older one meets words that only newer ones know.
It reads them as UNKNOWN, never writes that, and leaves what they belong to alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.errors import ConflictError, NotFoundError, Problem, UnavailableError


class State(StrEnum):
    """A deployment's state, as a person reads it."""

    DEPLOYING = "deploying"  # for the first time: nothing was healthy yet
    ROLLING_OUT = "rolling-out"  # it was healthy, and a version is brought up, or up again
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # it ran, and is not well now, or a newer version failed
    FAILED = "failed"  # the last run failed and nothing healthy serves
    REMOVING = "removing"
    REMOVED = "removed"
    UNKNOWN = "unknown"  # to this version of the service; a newer one says it


@dataclass(frozen=True, slots=True)
class DeploymentSummary:
    """What lists show and look for. `owner` is the answer to `author_name`, or empty.

    `healthy_commit` is the one that was healthy last.
    """

    name: str
    template: str
    version: str
    state: State
    owner: str
    url: str
    changed_at: datetime
    healthy_commit: str = ""


class RunKind(StrEnum):
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    UPGRADE = "upgrade"
    REMAKE = "remake"
    RENEW = "renew"  # its secrets, with the values that they have now
    REMOVE = "remove"
    UNKNOWN = "unknown"  # to this version of the service; a newer one has begun it


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}


@dataclass(frozen=True)
class Deployment:
    """One named use of a release. `id` marks everything made for it; names are reused, ids never.

    `commit` is the newest published commit, `healthy_commit` the last that was healthy. `secrets`
    maps environment names to keys in `Secrets`.
    """

    id: str
    name: str
    template: str
    release: Release
    answers: Mapping[str, object]
    created_at: datetime
    changed_at: datetime
    state: State = State.DEPLOYING
    secrets: Mapping[str, str] = field(default_factory=dict)
    repository: str = ""  # owner/name
    clone_url: str = ""
    url: str = ""
    commit: str = ""
    healthy_commit: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def coming_up(self) -> State:
        """Its state while a version is brought up: what was healthy may serve meanwhile."""
        return State.ROLLING_OUT if self.healthy_commit else State.DEPLOYING

    def changed(self, at: datetime, **changes: object) -> Deployment:
        return replace(self, changed_at=at, **changes)  # type: ignore[arg-type] # by field name


@dataclass(frozen=True)
class Run:
    """One change of a deployment under way or ended.

    `input` is what the run was asked for, JSON-like and free of secret values. `attempt` counts
    from 1 and grows with each retry; steps that succeeded in an earlier attempt are not done
    again. `key` is the caller's idempotency key, or empty.
    """

    id: str
    deployment_id: str
    deployment: str
    kind: RunKind
    created_at: datetime
    input: Mapping[str, object] = field(default_factory=dict)
    key: str = ""
    state: RunState = RunState.QUEUED
    attempt: int = 1
    ended_at: datetime | None = None
    problems: tuple[Problem, ...] = ()
    cancel_requested: bool = False

    @property
    def only_proposes(self) -> bool:
        """Whether what runs stays as it is: an upgrade that nobody has asked to apply."""
        return self.kind is RunKind.UPGRADE and not self.input.get("apply")


class EventKind(StrEnum):
    RUN_STARTED = "run started"
    STEP_STARTED = "step started"
    STEP_PROGRESS = "step progress"
    STEP_SUCCEEDED = "step succeeded"
    STEP_FAILED = "step failed"
    STEP_RESUMED = "step resumed"  # after the service had stopped in the middle of it
    RUN_SUCCEEDED = "run succeeded"
    RUN_FAILED = "run failed"
    RUN_CANCELLED = "run cancelled"
    ROLLOUT_STARTED = "rollout started"  # a push, seen by the engine
    ROLLOUT_SUCCEEDED = "rollout succeeded"
    ROLLOUT_FAILED = "rollout failed"
    HEALTH_CHANGED = "health changed"
    UNKNOWN = "unknown"  # to this version of the service; its message says what happened


@dataclass(frozen=True)
class Event:
    """One line of a deployment's append-only log. `cursor` is unique and grows; 0 before storing.

    `seconds` is how long an ended step or run took, waiting included.
    """

    deployment: str
    kind: EventKind
    at: datetime
    message: str = ""
    run: str = ""
    step: str = ""
    attempt: int = 1
    seconds: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    cursor: int = 0

    @property
    def identity(self) -> tuple[str, str, int, EventKind]:
        """What an event of a run is stored once for, unless it is progress."""
        return (self.run, self.step, self.attempt, self.kind)


def next_attempt(run: Run) -> Run:
    """Return the run queued for its next attempt, or the same run if there is nothing to repeat."""
    if run.state not in {RunState.FAILED, RunState.CANCELLED}:
        return run
    return replace(
        run,
        state=RunState.QUEUED,
        attempt=run.attempt + 1,
        ended_at=None,
        problems=(),
        cancel_requested=False,
    )


def continues(stored: Run, run: Run) -> bool:
    """Say whether `run` may take the place of the stored record: same attempt, not yet ended."""
    return stored.attempt == run.attempt and not stored.state.ended


class Deployments(Protocol):
    """The records. Each method is one transaction, events that come with a record included.

    A kind or state that only a newer version of the service knows is read as UNKNOWN. Where a
    deployment is in such a state, no run of it begins; a run of such a kind is not changed: both
    raise NewerVersionError.

    Cursors grow in the order in which transactions become visible: a reader who has seen a cursor
    never finds a smaller one later.
    """

    def begin(self, run: Run, deployment: Deployment | None = None) -> Run:
        """Record a run as queued, with the deployment that it makes or replaces, and return it.

        A deployment whose id is known replaces that record; with a new id its name must be free.
        The same `key` for the same deployment name returns the earlier run and records nothing.
        Raises DeploymentTakenError if a new deployment's name is in use, DeploymentBusyError if
        another run of the deployment has not ended.
        """
        ...

    def begin_again(self, run_id: str) -> Run:
        """Record a failed or cancelled run as queued, with its next attempt, and return it.

        A run that has not ended, or that succeeded, is returned as it is. Raises
        RunNotFoundError, or DeploymentBusyError as `begin` does.
        """
        ...

    def get(self, name: str) -> Deployment:
        """Return the living deployment of that name. Raises DeploymentNotFoundError."""
        ...

    def page(self, after: str = "", limit: int = 50) -> Sequence[Deployment]:
        """Return deployments that are not removed, by name, after a name."""
        ...

    def summaries(self) -> Sequence[DeploymentSummary]:
        """Return every deployment that is not removed, by name, without what is long."""
        ...

    def save(
        self, deployment: Deployment, *events: Event, seen: datetime | None = None
    ) -> Deployment:
        """Replace the record of the same id, store the events with it, and return the record.

        A state that is UNKNOWN stays as it is stored. With `seen`, does nothing and returns the
        stored record if that one's `changed_at` is another. Raises DeploymentNotFoundError if
        there is no record of that id.
        """
        ...

    def run(self, run_id: str) -> Run:
        """Return a run. Raises RunNotFoundError."""
        ...

    def runs(self, deployment: str, limit: int = 50) -> Sequence[Run]:
        """Return the runs of the deployment of that name, newest first."""
        ...

    def unfinished(self) -> Sequence[Run]:
        """Return every run that has not ended, oldest first."""
        ...

    def save_run(self, run: Run, *events: Event) -> Run:
        """Replace the record of the same id, store the events with it, and return the record.

        A wish to cancel, once recorded, stays for that attempt. Does nothing and returns the
        stored run if that one has ended or is at a later attempt: only `begin_again` revives.
        """
        ...

    def append(self, event: Event) -> Event:
        """Store an event and return it with its cursor.

        Storing the same (run, step, attempt, kind) again returns the stored one, unless it is
        progress or belongs to no run.
        """
        ...

    def events(self, deployment: str, after: int = 0, limit: int = 500) -> Sequence[Event]:
        """Return events of the deployment of that name after a cursor, in order."""
        ...

    def ledger(self, run_id: str) -> Sequence[Event]:
        """Return every event of one run, in order."""
        ...


class Runs(Protocol):
    """What carries runs through to their end, however often the service is killed."""

    def start(self, run: Run) -> None:
        """Carry out a queued run, or a failed one's next attempt. Repeating it changes nothing."""
        ...


class DeploymentNotFoundError(NotFoundError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no deployment {name!r}; see all with: tkt ps")
        self.name = name


class RunNotFoundError(NotFoundError):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is no run {run_id}")
        self.run_id = run_id


class DeploymentTakenError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"a deployment {name} exists already; choose another name, or remove it first "
            f"with: tkt remove {name}",
        )
        self.name = name


class DeploymentBusyError(ConflictError):
    def __init__(self, name: str, kind: str) -> None:
        super().__init__(
            f"{name} is in the middle of another run ({kind}); wait for it with: "
            f"tkt status {name} --follow",
        )
        self.name = name


class NewerVersionError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"a newer version of the service looks after {name} in a way that this one does not "
            "know; try again once the service is updated everywhere",
        )
        self.name = name


class KeyReusedError(ConflictError):
    def __init__(self, key: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} was used for another request; use a new key for each",
        )


class StoreUnavailableError(UnavailableError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the database did not answer: {reason}")
