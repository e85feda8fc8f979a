"""What everything that carries out runs promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

import pytest

from thinkube_catalog.adapters.durable import Carrying, DurableRuns
from thinkube_catalog.adapters.memory.runs import MemoryRuns
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.deployments import Run, RunKind
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.replicas import Replica


@dataclass
class Ledger:
    """Plays `operations.runs`: every run needs so many turns; notes which were done, and when."""

    turns: int = 3
    pause: float = 0.0
    done: list[tuple[str, int]] = field(default_factory=list)
    overlaps: int = 0
    inside: set[str] = field(default_factory=set)
    unfinished: list[Run] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    fails: Callable[[str], bool] = lambda run_id: False
    lock: Lock = field(default_factory=Lock)

    def proceed(self, run_id: str, attempt: int) -> float | None:
        with self.lock:
            if len([1 for done in self.done if done == (run_id, attempt)]) == self.turns:
                return None
            self.overlaps += run_id in self.inside
            self.inside.add(run_id)
        time.sleep(0.02)
        with self.lock:
            self.inside.discard(run_id)
            self.done.append((run_id, attempt))
        if self.fails(run_id):
            raise RuntimeError("a bug")
        return self.pause

    def carrying(self) -> Carrying:
        return Carrying(self.proceed, lambda: list(self.unfinished), self._give_up)

    def _give_up(self, run: Run, reason: Problem) -> None:
        self.given_up.append(run.id)

    def settled(self, *expected: tuple[str, int]) -> bool:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with self.lock:
                if all(self.done.count(each) >= self.turns for each in expected):
                    return True
            time.sleep(0.02)
        return False


@dataclass
class Carrier:
    """An implementation with the way it is launched, and launched again."""

    runs: Any
    launch: Callable[[Ledger], None]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Carrier]:
    if request.param == "memory":
        memory = MemoryRuns()
        yield Carrier(memory, lambda ledger: memory.launch(ledger.proceed))
        memory.settle()
        return
    database = Database(request.getfixturevalue(f"{request.param}_url"))
    replicas = SqlReplicas(database, Replica("one", "1"), alone=database.is_sqlite)
    durable = DurableRuns(tmp_path / "runs.db", replicas)
    yield Carrier(durable, lambda ledger: durable.launch(ledger.carrying()))
    durable.close()
    database.close()


def a_run(deployment: str = "chat", attempt: int = 1) -> Run:
    return Run(
        id=uuid4().hex,
        deployment_id=uuid4().hex,
        deployment=deployment,
        kind=RunKind.DEPLOY,
        created_at=datetime(2026, 5, 4, tzinfo=UTC),
        attempt=attempt,
    )


def test_a_run_is_carried_to_its_end(carrier: Carrier) -> None:
    ledger, run = Ledger(), a_run()
    carrier.launch(ledger)
    carrier.runs.start(run)
    assert ledger.settled((run.id, 1))


def test_starting_it_again_changes_nothing(carrier: Carrier) -> None:
    ledger, run = Ledger(pause=0.01), a_run()
    carrier.launch(ledger)
    for _ in range(3):
        carrier.runs.start(run)
    assert ledger.settled((run.id, 1))
    carrier.runs.start(run)
    time.sleep(0.5)
    assert ledger.done == [(run.id, 1)] * 3
    assert ledger.overlaps == 0


def test_the_next_attempt_is_carried_out_too(carrier: Carrier) -> None:
    ledger, run = Ledger(), a_run()
    carrier.launch(ledger)
    carrier.runs.start(run)
    assert ledger.settled((run.id, 1))
    carrier.runs.start(Run(**{**run.__dict__, "attempt": 2}))
    assert ledger.settled((run.id, 2))


def test_a_run_that_waits_holds_up_no_other(carrier: Carrier) -> None:
    slow, quick = a_run("slow"), a_run("quick")
    ledger = Ledger(pause=0.5)
    carrier.launch(ledger)
    carrier.runs.start(slow)
    time.sleep(0.3)
    carrier.runs.start(quick)
    assert ledger.settled((slow.id, 1), (quick.id, 1))
    assert ledger.done.index((quick.id, 1)) < 4


def test_a_bug_in_one_run_leaves_the_others_alone(carrier: Carrier) -> None:
    bad, good = a_run("bad"), a_run("good")
    ledger = Ledger(fails=lambda run_id: run_id == bad.id)
    carrier.launch(ledger)
    carrier.runs.start(bad)
    carrier.runs.start(good)
    assert ledger.settled((good.id, 1))
    assert ledger.done.count((bad.id, 1)) == 1


def test_what_was_recorded_before_the_launch_is_carried_out_then(carrier: Carrier) -> None:
    run = a_run()
    ledger = Ledger(unfinished=[run])
    carrier.runs.start(run)
    carrier.launch(ledger)
    assert ledger.settled((run.id, 1))
