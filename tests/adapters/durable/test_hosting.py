"""How DBOS lives inside the service: a file of its own, no part in the event loop."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
from pathlib import Path

import pytest

from thinkube_catalog.adapters.durable import Carrying, DurableRuns, workflow
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.bindings import Provider
from thinkube_catalog.domain.replicas import Replica
from thinkube_catalog.settings import load_settings
from thinkube_catalog.wiring.service import CatalogService


class Unheard:
    """Nobody wants to know."""

    def run_ended(self, kind: str, outcome: str) -> None: ...

    def step_ended(self, step: str, outcome: str, seconds: float) -> None: ...


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CatalogService:
    monkeypatch.chdir(tmp_path)  # without the `.env` of whoever runs the tests
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "repositories.json").write_text('{"repositories": []}')
    settings = load_settings(
        data_dir=tmp_path / "installation", catalog=(str(tmp_path / "catalog"),)
    )
    return CatalogService(settings, Unheard())


def _tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = {str(name) for (name,) in rows}
    connection.close()
    return names


def test_records_and_dbos_have_files_of_their_own(service: CatalogService, tmp_path: Path) -> None:
    service.start()
    service.stop()
    records = _tables(tmp_path / "installation" / "catalog.sqlite")
    carried = _tables(tmp_path / "installation" / "runs.sqlite")
    assert "workflow_status" in carried
    assert "workflow_status" not in records
    assert not (records & carried) - {"sqlite_sequence"}


def test_the_service_can_be_stopped_on_the_loop_that_started_it(
    service: CatalogService,
) -> None:
    async def life() -> str:
        await asyncio.to_thread(service.start)
        service.stop()
        return await asyncio.to_thread(lambda: "threads still work")

    assert asyncio.run(life()) == "threads still work"


def test_workflow_and_step_are_plain_functions_that_never_run_on_a_loop() -> None:
    for function in (workflow._carry_out, workflow._proceed):
        assert not inspect.iscoroutinefunction(inspect.unwrap(function))


def test_the_loops_own_threads_are_left_alone(tmp_path: Path) -> None:
    async def life() -> bool:
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(lambda: None)  # makes the loop's pool
        before = loop._default_executor  # type: ignore[attr-defined] # there is no public way
        database = Database(f"sqlite:///{tmp_path / 'catalog.db'}")
        replicas = SqlReplicas(database, Replica("one", "1"), alone=True)
        runs = DurableRuns(tmp_path / "runs.db", replicas)
        await asyncio.to_thread(runs.launch, Carrying(lambda *_: None, list, lambda *_: None))
        await asyncio.to_thread(runs.close)
        return bool(loop._default_executor is before)  # type: ignore[attr-defined] # as above

    assert asyncio.run(life())


def test_providers_come_from_settings_and_their_keys_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "THINKUBE_PROVIDERS",
        '[{"name": "g", "type": "llm", "url": "http://g/v1", "model": "m", "api_key": "canary"}]',
    )
    service = CatalogService(load_settings(data_dir=tmp_path / "installation"), Unheard())
    service.start()
    service.stop()
    again = CatalogService(load_settings(data_dir=tmp_path / "installation"), Unheard())
    assert again.platform.providers == (
        Provider("g", "llm", "http://g/v1", "m", secret="provider:g"),
    )
    assert again.platform.secrets.get("provider:g").reveal() == "canary"
    again.stop()
    files = [path for path in (tmp_path / "installation").rglob("*") if path.is_file()]
    assert all(b"canary" not in path.read_bytes() for path in files)
