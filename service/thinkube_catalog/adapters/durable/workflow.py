"""The one workflow: proceed, wait, proceed, until nothing is left to do.

It knows no steps of deployments; which of them are done stands in our own ledger. So a changed
plan strands no workflow, and what DBOS repeats after a crash is at most one `proceed`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import BoundedSemaphore

from dbos import (
    DBOS,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    SetWorkflowID,
    WorkflowStatus,
)

from thinkube_catalog.domain.deployments import Run
from thinkube_catalog.domain.errors import UnavailableError

VERSION = "1"
"""Stands for DBOS's hash of the code, under which any change would strand what runs."""

MOST_AT_ONCE = 16
"""How many runs do something at the same time; those that wait do not count."""

POLLING_SECONDS = 0.2
KEPT_DAYS = 30
MOST_RECOVERIES = 50
"""DBOS's own bound. Ours, on the resumes of one step, comes long before it."""

_ACTIVE = ["ENQUEUED", "PENDING", "DELAYED"]
_PRUNED_AT_ONCE = 500

_log = logging.getLogger(__name__)
_busy = BoundedSemaphore(MOST_AT_ONCE)
_proceeding: list[Callable[[str, int], float | None]] = []  # of the one lane that is open


class StoppedError(Exception):
    """The records did not answer; says nothing more, since DBOS stores it."""


@DBOS.step(
    name="proceed",
    retries_allowed=True,
    interval_seconds=0.5,
    backoff_rate=2.0,
    max_attempts=8,
)
def _proceed(run_id: str, attempt: int) -> float | None:
    try:
        with _busy:
            return _proceeding[-1](run_id, attempt)
    except UnavailableError as error:
        _log.warning("run %s waits: %s", run_id, error)
        raise StoppedError from None
    except Exception:  # noqa: BLE001 (recorded with the run; DBOS must not store what it says)
        _log.exception("run %s ended unexpectedly", run_id)
        return None


@DBOS.workflow(name="carry_out", max_recovery_attempts=MOST_RECOVERIES)
def _carry_out(run_id: str, attempt: int) -> None:
    while (seconds := _proceed(run_id, attempt)) is not None:
        if seconds > 0:
            DBOS.sleep(seconds)


class Lane:
    """DBOS, launched. That a deployment has one run at a time is the records' promise.

    Runs are started without a queue: one would cost up to its polling interval for each run, and
    its limits count runs that only wait.
    """

    def __init__(
        self, database_url: str, executor: str, proceed: Callable[[str, int], float | None]
    ) -> None:
        # `DBOS(...)` ignores a second configuration in silence until the first is destroyed.
        if _proceeding:
            raise RuntimeError("this process carries runs already")
        _proceeding.append(proceed)
        try:
            DBOS(config=_config(database_url, executor))
            DBOS.launch()
            _adopt(executor)
            _prune()
        except BaseException:
            self.close(0)
            raise

    def begin(self, run: Run, workflow_id: str) -> None:
        """Carry out an attempt under this id; does nothing if that id is known."""
        if DBOS.get_workflow_status(workflow_id) is None:
            with SetWorkflowID(workflow_id):
                DBOS.start_workflow(_carry_out, run.id, run.attempt)

    def ended(self, workflow_id: str) -> bool:
        """Say whether a workflow has come to an end, good or bad; one that is unknown has not."""
        found = DBOS.get_workflow_status(workflow_id)
        return found is not None and found.status not in _ACTIVE

    def close(self, seconds: int) -> None:
        DBOS.destroy(workflow_completion_timeout_sec=seconds)
        _proceeding.clear()


def _config(database_url: str, executor: str) -> DBOSConfig:
    return DBOSConfig(
        name="thinkube-catalog",
        system_database_url=database_url,
        application_version=VERSION,
        executor_id=executor,
        serializer=DBOSPortableJSONSerializer(),
        notification_listener_polling_interval_sec=POLLING_SECONDS,
        log_level="WARNING",
    )


def _adopt(executor: str) -> None:
    """Bring in what DBOS would leave lying: workflows of another version or executor name."""
    stranded = [
        found
        for found in _active()
        if found.app_version != VERSION or found.executor_id not in {executor, None}
    ]
    for found in stranded:
        _log.warning(
            "run %s was left by version %s, executor %s",
            found.workflow_id,
            found.app_version,
            found.executor_id,
        )
        if found.app_version != VERSION:
            DBOS.cancel_workflow(found.workflow_id)  # its run is begun with a new one
        elif found.status == "PENDING":
            DBOS.resume_workflow(found.workflow_id)


def _active() -> Iterable[WorkflowStatus]:
    return DBOS.list_workflows(status=_ACTIVE, name="carry_out", load_input=False)


def _prune() -> None:
    before = (datetime.now(UTC) - timedelta(days=KEPT_DAYS)).isoformat()
    while old := DBOS.list_workflows(
        completed_before=before, limit=_PRUNED_AT_ONCE, load_input=False, load_output=False
    ):
        DBOS.delete_workflows([found.workflow_id for found in old])
