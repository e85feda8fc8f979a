"""What DBOS does by default and must not do here: each trap is a test."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from thinkube_catalog import adapters
from thinkube_catalog.adapters.durable import (
    MOST_RESTARTS,
    Carrying,
    DurableRuns,
    SqliteTooOldError,
    check_sqlite,
)
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.deployments import Run, RunKind
from thinkube_catalog.domain.replicas import Replica

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    return tmp_path / "turns"


def carry(
    url: str, noted: Path, die_in: int = 0, version: str = "1", executor: str = "service"
) -> int:
    """Be a service until the run has ended or the service is killed; return how it ended."""
    program = [sys.executable, "-m", "tests.adapters.durable.carrier", url]
    files = [str(noted.with_name("runs.db")), str(noted)]
    arguments = [*program, *files, "run", str(die_in), version, executor]
    return subprocess.run(arguments, cwd=ROOT, timeout=60, check=False).returncode


@pytest.mark.slow
def test_what_was_cut_off_is_repeated_and_nothing_else(url: str, noted: Path) -> None:
    for turn in (1, 3, 5):
        assert carry(url, noted, die_in=turn) == -signal.SIGKILL
        noted.write_text("".join(noted.read_text().splitlines(keepends=True)[:-1]))
    assert carry(url, noted) == 0
    assert noted.read_text().split() == ["1", "2", "3", "4", "5"]


@pytest.mark.slow
def test_a_run_left_by_another_version_is_carried_on(url: str, noted: Path) -> None:
    assert carry(url, noted, die_in=2, version="0") == -signal.SIGKILL
    assert carry(url, noted) == 0
    assert noted.read_text().split() == ["1", "2", "3", "4", "5"]


@pytest.mark.slow
def test_a_run_left_by_another_executor_name_is_carried_on(url: str, noted: Path) -> None:
    assert carry(url, noted, die_in=2, executor="before") == -signal.SIGKILL
    assert carry(url, noted) == 0
    assert noted.read_text().split() == ["1", "2", "3", "4", "5"]


def a_run() -> Run:
    return Run("run", "id", "chat", RunKind.DEPLOY, datetime.now(UTC))


def a_replica(folder: Path) -> SqlReplicas:
    database = Database(f"sqlite:///{folder / 'catalog.db'}")
    return SqlReplicas(database, Replica(uuid4().hex, "1"), alone=True)


def idle(_run_id: str, _attempt: int) -> float | None:
    return None


def test_a_second_one_in_a_process_is_refused_aloud(tmp_path: Path) -> None:
    first = DurableRuns(tmp_path / "one.db", a_replica(tmp_path))
    first.launch(Carrying(idle, list, lambda _run, _reason: None))
    try:
        second = DurableRuns(tmp_path / "two.db", a_replica(tmp_path))
        with pytest.raises(RuntimeError, match="carries runs already"):
            second.launch(Carrying(idle, list, lambda _run, _reason: None))
    finally:
        first.close()


def test_a_run_is_not_given_up_however_often_it_is_handed_on(tmp_path: Path) -> None:
    run, turns, given_up = a_run(), list[int](), list[str]()

    def proceed(_run_id: str, _attempt: int) -> float | None:
        turns.append(1)
        return 0.01

    for number in range(2 * MOST_RESTARTS):
        runs = DurableRuns(tmp_path / "runs.db", a_replica(tmp_path))
        runs.launch(Carrying(proceed, lambda: [run], lambda run, _reason: given_up.append(run.id)))
        before, deadline = len(turns), time.monotonic() + 20
        while len(turns) < before + 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(turns) >= before + 2, number
        runs.close(5)
    assert given_up == []


def test_a_run_that_only_a_newer_version_knows_is_left_to_it_and_others_are_carried(
    tmp_path: Path,
) -> None:
    strange = replace(a_run(), id="strange", kind=RunKind.UNKNOWN)
    carried, given_up = list[str](), list[str]()

    def proceed(run_id: str, _attempt: int) -> float | None:
        carried.append(run_id)
        return None

    replica = a_replica(tmp_path)
    replica.join()
    assert len(replica.claim([strange])) == 1  # as from a dead replica, with all that it held
    runs = DurableRuns(tmp_path / "runs.db", replica)
    carrying = Carrying(
        proceed, lambda: [strange, a_run()], lambda run, _reason: given_up.append(run.id)
    )
    runs.launch(carrying)
    deadline = time.monotonic() + 20
    while not carried and time.monotonic() < deadline:
        time.sleep(0.02)
    runs.start(strange)
    runs.sweep(carrying)
    assert runs.leads
    assert [each.carried for each in replica.alive() if each.carried] in ([], [1])
    runs.close(5)
    assert set(carried) == {"run"}
    assert given_up == []
    newer = a_replica(tmp_path)
    newer.join()
    assert [claim.run for claim in newer.claim([strange])] == ["strange"]


def test_what_an_exception_says_is_not_stored(tmp_path: Path) -> None:
    turns: list[str] = []

    def bug(run_id: str, _attempt: int) -> float | None:
        turns.append(run_id)
        raise RuntimeError("canary")

    runs = DurableRuns(tmp_path / "runs.db", a_replica(tmp_path))
    runs.launch(Carrying(bug, list, lambda _run, _reason: None))
    runs.start(a_run())
    deadline = time.monotonic() + 20
    while not turns and time.monotonic() < deadline:
        time.sleep(0.02)
    runs.close(5)
    assert turns == ["run"]
    assert all(b"canary" not in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("python", "sqlite", "good"),
    [
        ((3, 11), (3, 40, 1), True),
        ((3, 12), (3, 40, 1), False),
        ((3, 12), (3, 42, 0), True),
        ((3, 13), (3, 46, 1), True),
    ],
)
def test_a_python_whose_sqlite_is_too_old_is_refused_at_the_start(
    python: tuple[int, ...], sqlite: tuple[int, ...], good: bool
) -> None:
    if good:
        check_sqlite(python, sqlite)
        return
    with pytest.raises(SqliteTooOldError, match=re.escape("needs SQLite 3.42 or newer")):
        check_sqlite(python, sqlite)


def test_only_one_module_imports_dbos_and_hardly_anybody_pays_for_it() -> None:
    folder = Path(str(adapters.__file__)).parents[1]
    importing = re.compile(r"^\s*(from|import) dbos\b", re.MULTILINE)
    found = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if importing.search(path.read_text())
    ]
    assert found == ["adapters/durable/workflow.py"]
    asked = "import sys, thinkube_catalog.adapters.durable; sys.exit('dbos' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=60).returncode == 0
