"""Runs that survive: carried out by DBOS, whose state is in a file of this replica.

Which replica carries a run is a claim in the records' database; what is done of it, the run's
ledger there. So another replica needs nothing of this one's file to go on.

Only `workflow` in here imports dbos, and only `DurableRuns.launch` imports that, so that commands
which start no runs do not pay for it. Why DBOS, and why so configured: docs/decisions.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from thinkube_catalog.adapters.durable.hands import Hands
from thinkube_catalog.domain.deployments import Run, RunKind, StoreUnavailableError
from thinkube_catalog.domain.errors import CatalogError, Problem, UnavailableError
from thinkube_catalog.domain.replicas import Claim, Replicas, RunTakenError

if TYPE_CHECKING:
    from thinkube_catalog.adapters.durable.workflow import Lane

BEAT_SECONDS = 1.0
"""How often a replica renews its lease and looks for runs in nobody's hands."""

BEAT_SECONDS_ALONE = 10.0
"""The same where nobody else can be: then it finds only what went wrong here."""

AWAY_SECONDS = 1.0
"""How soon a run is tried again whose records do not answer."""

MOST_RESTARTS = 3
"""How often a run whose workflow was lost is begun with a new one, per claim."""

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
            "use Python 3.11, or a newer SQLite",
        )


