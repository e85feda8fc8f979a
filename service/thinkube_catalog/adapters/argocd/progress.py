"""How far a commit has come, read from Argo CD's record alone.

A sync is over when no operation is asked for and its state has ended; what Argo CD then says of
objects and their health counts once it has compared again (`reconciledAt`). That nothing differs
counts for nothing unless a sync has applied that very commit: after a comparison that failed,
Argo CD may say so of a commit that the cluster would refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.desired import SERVING, missing_of

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_UNREADABLE = {"ComparisonError", "InvalidSpecError", "UnknownError"}
_NO_COMMIT = re.compile(r"remote repository is empty|unable to resolve '.*' to a commit")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Stage(Enum):
    """What is the matter with the wanted commit."""

    REMOVING = auto()
    WAITING = auto()  # nobody has looked at the repository yet
    NO_COMMIT = auto()
    UNREADABLE = auto()  # the repository, or what is in it
    SYNCING = auto()
    REFUSED = auto()  # the sync has failed, with all its retries
    SETTLING = auto()  # the sync is over, and its effect not seen yet
    UNCONFIRMED = auto()  # said to be there already, and never applied
    NOTHING = auto()  # there, and without a single object
    RUNNING = auto()  # all is applied; how it is, its health says


@dataclass(frozen=True)
class Progress:
    """`retries` counts the failed attempts of the sync that is under way.

    `wanted` is empty where Argo CD names no commit: there is none, or it cannot be read.
    """

    stage: Stage
    wanted: str
    serving: str
    health: str
    retries: int = 0

    @property
    def healthy(self) -> bool:
        """Whether the wanted commit is all there, and well."""
        return self.stage is Stage.RUNNING and self.health == "Healthy"


def progress(there: ArgoApplication) -> Progress:
    """Read a record."""
    wanted, stage = _wanted(there), _stage(there)
    health = there.status.health.status
    noted = there.metadata.annotations.get(SERVING, "")
    state = there.status.operation_state
    retries = state.retry_count if stage is Stage.SYNCING and state else 0
    found = Progress(stage, wanted, noted, health, retries)
    if found.healthy and not missing_of(there):
        return Progress(stage, wanted, wanted, health)
    return found


def is_syncing(there: ArgoApplication) -> bool:
    """Whether an operation is asked for, or running, or waiting to be tried again."""
    state = there.status.operation_state
    return there.operation is not None or (
        state is not None and state.phase in {"Running", "Terminating"}
    )


def _wanted(there: ArgoApplication) -> str:
    """Return the newest commit that Argo CD names; a branch stands where it could not read one."""
    named = _named(there)
    return named if _names_one(named) else ""


def _named(there: ArgoApplication) -> str:
    status, state = there.status, there.status.operation_state
    if there.operation is not None and state is None and there.operation.sync.revision:
        return there.operation.sync.revision
    if state is None or not state.revision:
        return status.sync.revision
    at = state.finished_at or state.started_at or _BEGINNING
    compared = status.reconciled_at or _BEGINNING
    # Times are whole seconds: a comparison in the second of a start may be from before it.
    after = compared >= at if state.finished_at else compared > at
    return status.sync.revision if after else state.revision


def _names_one(revision: str) -> bool:
    return _COMMIT.fullmatch(revision) is not None


def _stage(there: ArgoApplication) -> Stage:
    status, state = there.status, there.status.operation_state
    if there.metadata.deletion_timestamp is not None:
        return Stage.REMOVING
    if is_syncing(there):
        return Stage.SYNCING
    if state and state.phase in {"Failed", "Error"} and state.revision in {"", _wanted(there)}:
        return Stage.REFUSED
    unreadable = [each for each in status.conditions if each.type in _UNREADABLE]
    if unreadable:
        empty = all(_NO_COMMIT.search(each.message) for each in unreadable)
        return Stage.NO_COMMIT if empty else Stage.UNREADABLE
    return _compared(there)


def _compared(there: ArgoApplication) -> Stage:
    status, state = there.status, there.status.operation_state
    if status.sync.status in {"", "Unknown"}:
        return Stage.WAITING
    if status.sync.status == "Synced" and not status.resources:
        return Stage.NOTHING
    if any(each.type == "SyncError" for each in status.conditions):
        return Stage.REFUSED
    ended = state.finished_at if state else None
    stale = ended is not None and (status.reconciled_at or _BEGINNING) < ended
    if stale or status.sync.status != "Synced":
        return Stage.SETTLING
    applied = state is not None and state.phase == "Succeeded"
    if state is None or not applied or state.revision != status.sync.revision:
        return Stage.UNCONFIRMED
    return Stage.RUNNING
