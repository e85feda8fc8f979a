"""Deployment records in SQL: SQLite or PostgreSQL, one process or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import CursorResult, DateTime, literal, or_, type_coerce, update
from sqlalchemy import select as sql_select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.tables import (
    EVENTS_COUNTER,
    UNFINISHED,
    CounterRow,
    DeploymentRow,
    EventRow,
    RunRow,
    deployment_of,
    deployment_values,
    event_of,
    event_values,
    read_word,
    run_of,
    run_values,
)
from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentBusyError,
    DeploymentNotFoundError,
    DeploymentSummary,
    DeploymentTakenError,
    Event,
    EventKind,
    NewerVersionError,
    Run,
    RunKind,
    RunNotFoundError,
    State,
    StoreUnavailableError,
    next_attempt,
)
from thinkube_catalog.domain.errors import ConflictError

_TRIES = 5
_STATES = {state.value: state for state in State}
_KINDS = [kind.value for kind in RunKind if kind is not RunKind.UNKNOWN]


class SqlDeployments:
    """Keeps the promises of `Deployments` for every process that uses the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listed: tuple[int | None, Sequence[DeploymentSummary]] = (None, ())

    def begin(self, run: Run, deployment: Deployment | None = None) -> Run:
        for _ in range(_TRIES):
            with suppress(IntegrityError), self._database.writing() as session:
                return _begin(session, run, deployment)
            # Another process was faster; looking again says with what.
        raise StoreUnavailableError("others keep changing the same deployment")

    def begin_again(self, run_id: str) -> Run:
        with self._conflicts(run_id), self._database.writing() as session:
            stored = _run(session, run_id)
            _refuse_newer(session, stored)
            again = next_attempt(stored)
            if again is stored:
                return stored
            values = run_values(again)
            changed = _changed(
                session,
                update(RunRow)
                .where(col(RunRow.id) == run_id, col(RunRow.attempt) == stored.attempt)
                .where(col(RunRow.state).not_in(UNFINISHED))
                .values(**values),
            )
            return again if changed else _run(session, run_id)

    def get(self, name: str) -> Deployment:
        with self._database.reading() as session:
            row = session.exec(_living().where(col(DeploymentRow.name) == name)).first()
            if row is None:
                raise DeploymentNotFoundError(name)
            return deployment_of(row)

    def page(self, after: str = "", limit: int = 50) -> Sequence[Deployment]:
        with self._database.reading() as session:
            following = _living().where(col(DeploymentRow.name) > after)
            rows = session.exec(following.order_by(col(DeploymentRow.name)).limit(limit))
            return [deployment_of(row) for row in rows]

    def summaries(self) -> Sequence[DeploymentSummary]:
        """See `Deployments.summaries`. While nothing has changed, they are what they were."""
        now = self._database.changes()  # before they are read: what comes meanwhile counts anew
        seen, listed = self._listed
        if now is None or now != seen:
            listed = self._summaries()
            self._listed = (now, listed)
        return listed

    def _summaries(self) -> Sequence[DeploymentSummary]:
        columns = (
            *(col(DeploymentRow.name), col(DeploymentRow.template)),
            cast("Any", DeploymentRow.release)["version"].as_string(),
            col(DeploymentRow.state),
            cast("Any", DeploymentRow.answers)["author_name"].as_string(),
            *(col(DeploymentRow.url), type_coerce(DeploymentRow.changed_at, DateTime)),
            col(DeploymentRow.healthy_commit),
        )
        living = col(DeploymentRow.state) != State.REMOVED.value
        with self._database.reading() as session:
            # Thousands of rows: plain ones, without what the session does for objects.
            wanted = sql_select(*columns).where(living).order_by(columns[0])
            rows = session.connection().execute(wanted).all()
        return tuple(
            DeploymentSummary(
                *(name, template, version or ""),
                *(_STATES.get(state, State.UNKNOWN), owner or "", url),
                at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC),
                healthy,
            )
            for name, template, version, state, owner, url, at, healthy in rows
        )

    def save(
        self, deployment: Deployment, *events: Event, seen: datetime | None = None
    ) -> Deployment:
        with self._database.writing() as session:
            change = update(DeploymentRow).where(col(DeploymentRow.id) == deployment.id)
            if seen is not None:
                change = change.where(col(DeploymentRow.changed_at) == seen)
            if _changed(session, change.values(**deployment_values(deployment))):
                _store(session, events)
                return deployment
            row = session.get(DeploymentRow, deployment.id)
            if row is None:
                raise DeploymentNotFoundError(deployment.name)
            return deployment_of(row)

    def run(self, run_id: str) -> Run:
        with self._database.reading() as session:
            return _run(session, run_id)

    def runs(self, deployment: str, limit: int = 50) -> Sequence[Run]:
        with self._database.reading() as session:
            own = select(RunRow).where(col(RunRow.deployment) == deployment)
            rows = session.exec(own.order_by(col(RunRow.number).desc()).limit(limit))
            return [run_of(row) for row in rows]

    def unfinished(self) -> Sequence[Run]:
        with self._database.reading() as session:
            open_ones = select(RunRow).where(col(RunRow.state).in_(UNFINISHED))
            return [run_of(row) for row in session.exec(open_ones.order_by(col(RunRow.number)))]

    def save_run(self, run: Run, *events: Event) -> Run:
        with self._database.writing() as session:
            values = run_values(run)
            # A wish to cancel that came in between is not lost.
            values["cancel_requested"] = or_(
                col(RunRow.cancel_requested), literal(run.cancel_requested)
            )
            change = (
                update(RunRow)
                .where(col(RunRow.id) == run.id, col(RunRow.attempt) == run.attempt)
                .where(col(RunRow.state).in_(UNFINISHED), col(RunRow.kind).in_(_KINDS))
                .values(**values)
            )
            if _changed(session, change):
                _store(session, events)
            stored = _run(session, run.id)
            if stored.kind is RunKind.UNKNOWN:
                raise NewerVersionError(stored.deployment)
            return stored

    def append(self, event: Event) -> Event:
        with self._database.writing() as session:
            return _store(session, [event])[0]

    def events(self, deployment: str, after: int = 0, limit: int = 500) -> Sequence[Event]:
        with self._database.reading() as session:
            following = (
                select(EventRow)
                .where(col(EventRow.deployment) == deployment, col(EventRow.cursor) > after)
                .order_by(col(EventRow.cursor))
                .limit(limit)
            )
            return [event_of(row) for row in session.exec(following)]

    def ledger(self, run_id: str) -> Sequence[Event]:
        with self._database.reading() as session:
            own = select(EventRow).where(col(EventRow.run) == run_id)
            return [event_of(row) for row in session.exec(own.order_by(col(EventRow.cursor)))]

    @contextmanager
    def _conflicts(self, run_id: str) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            run = self.run(run_id)
            raise DeploymentBusyError(run.deployment, self._busy_with(run)) from None

    def _busy_with(self, run: Run) -> str:
        mine = (other for other in self.unfinished() if other.deployment_id == run.deployment_id)
        return next((str(other.kind) for other in mine), str(run.kind))


