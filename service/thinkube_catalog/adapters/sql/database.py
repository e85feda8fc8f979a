"""The database: connections as we want them, and a schema that is up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool
from sqlmodel import Session

from thinkube_catalog.adapters.sql.changes import SqliteChanges
from thinkube_catalog.domain.deployments import StoreUnavailableError

NEWEST = "0003"
"""The newest migration. A test keeps it equal to what the migrations' folder holds."""

POOL_SIZE, POOL_OVERFLOW = 10, 10
"""Connections of one replica to PostgreSQL: kept open, and besides them at the most."""

POOL_SECONDS = 3
"""How long a request waits for a connection while all are in use."""

CLOCKS = {
    True: "((julianday('now') - 2440587.5) * 86400.0)",
    False: "extract(epoch FROM clock_timestamp())::float8",
}
"""Seconds since 1970 by the database's own clock, by whether it is SQLite."""

_LOCK = 7_403_115  # any number, the same for every process that migrates
_BUSY_MILLISECONDS = 30_000

Guard = Callable[[Session], None]
"""Looks at something in a transaction that is about to write, and raises if it must not."""


class Database:
    """One database by URL: `sqlite:///path/to/file` or `postgresql+psycopg://…`.

    Raises StoreUnavailableError when it cannot be reached or stays locked. With `as_it_is`, its
    schema is not brought up to date, and a missing or an older one is no error yet.
    """

    def __init__(self, url: str, *, as_it_is: bool = False) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self._engine = _sqlite(url) if self.is_sqlite else _postgresql(url)
        self._reading = self._engine.execution_options(reading=True)
        self._guard: ContextVar[Guard | None] = ContextVar("guard", default=None)
        if not as_it_is:
            with _translated():
                self._migrate(url)
        path = Path(url.removeprefix("sqlite:///"))
        self._changes = SqliteChanges(path) if self.is_sqlite else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that only reads, in one transaction."""
        with _translated(), Session(self._reading) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes are committed together at the end, or not at all."""
        with _translated(), Session(self._engine) as session, session.begin():
            if guard := self._guard.get():
                guard(session)
            yield session

    def version(self) -> str:
        """Return which migration its schema is of; empty where there is none."""
        with _translated(), self._reading.connect() as connection:
            return _version(connection)

    def changes(self) -> int | None:
        """Return a number that is another one after each commit; None where there is none."""
        return None if self._changes is None else self._changes.count()

    @contextmanager
    def guarded(self, guard: Guard) -> Iterator[None]:
        """Have every writing transaction of this context begin with the guard's look."""
        token = self._guard.set(guard)
        try:
            yield
        finally:
            self._guard.reset(token)

    def close(self) -> None:
        if self._changes is not None:
            self._changes.close()
        self._engine.dispose()

    def _migrate(self, url: str) -> None:
        with self._reading.connect() as connection:
            if _version(connection) >= NEWEST:
                return  # a newer program's schema is one that this one can work with
        # Waiting for another replica that migrates may take longer than a statement may.
        engine = self._engine if self.is_sqlite else create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            if not self.is_sqlite:  # SQLite's write transaction is a lock already
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            if _version(connection) < NEWEST:
                _upgrade(connection)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, InternalError) as error:
        # The first line only: further ones repeat statements and values.
        raise StoreUnavailableError(str(error.orig).partition("\n")[0]) from None
    except PoolTimeoutError:
        raise StoreUnavailableError("all connections to it are in use") from None


def _postgresql(url: str) -> Engine:
    from thinkube_catalog.adapters.sql.bounded import bound  # noqa: PLC0415 (SQLite needs no psycopg)

    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,
    )
    bound(engine)
    return engine


def _sqlite(url: str) -> Engine:
    path = url.removeprefix("sqlite:///")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 (the driver's own)
    connection.isolation_level = None  # the driver begins nothing by itself: we do, below
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    # A transaction that reads first and then writes cannot wait for another writer in WAL mode,
    # it fails at once; so writers say so from the start.
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _version(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _upgrade(connection: Connection) -> None:
    # Imported here, since it is slow and hardly ever needed.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
