"""What `tkt doctor` says of a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from thinkube_catalog.adapters.clocks import compare
from thinkube_catalog.adapters.sql.database import NEWEST, Database
from thinkube_catalog.adapters.sql.doctor import check_database


def test_an_empty_database_will_do_and_stays_empty(postgresql_url: str) -> None:
    checks = {check.name: check for check in check_database(postgresql_url)}
    assert all(check.good for check in checks.values())
    assert "made when the service starts" in checks["database tables"].message
    assert "agrees" in checks["database clock"].message
    again = {check.name: check for check in check_database(postgresql_url)}
    assert "are not there yet" in again["database tables"].message


def test_tables_that_are_up_to_date_are_told(postgresql_url: str) -> None:
    Database(postgresql_url).close()
    checks = {check.name: check for check in check_database(postgresql_url)}
    assert checks["database tables"].message == f"are up to date ({NEWEST})"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:canary@127.0.0.1:1/catalog",
        "nonsense",
        "oracle://me:canary@127.0.0.1:1/catalog",
    ],
)
def test_one_that_is_not_there_is_one_finding_without_the_password(url: str) -> None:
    (check,) = check_database(url)
    assert not check.good
    assert "THINKUBE_DATABASE_URL" in check.mend
    assert "canary" not in repr(check)


@pytest.mark.parametrize(
    ("seconds", "said"), [(60, "60 s ahead of"), (-60, "60 s behind"), (5, "agrees")]
)
def test_clocks_are_compared(seconds: int, said: str) -> None:
    here = datetime(2030, 1, 1, tzinfo=UTC)
    check = compare("it", here + timedelta(seconds=seconds), here)
    assert said in check.message
    assert check.good is (abs(seconds) < 30)
