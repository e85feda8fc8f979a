"""A PostgreSQL looked at for `tkt doctor`. Changes nothing; the service makes its tables itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from thinkube_catalog.adapters.clocks import compare
from thinkube_catalog.adapters.sql.database import NEWEST, _version
from thinkube_catalog.domain.checks import Check, failed, passed, warned

OLDEST = 140000
"""PostgreSQL 14, in the server's own numbers."""

CONNECTIONS = 20
"""What one service may hold at the most, with those of its runs."""


def check_database(url: str) -> list[Check]:
    """Look whether that database will do."""
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        mend = "write THINKUBE_DATABASE_URL as postgresql+psycopg://user:password@host/name"
        return [failed("database", f"{type(error).__name__}: no usable address", mend)]
    try:
        with engine.connect() as connection:
            return list(_look(connection, _where(url)))
    except SQLAlchemyError as error:
        mend = "start it, or correct THINKUBE_DATABASE_URL (host, name, user and password)"
        return [failed("database", f"{_where(url)}: {_reason(error)}", mend)]
    finally:
        engine.dispose()


def _look(connection: Connection, where: str) -> Iterator[Check]:
    number = int(str(connection.execute(text("SHOW server_version_num")).scalar()))
    said = str(connection.execute(text("SHOW server_version")).scalar())
    if number < OLDEST:
        yield failed("database", f"{where}, version {said}", "use PostgreSQL 14 or newer")
    else:
        yield passed("database", f"{where}, version {said}")
    yield _check_tables(connection)
    there = connection.execute(text("SELECT clock_timestamp()")).scalar()
    if isinstance(there, datetime):
        yield compare("database", there, datetime.now(UTC))
    yield _check_connections(connection)


def _check_tables(connection: Connection) -> Check:
    name = "database tables"
    there = _version(connection)
    if there and there > NEWEST:
        message = f"are those of a newer program ({there}; this one knows {NEWEST})"
        return warned(name, message, "bring this program up to date")
    if there == NEWEST:
        return passed(name, f"are up to date ({there})")
    may = connection.execute(text("SELECT has_schema_privilege(current_schema(), 'CREATE')"))
    if not may.scalar():
        mend = "GRANT CREATE ON SCHEMA public TO the user of THINKUBE_DATABASE_URL"
        return failed(name, "are to be made, and this user may not make any", mend)
    state = f"are those of {there}" if there else "are not there yet"
    return passed(name, f"{state}; made when the service starts")


@dataclass(frozen=True)
class _Room:
    allowed: int
    used: int


def _check_connections(connection: Connection) -> Check:
    room = _room(connection)
    told = f"{room.used} of {room.allowed} in use"
    if room.allowed - room.used < CONNECTIONS:
        mend = f"raise max_connections: each service may want {CONNECTIONS}"
        return warned("database connections", told, mend)
    return passed("database connections", told)


def _room(connection: Connection) -> _Room:
    allowed = connection.execute(
        text(
            "SELECT current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int"
        )
    ).scalar()
    used = connection.execute(text("SELECT count(*) FROM pg_stat_activity")).scalar()
    return _Room(int(allowed or 0), int(used or 0))


def _where(url: str) -> str:
    parts = make_url(url)
    return f"{parts.database} at {parts.host or 'this machine'}"


def _reason(error: SQLAlchemyError) -> str:
    """Return the first line of the driver's words: further ones repeat what was sent."""
    origin = getattr(error, "orig", None)
    return str(origin or type(error).__name__).partition("\n")[0]
