"""A process that carries one run of five turns, each noted in a file; dies where it is told.

Arguments: the records' URL, DBOS's file, the file of notes, the run's id, the turn to die in
(0: none), the version and the executor's name to go by.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from thinkube_catalog.adapters.durable import Carrying, DurableRuns, workflow
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.deployments import Run, RunKind
from thinkube_catalog.domain.replicas import Replica

TURNS = 5


def main(
    url: str, file: Path, noted: Path, run_id: str, die_in: int, version: str, executor: str
) -> None:
    workflow.VERSION = version
    workflow.EXECUTOR = executor
    run = Run(run_id, "id", "chat", RunKind.DEPLOY, datetime.now(UTC))

    def proceed(_run_id: str, _attempt: int) -> float | None:
        turn = 1 + len(set(_lines(noted)))
        if turn > TURNS:
            return None
        with noted.open("a") as notes:
            notes.write(f"{turn}\n")
        if turn == die_in:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.0

    def unfinished() -> list[Run]:
        return [] if (noted.with_suffix(".done")).exists() else [run]

    database = Database(url)
    replicas = SqlReplicas(database, Replica(uuid4().hex, version))
    runs = DurableRuns(file, replicas)
    runs.launch(Carrying(proceed, unfinished, lambda _run, _reason: None))
    deadline = time.monotonic() + 30
    while len(set(_lines(noted))) < TURNS and time.monotonic() < deadline:
        time.sleep(0.02)
    runs.close(5)


def _lines(noted: Path) -> list[str]:
    return noted.read_text().splitlines() if noted.exists() else []


if __name__ == "__main__":
    url, file, noted, run_id, die_in, version, executor = sys.argv[1:]
    main(url, Path(file), Path(noted), run_id, int(die_in), version, executor)
