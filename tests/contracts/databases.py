"""Databases for contract suites: a fresh SQLite file, a fresh PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgresql


@pytest.fixture(scope="session")
def postgresql_folder() -> Iterator[Path]:
    if not postgresql.installed():
        pytest.skip("PostgreSQL is not installed")
    with postgresql.server() as folder:
        yield folder


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'catalog.db'}"


@pytest.fixture
def postgresql_url(postgresql_folder: Path) -> str:
    return postgresql.new_database(postgresql_folder)
