"""PostgreSQL from one replica's side: nothing waits for ever, nothing stays locked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from tests import postgresql
from tests.replicas.installation import wait_until
from thinkube_catalog.adapters.sql.database import POOL_OVERFLOW, POOL_SIZE, Database
from thinkube_catalog.domain.deployments import StoreUnavailableError

pytestmark = [pytest.mark.slow]

COUNT = text("UPDATE counters SET value = value + 1")
READ = text("SELECT value FROM counters")


@pytest.fixture
def url(server: Path) -> str:
    return postgresql.new_database(server)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


def _value(database: Database) -> int:
    with database.reading() as session:
        return int(session.execute(READ).scalar_one())


def test_a_server_that_is_silent_is_unavailable_and_then_there_again(
    database: Database, server: Path
) -> None:
    assert _value(database) == 0
    with postgresql.paused(server):
        for _ in range(20):  # on a connection that was open, on a new one, and without one
            with pytest.raises(StoreUnavailableError, match="did not answer"):
                _value(database)
    wait_until(lambda: _answers(database), "it is there again")


def _answers(database: Database) -> bool:
    with suppress(StoreUnavailableError):
        return _value(database) == 0
    return False


def test_a_server_that_was_restarted_is_there_again(database: Database, server: Path) -> None:
    assert _value(database) == 0
    postgresql.stop(server)
    try:
        with pytest.raises(StoreUnavailableError, match="did not answer"):
            _value(database)
    finally:
        postgresql.start(server)
    assert _value(database) == 0


def test_what_a_stopped_replica_has_locked_is_free_again_soon(database: Database, url: str) -> None:
    stopped = Database(url)
    with pytest.raises(StoreUnavailableError):
        _count_in_the_middle_of(stopped, database)
    stopped.close()
    assert _value(database) == 1


def _count_in_the_middle_of(stopped: Database, other: Database) -> None:
    with stopped.writing() as session:
        session.execute(COUNT)
        with other.writing() as waiting:
            waiting.execute(COUNT)


def test_when_every_connection_is_in_use_it_says_so(database: Database) -> None:
    with ExitStack() as stack:
        for _ in range(POOL_SIZE + POOL_OVERFLOW):
            stack.enter_context(database.reading()).execute(READ)
        with pytest.raises(StoreUnavailableError, match="in use"):
            _value(database)
    assert _value(database) == 0
