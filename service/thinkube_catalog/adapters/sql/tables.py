"""The tables, and the way between their rows and the domain's nouns.

What must be unique is a unique index, never a look before a write: two processes may ask at once.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, LargeBinary, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.deployments import (
    Deployment,
    Event,
    EventKind,
    Run,
    RunKind,
    RunState,
    State,
)
from thinkube_catalog.domain.errors import Problem

_Word = TypeVar("_Word", State, RunKind, EventKind)

UNFINISHED = (RunState.QUEUED.value, RunState.RUNNING.value)
EVENTS_COUNTER = "events"

_LIVING = text(f"state <> '{State.REMOVED.value}'")
_BUSY = text(f"state IN ('{RunState.QUEUED.value}', '{RunState.RUNNING.value}')")
_KEYED = text("key <> ''")
_TOLD_ONCE = text(f"run <> '' AND kind <> '{EventKind.STEP_PROGRESS.value}'")


class Utc(TypeDecorator[datetime]):
    """Times in UTC to the microsecond; SQLite keeps no zone, so it is put back when reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (as above)
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _json() -> Any:  # noqa: ANN401 (SQLModel wants the column itself)
    return Field(sa_column=Column(JSON, nullable=False))


def _time(*, nullable: bool = False) -> Any:  # noqa: ANN401 (as above)
    return Field(default=None, sa_column=Column(Utc, nullable=nullable))


class DeploymentRow(SQLModel, table=True):
    __tablename__ = "deployments"
    __table_args__ = (
        Index(
            "one_living_deployment_per_name",
            "name",
            unique=True,
            sqlite_where=_LIVING,
            postgresql_where=_LIVING,
        ),
    )

    id: str = Field(primary_key=True)
    name: str
    template: str
    release: dict[str, Any] = _json()
    answers: dict[str, Any] = _json()
    secrets: dict[str, Any] = _json()
    state: str
    repository: str
    clone_url: str
    url: str
    commit: str
    healthy_commit: str
    problems: list[Any] = _json()
    created_at: datetime = _time()
    changed_at: datetime = _time()


class RunRow(SQLModel, table=True):
    __tablename__ = "runs"
    __table_args__ = (
        Index(
            "one_unfinished_run_per_deployment",
            "deployment_id",
            unique=True,
            sqlite_where=_BUSY,
            postgresql_where=_BUSY,
        ),
        Index(
            "one_run_per_key",
            "deployment",
            "key",
            unique=True,
            sqlite_where=_KEYED,
            postgresql_where=_KEYED,
        ),
        Index("runs_by_deployment", "deployment", "number"),
    )

    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    deployment_id: str
    deployment: str
    kind: str
    state: str
    key: str
    attempt: int
    cancel_requested: bool
    input: dict[str, Any] = _json()
    problems: list[Any] = _json()
    created_at: datetime = _time()
    ended_at: datetime | None = _time(nullable=True)


class EventRow(SQLModel, table=True):
    __tablename__ = "events"
    __table_args__ = (
        Index(
            "told_once",
            "run",
            "step",
            "attempt",
            "kind",
            unique=True,
            sqlite_where=_TOLD_ONCE,
            postgresql_where=_TOLD_ONCE,
        ),
        Index("events_by_deployment", "deployment", "cursor"),
        Index("events_by_run", "run", "cursor"),
    )

    cursor: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    deployment: str
    kind: str
    at: datetime = _time()
    message: str
    run: str
    step: str
    attempt: int
    seconds: float | None
    details: dict[str, Any] = _json()


class CounterRow(SQLModel, table=True):
    __tablename__ = "counters"

    name: str = Field(primary_key=True)
    value: int = Field(sa_column=Column(BigInteger, nullable=False))


class SecretRow(SQLModel, table=True):
    __tablename__ = "secrets"

    key: str = Field(primary_key=True)
    key_id: str
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    changed_at: datetime = _time()


class ReplicaRow(SQLModel, table=True):
    """Times are seconds since 1970 by the database's clock, which all replicas share."""

    __tablename__ = "replicas"

    id: str = Field(primary_key=True)
    version: str
    joined_at: float
    seen_at: float


class ClaimRow(SQLModel, table=True):
    """Which replica carries an attempt of a run; an empty `replica` is nobody."""

    __tablename__ = "claims"
    __table_args__ = (Index("claims_by_replica", "replica"),)

    run: str = Field(primary_key=True)
    attempt: int = Field(primary_key=True)
    replica: str
    number: int


class ArrivalRow(SQLModel, table=True):
    """The test delivery that came last for a repository, given by the forge's own number."""

    __tablename__ = "arrivals"

    repository: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    delivery: str
    at: float


def read_word(words: type[_Word], stored: str) -> _Word:
    """Return a stored word, UNKNOWN if only a newer version of the service knows it."""
    try:
        return words(stored)
    except ValueError:
        return words.UNKNOWN


def deployment_values(deployment: Deployment) -> dict[str, Any]:
    """Return a deployment as its row's columns, without a state that is UNKNOWN."""
    state = {} if deployment.state is State.UNKNOWN else {"state": deployment.state.value}
    return {
        **state,
        **{name: getattr(deployment, name) for name in _PLAIN},
        "release": asdict(deployment.release),
        "answers": dict(deployment.answers),
        "secrets": dict(deployment.secrets),
        "problems": [asdict(each) for each in deployment.problems],
    }


_PLAIN = (
    *("id", "name", "template", "repository", "clone_url", "url"),
    *("commit", "healthy_commit", "created_at", "changed_at"),
)


def deployment_of(row: DeploymentRow) -> Deployment:
    return Deployment(
        **{name: getattr(row, name) for name in _PLAIN},
        release=Release(**row.release),
        answers=row.answers,
        secrets=row.secrets,
        state=read_word(State, row.state),
        problems=_problems(row.problems),
    )


def run_values(run: Run) -> dict[str, Any]:
    """Return a run as its row's columns."""
    return {
        **{name: getattr(run, name) for name in _PLAIN_RUN},
        "kind": run.kind.value,
        "state": run.state.value,
        "input": dict(run.input),
        "problems": [asdict(each) for each in run.problems],
    }


_PLAIN_RUN = (
    *("id", "deployment_id", "deployment", "key", "attempt"),
    *("cancel_requested", "created_at", "ended_at"),
)


def run_of(row: RunRow) -> Run:
    return Run(
        **{name: getattr(row, name) for name in _PLAIN_RUN},
        kind=read_word(RunKind, row.kind),
        state=RunState(row.state),
        input=row.input,
        problems=_problems(row.problems),
    )


def event_values(event: Event) -> dict[str, Any]:
    """Return an event as its row's columns."""
    return {
        **{name: getattr(event, name) for name in _PLAIN_EVENT},
        "kind": event.kind.value,
        "details": dict(event.details),
    }


_PLAIN_EVENT = ("deployment", "at", "message", "run", "step", "attempt", "seconds", "cursor")


def event_of(row: EventRow) -> Event:
    return Event(
        **{name: getattr(row, name) for name in _PLAIN_EVENT},
        kind=read_word(EventKind, row.kind),
        details=row.details,
    )


def _problems(stored: list[Any]) -> tuple[Problem, ...]:
    return tuple(Problem(**cast("dict[str, Any]", each)) for each in stored)
