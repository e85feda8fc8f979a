"""A database server of this folder's own, since tests here stop it; an installation on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgresql
from tests.replicas.installation import Installation


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    if not postgresql.installed():
        pytest.skip("PostgreSQL is not installed")
    with postgresql.server() as folder:
        yield folder


@pytest.fixture
def installation(server: Path, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, postgresql.new_database(server))
    yield made
    made.close()
