"""Replicas and their claims in SQL, timed by the database's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

from sqlalchemy import CursorResult, and_, delete, func, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from thinkube_catalog.adapters.sql.database import CLOCKS, Database
from thinkube_catalog.adapters.sql.tables import ClaimRow, ReplicaRow
from thinkube_catalog.domain.deployments import Run
from thinkube_catalog.domain.replicas import Claim, LeaseExpiredError, Replica, RunTakenError

LEASE_SECONDS = 10.0
"""How long after its last beat a replica counts as alive."""

SURE = 0.8
"""The part of the lease after which a replica that cannot renew it does nothing more."""

NOBODY = ""


class SqlReplicas:
    """Keeps the promises of `Replicas` for every process that uses the same database.

    `alone`: nobody else can be using it, as the lock of the data folder sees to on SQLite. Then
    whatever others left is inherited, and no lease has to be renewed.
    """

    def __init__(
        self,
        database: Database,
        replica: Replica,
        *,
        alone: bool = False,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.id = replica.id
        self._replica = replica
        self._database = database
        self._alone = alone
        self._lease = lease_seconds
        self._now: Any = literal_column(CLOCKS[database.is_sqlite])
        self._carried: ContextVar[Claim | None] = ContextVar("carried", default=None)
        self._sure_until = 0.0
        self._beaten_at = 0.0
        self._steady_since = 0.0

    def join(self, predecessor: str = "") -> None:
        started = time.monotonic()
        others = col(ClaimRow.replica) != NOBODY if self._alone else _of(predecessor)
        gone = col(ReplicaRow.id).is_not(None) if self._alone else _named(predecessor)
        with self._database.writing() as session:
            session.execute(delete(ReplicaRow).where(or_(gone, _named(self.id))))
            self._enter(session)
            if self._alone or predecessor:
                session.execute(update(ClaimRow).where(others).values(replica=self.id))
        self._steady_since = started
        self._renewed(started)

    def beat(self) -> bool:
        if self._alone:
            return True
        started = time.monotonic()
        if started - self._beaten_at >= self._lease:
            # The database was away: others had no chance to renew their leases either.
            self._steady_since = started
        with self._database.writing() as session:
            seen = update(ReplicaRow).where(_named(self.id)).values(seen_at=self._now)
            if not _changed(session, seen):
                self._enter(session)
            if started - self._steady_since >= self._lease:
                self._bury(session)
            leads = self._leads(session)
        self._renewed(started)
        return leads

    def claim(self, runs: Sequence[Run]) -> Sequence[Claim]:
        if not runs:
            return []
        wanted = {(run.id, run.attempt) for run in runs}
        with self._database.reading() as session:
            rows = session.execute(_claims([run.id for run in runs])).all()
        known = {(row.run, row.attempt): row for row in rows}
        held = [
            Claim(run, attempt, row.number)
            for (run, attempt), row in known.items()
            if row.replica == self.id and (run, attempt) in wanted
        ]
        free = [key for key in wanted if key not in known or known[key].replica == NOBODY]
        if not free:
            return held
        with self._database.writing() as session:
            taken = [self._take(session, *key, known.get(key)) for key in sorted(free)]
        return [*held, *(claim for claim in taken if claim)]

    @contextmanager
    def carrying(self, claim: Claim) -> Iterator[None]:
        token = self._carried.set(claim)
        try:
            with self._database.guarded(partial(self._hold, claim)):
                self.check()
                yield
        finally:
            self._carried.reset(token)

    def check(self) -> None:
        claim = self._carried.get()
        if claim is None:
            return
        if not self._alone and time.monotonic() >= self._sure_until:
            raise LeaseExpiredError
        with self._database.reading() as session:
            self._look(session, claim, select(col(ClaimRow.number)))

    def finish(self, claim: Claim) -> None:
        with self._database.writing() as session:
            session.execute(delete(ClaimRow).where(self._ours(claim)))

    def release(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        ours = or_(*(self._ours(claim) for claim in claims))
        with self._database.writing() as session:
            session.execute(update(ClaimRow).where(ours).values(replica=NOBODY))

    def pass_on(self, runs: Sequence[Run]) -> None:
        if not runs:
            return
        theirs = col(ClaimRow.run).in_([run.id for run in runs])
        with self._database.writing() as session:
            change = update(ClaimRow).where(theirs, _of(self.id))
            session.execute(change.values(replica=NOBODY))

    def leave(self) -> None:
        with self._database.writing() as session:
            session.execute(update(ClaimRow).where(_of(self.id)).values(replica=NOBODY))
            session.execute(delete(ReplicaRow).where(_named(self.id)))

    def alive(self) -> Sequence[Replica]:
        counted = (
            select(col(ReplicaRow.id), col(ReplicaRow.version), func.count(col(ClaimRow.run)))
            .outerjoin(ClaimRow, col(ClaimRow.replica) == col(ReplicaRow.id))
            .group_by(col(ReplicaRow.id), col(ReplicaRow.version), col(ReplicaRow.joined_at))
            .order_by(col(ReplicaRow.joined_at), col(ReplicaRow.id))
        )
        if not self._alone:
            counted = counted.where(~self._silent())
        with self._database.reading() as session:
            return [Replica(*row) for row in session.execute(counted)]

    def _renewed(self, started: float) -> None:
        self._beaten_at = started
        self._sure_until = started + SURE * self._lease

    def _enter(self, session: Session) -> None:
        insert = self._insert(ReplicaRow)
        session.execute(
            insert.values(
                id=self.id,
                version=self._replica.version,
                joined_at=self._now,
                seen_at=self._now,
            )
        )

    def _bury(self, session: Session) -> None:
        # The lock decides between a renewal at the last moment and the end: the one that comes
        # second sees what the first has done.
        dead = select(col(ReplicaRow.id)).where(self._silent(), col(ReplicaRow.id) != self.id)
        found = session.execute(dead.with_for_update(skip_locked=True)).scalars().all()
        session.execute(delete(ReplicaRow).where(col(ReplicaRow.id).in_(found)))
        ownerless = and_(
            col(ClaimRow.replica) != NOBODY,
            col(ClaimRow.replica).not_in(select(col(ReplicaRow.id))),
        )
        number = col(ClaimRow.number) + 1
        session.execute(update(ClaimRow).where(ownerless).values(replica=self.id, number=number))

    def _leads(self, session: Session) -> bool:
        first = select(col(ReplicaRow.id)).where(~self._silent())
        first = first.order_by(col(ReplicaRow.joined_at), col(ReplicaRow.id)).limit(1)
        return session.execute(first).scalar() == self.id

    def _silent(self) -> Any:  # noqa: ANN401 (a condition has no plain type)
        return col(ReplicaRow.seen_at) < self._now - self._lease

    def _take(self, session: Session, run: str, attempt: int, known: Any) -> Claim | None:  # noqa: ANN401 (a row)
        if known is None:
            values = {"run": run, "attempt": attempt, "replica": self.id, "number": 0}
            change = self._insert(ClaimRow).values(**values).on_conflict_do_nothing()
            made = session.execute(change.returning(col(ClaimRow.number))).first()
            return Claim(run, attempt) if made else None
        following = Claim(run, attempt, known.number + 1)
        change = (
            update(ClaimRow)
            .where(_is(run, attempt), _of(NOBODY), col(ClaimRow.number) == known.number)
            .values(replica=self.id, number=following.number)
        )
        return following if _changed(session, change) else None

    def _hold(self, claim: Claim, session: Session) -> None:
        # Locked until our transaction ends: whoever takes the run over waits for it.
        self._look(session, claim, select(col(ClaimRow.number)).with_for_update(read=True))

    def _look(self, session: Session, claim: Claim, found: Any) -> None:  # noqa: ANN401 (a select)
        if session.execute(found.where(self._ours(claim))).first() is None:
            raise RunTakenError(claim)

    def _ours(self, claim: Claim) -> Any:  # noqa: ANN401 (as above)
        mine = and_(_of(self.id), col(ClaimRow.number) == claim.number)
        return and_(_is(claim.run, claim.attempt), mine)

    def _insert(self, table: Any) -> Any:  # noqa: ANN401 (each dialect has a class of its own)
        return (sqlite.insert if self._database.is_sqlite else postgresql.insert)(table)


def _claims(runs: Sequence[str]) -> Any:  # noqa: ANN401 (as above)
    columns = map(col, (ClaimRow.run, ClaimRow.attempt, ClaimRow.replica, ClaimRow.number))
    return select(*columns).where(col(ClaimRow.run).in_(runs))


def _is(run: str, attempt: int) -> Any:  # noqa: ANN401 (as above)
    return and_(col(ClaimRow.run) == run, col(ClaimRow.attempt) == attempt)


def _of(replica: str) -> Any:  # noqa: ANN401 (as above)
    return col(ClaimRow.replica) == replica


def _named(replica: str) -> Any:  # noqa: ANN401 (as above)
    return col(ReplicaRow.id) == replica


def _changed(session: Session, change: Any) -> bool:  # noqa: ANN401 (as above)
    return cast("CursorResult[Any]", session.execute(change)).rowcount == 1
