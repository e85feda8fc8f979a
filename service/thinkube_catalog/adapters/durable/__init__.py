"""Runs that survive: carried out by DBOS, whose state is in a database.

Only `workflow` in here imports dbos, and only `DurableRuns.launch` imports that, so that commands
which start no runs do not pay for it. Why DBOS, and why so configured: docs/decisions.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from thinkube_catalog.domain.deployments import Run
from thinkube_catalog.domain.errors import CatalogError, Problem

if TYPE_CHECKING:
    from thinkube_catalog.adapters.durable.workflow import Lane

SWEEP_SECONDS = 10.0
MOST_RESTARTS = 3
"""How often a run whose workflow was lost is begun with a new one, per attempt."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Carrying:
    """What is needed to carry runs: see `operations.runs` for `proceed` and `give_up`."""

    proceed: Callable[[str, int], float | None]
    unfinished: Callable[[], Sequence[Run]]
    give_up: Callable[[Run, Problem], None]


class SqliteTooOldError(CatalogError):
    def __init__(self, python: str, sqlite: str) -> None:
        super().__init__(
            f"Python {python} needs SQLite 3.42 or newer to run deployments and has {sqlite}; "
            "use Python 3.11, a newer SQLite, or PostgreSQL by THINKUBE_DATABASE_URL",
        )


class DurableRuns:
    """Keeps the promises of `Runs` through any crash. One launched at a time per process.

    `database_url` is a SQLite file of its own (its tables' names would clash with others') or a
    PostgreSQL database, in a schema of its own. `executor` stays the same from start to start;
    two processes must not carry runs under the same name at the same time.
    """

    def __init__(self, database_url: str, executor: str = "service") -> None:
        self._url = database_url
        self._executor = executor
        self._lane: Lane | None = None
        self._stopping = Event()
        self._sweeper: Thread | None = None

    def start(self, run: Run) -> None:
        """Carry out a run; before `launch`, leave it to the launch, which finds it."""
        if self._lane is not None:
            self._lane.begin(run, _workflow_id(run, 0))

    def launch(self, carrying: Carrying) -> None:
        """Carry on every unfinished run, and from now on every started one.

        Raises SqliteTooOldError.
        """
        if self._url.startswith("sqlite"):
            check_sqlite(sys.version_info[:2], sqlite3.sqlite_version_info)
            _prepare_file(Path(self._url.removeprefix("sqlite:///")))
        from thinkube_catalog.adapters.durable.workflow import Lane  # noqa: PLC0415 (see above)

        self._lane = Lane(self._url, self._executor, carrying.proceed)
        self._stopping.clear()
        self.sweep(carrying)
        self._sweeper = Thread(target=self._keep_sweeping, args=(carrying,), daemon=True)
        self._sweeper.start()

    def close(self, seconds: int = 0) -> None:
        """Stop carrying; runs in the middle of a step get so long to end, and go on at launch."""
        self._stopping.set()
        if self._sweeper is not None:
            self._sweeper.join()
        if self._lane is not None:
            self._lane.close(seconds)
        self._lane = self._sweeper = None

    def sweep(self, carrying: Carrying) -> None:
        """See that every unfinished run is being carried; end those that cannot be."""
        for run in carrying.unfinished():
            if self._lane is not None and not self._carried(run, self._lane):
                carrying.give_up(run, _lost(run))

    def _carried(self, run: Run, lane: Lane) -> bool:
        for number in range(MOST_RESTARTS + 1):
            workflow_id = _workflow_id(run, number)
            if not lane.ended(workflow_id):
                lane.begin(run, workflow_id)
                return True
        return False

    def _keep_sweeping(self, carrying: Carrying) -> None:
        while not self._stopping.wait(SWEEP_SECONDS):
            try:
                self.sweep(carrying)
            except Exception:  # noqa: BLE001 (the next sweep may find the database again)
                _log.exception("looking for runs that nobody carries failed")


def check_sqlite(python: tuple[int, ...], sqlite: tuple[int, ...]) -> None:
    """Refuse a pair under which DBOS cannot start.

    From Python 3.12 on it uses `unixepoch('subsec')`, which is NULL before SQLite 3.42.
    """
    if python >= (3, 12) and sqlite < (3, 42):
        raise SqliteTooOldError(".".join(map(str, python)), ".".join(map(str, sqlite)))


def _prepare_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")  # stays with the file; half again as fast
    connection.close()


def _workflow_id(run: Run, number: int) -> str:
    return f"{run.id}.{run.attempt}" + (f".{number}" if number else "")


def _lost(run: Run) -> Problem:
    return Problem(
        "the service could not carry this on, however often it was started",
        mend=f"look for the reason in the service's log, then: tkt retry {run.deployment}",
    )