def _begin(session: Session, run: Run, deployment: Deployment | None) -> Run:
    if earlier := _by_key(session, run):
        return earlier
    try:
        _refuse_busy(session, run)
        _refuse_newer(session, run)
        if deployment is not None:
            _refuse_taken(session, deployment)
            session.merge(DeploymentRow(**deployment_values(deployment)))
    except ConflictError:
        # It may be the same request that came in between.
        if earlier := _by_key(session, run):
            return earlier
        raise
    session.add(RunRow(**run_values(run)))
    return run


def _living() -> Any:  # noqa: ANN401 (SQLModel's select types are not for writing down)
    return select(DeploymentRow).where(col(DeploymentRow.state) != State.REMOVED.value)


def _run(session: Session, run_id: str) -> Run:
    row = session.exec(select(RunRow).where(col(RunRow.id) == run_id)).first()
    if row is None:
        raise RunNotFoundError(run_id)
    session.refresh(row)
    return run_of(row)


def _by_key(session: Session, run: Run) -> Run | None:
    if not run.key:
        return None
    same = select(RunRow).where(col(RunRow.deployment) == run.deployment)
    row = session.exec(same.where(col(RunRow.key) == run.key)).first()
    return None if row is None else run_of(row)


def _refuse_busy(session: Session, run: Run) -> None:
    same = select(RunRow).where(col(RunRow.deployment_id) == run.deployment_id)
    row = session.exec(same.where(col(RunRow.state).in_(UNFINISHED))).first()
    if row is not None:
        raise DeploymentBusyError(run.deployment, row.kind)


def _refuse_newer(session: Session, run: Run) -> None:
    row = session.get(DeploymentRow, run.deployment_id)
    state = State.DEPLOYING if row is None else read_word(State, row.state)
    if State.UNKNOWN is state or run.kind is RunKind.UNKNOWN:
        raise NewerVersionError(run.deployment)


def _refuse_taken(session: Session, deployment: Deployment) -> None:
    named = _living().where(col(DeploymentRow.name) == deployment.name)
    if session.exec(named.where(col(DeploymentRow.id) != deployment.id)).first() is not None:
        raise DeploymentTakenError(deployment.name)


def _changed(session: Session, change: Any) -> bool:  # noqa: ANN401 (as above)
    result = cast("CursorResult[Any]", session.execute(change))
    return result.rowcount == 1


def _store(session: Session, events: Iterable[Event]) -> list[Event]:
    return [_store_one(session, event) for event in events]


def _store_one(session: Session, event: Event) -> Event:
    # The counter's row stays locked until the commit, so cursors become visible in their order.
    counted = (
        update(CounterRow)
        .where(col(CounterRow.name) == EVENTS_COUNTER)
        .values(value=col(CounterRow.value) + 1)
        .returning(col(CounterRow.value))
    )
    cursor = session.execute(counted).scalar_one()
    if stored := _told(session, event):
        return stored
    numbered = replace(event, cursor=cursor)
    session.add(EventRow(**event_values(numbered)))
    session.flush()
    return numbered


def _told(session: Session, event: Event) -> Event | None:
    if not event.run or event.kind is EventKind.STEP_PROGRESS:
        return None
    same = (
        select(EventRow)
        .where(col(EventRow.run) == event.run, col(EventRow.step) == event.step)
        .where(col(EventRow.attempt) == event.attempt, col(EventRow.kind) == event.kind.value)
    )
    row = session.exec(same).first()
    return None if row is None else event_of(row)
