"""From everything that was seen to causes, the most telling first, each once."""

from __future__ import annotations

from collections.abc import Iterator

from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.causes.evidence import Evidence, Seen
from thinkube_catalog.adapters.argocd.causes.pods import pod_causes
from thinkube_catalog.adapters.argocd.causes.texts import (
    COMPARISON,
    CREATION,
    SYNC,
    cause_in,
    shortened,
)
from thinkube_catalog.adapters.argocd.status import component_of
from thinkube_catalog.domain.gitops import Cause, CauseKind

MOST = 8
"""More causes than a person reads at once are left out: they tend to say the same."""

_LATER = {CauseKind.STILL_STARTING: 1, CauseKind.UNKNOWN: 2}


def causes_of(evidence: Evidence) -> tuple[Cause, ...]:
    """Name why the application is not healthy; nothing where nothing was seen that says it."""
    found = [*_record_causes(evidence.application)]
    for seen in evidence.seen:
        found += _object_causes(seen, evidence)
    once = {(each.kind, each.container, each.message): each for each in found}
    return tuple(sorted(once.values(), key=lambda each: _LATER.get(each.kind, 0)))[:MOST]


def _record_causes(there: ArgoApplication) -> Iterator[Cause]:
    state = there.status.operation_state
    refused = [
        each
        for each in (state.sync_result.resources if state else ())
        if each.status == "SyncFailed" or each.hook_phase in {"Failed", "Error"}
    ]
    for each in refused:
        text = f"{each.kind} {each.name}: {each.message}"
        yield cause_in(text, SYNC) or _unknown_refusal(text)
    ill = state is not None and (state.phase in {"Failed", "Error"} or state.retry_count > 0)
    if state is not None and ill and not refused:
        yield cause_in(state.message, (*SYNC, *COMPARISON)) or _unknown_refusal(state.message)
    for condition in there.status.conditions:
        yield from _condition_causes(condition.type, condition.message, told=ill)
    if there.status.sync.status == "Synced" and not there.status.resources:
        mend = "restore k8s/ from the repository's history, or deploy again"
        message = "the folder k8s of the commit holds no objects"
        yield Cause(CauseKind.SYNC_ERROR, message, mend)


def _condition_causes(kind: str, message: str, *, told: bool) -> Iterator[Cause]:
    if kind in {"ComparisonError", "InvalidSpecError", "UnknownError"}:
        mend = "see the application in Argo CD, then: tkt retry"
        unknown = Cause(CauseKind.REPOSITORY_UNREACHABLE, shortened(message), mend)
        yield cause_in(message, COMPARISON) or unknown
    elif kind == "SyncError" and not told:  # it repeats what the operation says
        yield cause_in(message, SYNC) or _unknown_refusal(message)
    elif kind == "DeletionError":
        mend = "see the application in Argo CD"
        yield Cause(CauseKind.SYNC_ERROR, f"it cannot be removed: {shortened(message)}", mend)


def _unknown_refusal(text: str) -> Cause:
    mend = "see the application in Argo CD; push a mended commit, or: tkt retry"
    return Cause(CauseKind.SYNC_ERROR, f"the sync has failed: {shortened(text)}", mend)


def _object_causes(seen: Seen, evidence: Evidence) -> Iterator[Cause]:
    match seen.node.kind:
        case "Pod":
            yield from pod_causes(seen, evidence)
        case "PersistentVolumeClaim":
            yield from _claim_causes(seen)
        case "Job" if seen.node.health.status == "Degraded":
            yield _job_cause(seen)
        case "Job" | "ReplicaSet" | "StatefulSet" | "DaemonSet":
            yield from _maker_causes(seen)
        case _:
            yield _own_cause(seen)


def _own_cause(seen: Seen) -> Cause:
    """What a kind says of itself that nothing here knows more about, such as an ExternalSecret."""
    warnings = {each.reason for each in seen.events if each.type == "Warning"}
    event = seen.told(*warnings)
    told = shortened(event.message if event is not None else seen.node.health.message)
    message = f"{seen.node.kind} {seen.node.name} is not well: {told or 'it does not say why'}"
    mend = "see that object in k8s/, and what it refers to"
    return Cause(CauseKind.UNKNOWN, message, mend)


def _maker_causes(seen: Seen) -> Iterator[Cause]:
    """Pods that could not even be made."""
    failed = seen.told("FailedCreate")
    if failed is not None:
        container = component_of(seen.node)
        mend = "see that object in k8s/"
        text = shortened(failed.message)
        unknown = Cause(CauseKind.UNKNOWN, f"its pods cannot be made: {text}", mend, container)
        yield cause_in(failed.message, CREATION, container) or unknown


def _claim_causes(seen: Seen) -> Iterator[Cause]:
    if seen.status.get("phase") == "Bound":
        return
    failed = seen.told("ProvisioningFailed", "FailedBinding")
    if failed is not None:
        mend = "name a storage class that the cluster has (THINKUBE_STORAGE_CLASS)"
        message = f"the volume {seen.node.name} cannot be made: {shortened(failed.message)}"
        yield Cause(CauseKind.VOLUME_PENDING, message, mend)
    elif seen.told("WaitForFirstConsumer") is None:
        mend = "see whether the cluster makes volumes of its storage class"
        yield Cause(CauseKind.VOLUME_PENDING, f"the volume {seen.node.name} is not made yet", mend)


def _job_cause(seen: Seen) -> Cause:
    told = shortened(seen.node.health.message)
    mend = "read its log with: tkt logs, mend what failed, and push"
    return Cause(
        CauseKind.JOB_FAILED,
        f"the job {seen.node.name} has failed: {told}",
        mend,
        component_of(seen.node),
        seen.lines,
    )
