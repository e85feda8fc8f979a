"""What every store of test deliveries promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from thinkube_catalog.adapters.memory.arrivals import MemoryArrivals
from thinkube_catalog.adapters.sql.arrivals import KEPT_SECONDS, SqlArrivals
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.domain.forge import Arrivals

LARGEST = 2**63 - 1


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    yield made
    made.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def arrivals(request: pytest.FixtureRequest) -> Iterator[Arrivals]:
    if request.param == "memory":
        yield MemoryArrivals()
        return
    opened = Database(request.getfixturevalue(f"{request.param}_url"))
    yield SqlArrivals(opened)
    opened.close()


def test_of_a_repository_that_none_came_for_nothing_is_said(arrivals: Arrivals) -> None:
    arrivals.note(7, "one")
    assert arrivals.last(8) == ""


def test_the_last_one_of_each_repository_is_remembered(arrivals: Arrivals) -> None:
    for repository, delivery in ((7, "one"), (LARGEST, "other"), (7, "two")):
        arrivals.note(repository, delivery)
    assert (arrivals.last(7), arrivals.last(LARGEST)) == ("two", "other")


def test_what_one_replica_has_noted_another_one_sees(database: Database, url: str) -> None:
    other = Database(url)
    SqlArrivals(other).note(7, "one")
    other.close()
    assert SqlArrivals(database).last(7) == "one"


def test_old_ones_are_forgotten_when_another_comes(database: Database) -> None:
    arrivals = SqlArrivals(database)
    arrivals.note(7, "old")
    with database.writing() as session:
        seconds = {"seconds": KEPT_SECONDS + 60}
        session.execute(text("UPDATE arrivals SET at = at - :seconds"), seconds)
    arrivals.note(8, "new")
    assert (arrivals.last(7), arrivals.last(8)) == ("", "new")
