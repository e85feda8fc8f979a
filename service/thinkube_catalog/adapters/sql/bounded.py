"""Connections to PostgreSQL that never wait for ever, whatever becomes of the server."""

from __future__ import annotations

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, event

CONNECT_SECONDS = 5
ANSWER_SECONDS = 8.0
"""How long one answer may take. The server's own bounds are below it, so it speaks first."""

SILENT_SECONDS = 1.0

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
    event.listen(engine, "do_connect", Connector().connect)
    event.listen(engine, "connect", _set_bounds)


class Connector:
    """Makes connections; after one that nobody answered, none for a moment.

    So requests that queue up while the server is silent are not each told after seconds.
    """

    def __init__(self) -> None:
        self._silent_until = 0.0

    def connect(
        self, _dialect: object, _record: object, given: tuple[Any, ...], named: dict[str, Any]
    ) -> BoundedConnection:
        if time.monotonic() < self._silent_until:
            message = "it did not answer a moment ago"
            raise psycopg.OperationalError(message)
        try:
            bounds = {"connect_timeout": CONNECT_SECONDS, **named}
            return BoundedConnection.connect(*given, **bounds)
        except psycopg.errors.ConnectionTimeout:
            self._silent_until = time.monotonic() + SILENT_SECONDS
            raise


def _set_bounds(connection: BoundedConnection, _record: object) -> None:
    connection.execute(_BOUNDS)
    connection.commit()
