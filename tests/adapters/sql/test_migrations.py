"""The schema: what the migrations make is what the tables say, and nothing else is touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlmodel import SQLModel

from thinkube_catalog.adapters import sql
from thinkube_catalog.adapters.sql import database, tables
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.deployments import StoreUnavailableError
from thinkube_catalog.domain.replicas import Replica

__all__ = ["tables"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def test_the_migrations_make_exactly_the_tables(url: str) -> None:
    Database(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
    engine.dispose()
    assert [each for each in differences if "alembic_version" not in str(each)] == []


def test_the_newest_migration_is_the_one_that_we_look_for() -> None:
    config = Config()
    folder = Path(str(sql.__file__)).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_current_head() == database.NEWEST


def test_opening_again_leaves_everything_as_it_is(url: str) -> None:
    first = Database(url)
    with first.writing() as session:
        session.execute(text("UPDATE counters SET value = 41"))
    first.close()
    second = Database(url)
    with second.reading() as session:
        assert session.execute(text("SELECT value FROM counters")).scalar() == 41
    second.close()


def test_of_many_who_open_at_once_one_migrates(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for opened in pool.map(Database, [url] * 4):
            opened.close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM counters")).scalar() == 1
    engine.dispose()


def test_a_newer_programs_schema_is_left_as_it_is(url: str) -> None:
    Database(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE replicas ADD COLUMN of_a_newer_one VARCHAR"))
    older = Database(url)
    replica = SqlReplicas(older, Replica("older", "1"))
    replica.join()
    assert [each.id for each in replica.alive()] == ["older"]
    older.close()
    with engine.connect() as connection:
        assert (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
        )
    engine.dispose()


def test_another_parts_tables_in_the_same_database_stay(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE of_somebody_else (id INTEGER)"))
    Database(url).close()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM of_somebody_else")).scalar() == 0
    engine.dispose()


def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        Database(f"postgresql+psycopg://postgres@/none?host={tmp_path}")


def test_values_stay_out_of_errors(sqlite_url: str) -> None:
    opened = Database(sqlite_url)
    with pytest.raises(StoreUnavailableError) as caught, opened.writing() as session:
        session.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": "canary"})
    assert "canary" not in str(caught.value)
    opened.close()