class DurableRuns:
    """Keeps the promises of `Runs` through any crash. One launched at a time per process.

    `file` is a SQLite file of this process alone; whoever launches on it again is the successor
    of the one before, who is gone. What it carries are its claims among the `replicas`.
    """

    def __init__(self, file: Path, replicas: Replicas, beat_seconds: float = BEAT_SECONDS) -> None:
        self._file = file
        self._replicas = replicas
        self._beat_seconds = beat_seconds
        self._lane: Lane | None = None
        self._carrying: Carrying | None = None
        self._hands = Hands()
        self._stopping = Event()
        self._sweeper: Thread | None = None
        self.leads = False
        """Whether this one is to do what one of the replicas is enough for."""

    def start(self, run: Run) -> None:
        """Carry out a run; before `launch`, leave it to the launch, which finds it.

        While the database does not answer, it is left to the next sweep of any replica.
        """
        if self._lane is None or self._hands.draining:
            return
        try:
            self._carry([run])
        except UnavailableError as error:
            _log.warning("run %s is left to the next sweep: %s", run.id, error)

    def launch(self, carrying: Carrying) -> None:
        """Carry on every unfinished run in nobody's hands, and from now on every started one.

        Raises SqliteTooOldError.
        """
        check_sqlite(sys.version_info[:2], sqlite3.sqlite_version_info)
        _prepare_file(self._file)
        self._replicas.join(_succeed(self._file.with_suffix(".replica"), self._replicas.id))
        from thinkube_catalog.adapters.durable.workflow import Lane  # noqa: PLC0415 (see above)

        self._carrying, self._hands = carrying, Hands()
        self._stopping.clear()
        self._lane = Lane(f"sqlite:///{self._file}", self._proceed)
        self.sweep(carrying)
        self._sweeper = Thread(
            target=self._keep_sweeping, args=(carrying,), name="sweeper", daemon=True
        )
        self._sweeper.start()

    def drain(self, seconds: float = 0.0) -> None:
        """Give every run into other hands: at once, or at the end of the step that it is in.

        Waits so long for those steps. Nothing is taken any more.
        """
        if self._lane is None or self._hands.draining:
            return
        resting = self._hands.drain()
        with suppress(StoreUnavailableError):  # they notice when the lease runs out
            self._replicas.release(resting)
        self._hands.wait(seconds)

    def close(self, seconds: float = 0.0) -> None:
        """Stop carrying, as `drain` does; the next launch, or another replica, goes on."""
        self.drain(seconds)
        self._stopping.set()
        if self._sweeper is not None:
            self._sweeper.join()
        if self._lane is not None:
            self._lane.close()
            with suppress(StoreUnavailableError):
                self._replicas.leave()
        self._lane = self._sweeper = None
        self.leads = False

    def sweep(self, carrying: Carrying) -> None:
        """See that every unfinished run is being carried; end those that cannot be.

        One that only a newer version of the service knows is left to its replicas.
        """
        self.leads = self._replicas.beat()
        for claim in self._hands.ended():
            self._finish(claim)
        if not self._hands.draining:
            self._carry(carrying.unfinished())

    def _carry(self, runs: Sequence[Run]) -> None:
        ours = [run for run in runs if run.kind is not RunKind.UNKNOWN]
        # A dead replica's claims come in one piece, whatever they are on.
        self._replicas.pass_on([run for run in runs if run.kind is RunKind.UNKNOWN])
        found = {(run.id, run.attempt): run for run in ours}
        for claim in self._replicas.claim(ours):
            if not self._hands.take(claim):
                self._replicas.release([claim])  # it came while we were giving everything away
            elif self._lane is not None and not self._carried(claim, self._lane):
                self._give_up(found[claim.run, claim.attempt], claim)

    def _carried(self, claim: Claim, lane: Lane) -> bool:
        for restart in range(MOST_RESTARTS + 1):
            workflow_id = _workflow_id(claim, restart)
            if not lane.ended(workflow_id):
                lane.begin(claim, workflow_id)
                return True
        return False

    def _give_up(self, run: Run, claim: Claim) -> None:
        assert self._carrying is not None  # noqa: S101 (set before anything is carried)
        with suppress(RunTakenError):
            with self._replicas.carrying(claim):
                self._carrying.give_up(run, _lost(run))
            self._finish(claim)

    def _proceed(self, run_id: str, attempt: int, number: int) -> float | None:
        """Do the next thing of a run while it is ours; see `operations.runs.proceed`."""
        claim = Claim(run_id, attempt, number)
        assert self._carrying is not None  # noqa: S101 (as above)
        if not self._hands.enter(claim):
            return None
        seconds: float | None = AWAY_SECONDS
        try:
            with self._replicas.carrying(claim):
                seconds = self._carrying.proceed(run_id, attempt)
        except RunTakenError as error:
            _log.info("%s", error)
            self._hands.drop(claim)
            return None
        except UnavailableError as error:
            _log.warning("run %s waits: %s", run_id, error)
        finally:
            given_away = self._hands.leave(claim)
        if seconds is None:
            self._finish(claim)
        elif given_away:
            with suppress(StoreUnavailableError):
                self._replicas.release([claim])
            return None
        return seconds

    def _finish(self, claim: Claim) -> None:
        try:
            self._replicas.finish(claim)
            self._hands.drop(claim)
        except StoreUnavailableError:
            self._hands.end(claim)  # the next sweep tries again

    def _keep_sweeping(self, carrying: Carrying) -> None:
        while not self._stopping.wait(self._beat_seconds):
            try:
                self.sweep(carrying)
            except UnavailableError as error:
                self.leads = False
                _log.warning("no look at the runs now: %s", error)
            except Exception:  # noqa: BLE001 (the next sweep may fare better)
                self.leads = False
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


def _succeed(path: Path, replica: str) -> str:
    """Enter a name as that of the folder's replica; return the one before, or nothing."""
    predecessor = path.read_text("utf-8") if path.exists() else ""
    aside = path.with_suffix(".new")
    aside.write_text(replica, "utf-8")
    aside.replace(path)
    return predecessor


def _workflow_id(claim: Claim, restart: int) -> str:
    hands = f"-{claim.number}" if claim.number else ""
    return f"{claim.run}.{claim.attempt}{hands}" + (f".{restart}" if restart else "")


def _lost(run: Run) -> Problem:
    return Problem(
        "the service could not carry this on, however often it was started",
        mend=f"look for the reason in the service's log, then: tkt retry {run.deployment}",
    )
