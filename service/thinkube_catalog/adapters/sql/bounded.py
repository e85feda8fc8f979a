"""Connections to PostgreSQL that never wait for ever, whatever becomes of the server."""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, event

CONNECT_SECONDS = 5
ANSWER_SECONDS = 8.0
"""How long one answer may take. The server's own bounds are below it, so it speaks first."""

_BOUNDS = """
SET statement_timeout = '7s';
SET lock_timeout = '6s';
SET idle_in_transaction_session_timeout = '5s';
"""
# The last one frees what a replica had locked when it was stopped in the middle of a transaction.

T = TypeVar("T")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer in time.

    The server's own timeouts do not help where the server is stopped or the network is gone.
    """

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 (it has no public name)
            self.pgconn.finish()  # nobody knows what it would answer next
            message = f"no answer within {ANSWER_SECONDS:.0f} seconds"
            raise psycopg.OperationalError(message) from None


def bound(engine: Engine) -> None:
    """Have an engine use such connections."""
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _set_bounds)


def _connect(
    _dialect: object, _record: object, given: tuple[Any, ...], named: dict[str, Any]
) -> BoundedConnection:
    return BoundedConnection.connect(*given, **{"connect_timeout": CONNECT_SECONDS, **named})


def _set_bounds(connection: BoundedConnection, _record: object) -> None:
    connection.execute(_BOUNDS)
    connection.commit()
