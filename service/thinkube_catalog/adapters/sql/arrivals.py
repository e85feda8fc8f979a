"""Test deliveries that have come, in SQL, timed by the database's clock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col

from thinkube_catalog.adapters.sql.database import CLOCKS, Database
from thinkube_catalog.adapters.sql.tables import ArrivalRow

KEPT_SECONDS = 3600.0
"""How long a test delivery is remembered for at least."""

_LONGEST = 100


class SqlArrivals:
    """Keeps the promises of `Arrivals` for every process that uses the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now: Any = literal_column(CLOCKS[database.is_sqlite])

    def note(self, repository: int, delivery: str) -> None:
        insert: Any = (sqlite.insert if self._database.is_sqlite else postgresql.insert)(ArrivalRow)
        told = {"delivery": delivery[:_LONGEST], "at": self._now}
        change = insert.values(repository=repository, **told)
        with self._database.writing() as session:
            old = col(ArrivalRow.at) < self._now - KEPT_SECONDS
            session.execute(delete(ArrivalRow).where(old))
            session.execute(change.on_conflict_do_update(index_elements=["repository"], set_=told))

    def last(self, repository: int) -> str:
        wanted = select(col(ArrivalRow.delivery)).where(col(ArrivalRow.repository) == repository)
        with self._database.reading() as session:
            return str(session.execute(wanted).scalar() or "")
