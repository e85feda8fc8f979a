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

from thinkube_catalog.domain.replicas import Claim

VERSION = "1"
"""Stands for DBOS's hash of the code, under which any change would strand what runs."""

EXECUTOR = "service"
"""The one name under which a file's workflows are carried: a lock guards the file's folder."""

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
Proceed = Callable[[str, int, int], float | None]
"""Does the next thing of a run's attempt, under the claim of that number."""

_proceeding: list[Proceed] = []  # of the one lane that is open


@DBOS.step(name="proceed")
def _proceed(run_id: str, attempt: int, number: int) -> float | None:
    try:
        with _busy:
            return _proceeding[-1](run_id, attempt, number)
    except Exception:  # noqa: BLE001 (recorded with the run; DBOS must not store what it says)
        _log.exception("run %s ended unexpectedly", run_id)
        return None


@DBOS.workflow(name="carry_out", max_recovery_attempts=MOST_RECOVERIES)
def _carry_out(run_id: str, attempt: int, number: int = 0) -> None:
    while (seconds := _proceed(run_id, attempt, number)) is not None:
        if seconds > 0:
            DBOS.sleep(seconds)


class Lane:
    """DBOS, launched. That a deployment has one run at a time is the records' promise.

    Runs are started without a queue: one would cost up to its polling interval for each run, and
    its limits count runs that only wait.
    """

    def __init__(self, database_url: str, proceed: Proceed) -> None:
        # `DBOS(...)` ignores a second configuration in silence until the first is destroyed.
        if _proceeding:
            raise RuntimeError("this process carries runs already")
        _proceeding.append(proceed)
        try:
            DBOS(config=_config(database_url))
            DBOS.launch()
            _adopt()
            _prune()
        except BaseException:
            self.close()
            raise

    def begin(self, claim: Claim, workflow_id: str) -> None:
        """Carry out an attempt under this id; does nothing if that id is known."""
        if DBOS.get_workflow_status(workflow_id) is None:
            with SetWorkflowID(workflow_id):
                DBOS.start_workflow(_carry_out, claim.run, claim.attempt, claim.number)

    def ended(self, workflow_id: str) -> bool:
        """Say whether a workflow has come to an end, good or bad; one that is unknown has not."""
        found = DBOS.get_workflow_status(workflow_id)
        return found is not None and found.status not in _ACTIVE

    def close(self) -> None:
        DBOS.destroy(workflow_completion_timeout_sec=0)
        _proceeding.clear()


def _config(database_url: str) -> DBOSConfig:
    return DBOSConfig(
        name="thinkube-catalog",
        system_database_url=database_url,
        application_version=VERSION,
        executor_id=EXECUTOR,
        serializer=DBOSPortableJSONSerializer(),
        notification_listener_polling_interval_sec=POLLING_SECONDS,
        log_level="WARNING",
    )


def _adopt() -> None:
    """Bring in what DBOS would leave lying: workflows of another version or executor name."""
    stranded = [
        found
        for found in _active()
        if found.app_version != VERSION or found.executor_id not in {EXECUTOR, None}
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
