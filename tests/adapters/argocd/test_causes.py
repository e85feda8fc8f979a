"""Why an application is not healthy: from what clusters and Argo CD say to named causes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from thinkube_catalog.adapters.argocd.answers import ArgoApplication, Event, Node
from thinkube_catalog.adapters.argocd.causes import Evidence, Seen, causes_of
from thinkube_catalog.domain.forge import Build, BuildState
from thinkube_catalog.domain.gitops import CauseKind

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IMAGE = "registry.example/thinkube/legal-qa-web:v1"


def an_application(**status: Any) -> ArgoApplication:
    resources = [{"kind": "Deployment", "name": "legal-qa-web"}]
    found = {"sync": {"status": "Synced", "revision": "c" * 40}, "resources": resources, **status}
    return ArgoApplication.model_validate({"metadata": {"name": "tkt-legal-qa"}, "status": found})


def a_node(kind: str, health: str = "Progressing", message: str = "") -> Node:
    return Node.model_validate(
        {
            "kind": kind,
            "name": f"legal-qa-web-{kind.lower()}",
            "uid": kind,
            "health": {"status": health, "message": message},
            "networkingInfo": {"labels": {"app.kubernetes.io/component": "web"}},
        }
    )


def an_event(reason: str, message: str, minutes: int = 0) -> Event:
    at = NOW - timedelta(minutes=minutes)
    return Event(type="Warning", reason=reason, message=message, last_timestamp=at)


def a_pod(
    state: dict[str, Any] | None = None,
    *,
    events: tuple[Event, ...] = (),
    lines: tuple[str, ...] = (),
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> Seen:
    whole = {"name": "web", "image": IMAGE, "restartCount": 0, "ready": False, **(state or {})}
    container = {
        "name": "web",
        "resources": {"limits": {"memory": "2Gi", "nvidia.com/gpu": "2"}, "requests": {"cpu": "1"}},
        **(spec or {}),
    }
    manifest = {
        "spec": {"containers": [container]},
        "status": {"containerStatuses": [whole] if state else [], **status},
    }
    return Seen(a_node("Pod"), manifest, events, lines)


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return {"lastState": {"terminated": {"exitCode": code, "reason": reason}}, "restartCount": 4}


def running(minutes: int = 1, **more: Any) -> dict[str, Any]:
    since = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return {"state": {"running": {"startedAt": since}}, **more}


def unscheduled(message: str) -> Seen:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
    }
    return a_pod(conditions=[condition])


def with_gpu_memory(seen: Seen, mib: int) -> Seen:
    """Return the pod as our objects have it that need a GPU of some size."""
    larger = {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": [str(mib - 1)]}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [larger]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    spec = {**seen.manifest["spec"], "affinity": affinity}
    return replace(seen, manifest={**seen.manifest, "spec": spec})


PROBE = {"startupProbe": {"periodSeconds": 10, "failureThreshold": 60}}

OF_OBJECTS = {
    "image pull": (
        a_pod(waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')),
        CauseKind.IMAGE_PULL,
        IMAGE,
        "exists under that name",
    ),
    "image never built": (
        a_pod(waiting("ErrImagePull", "not found", image="registry.example/web:unbuilt")),
        CauseKind.IMAGE_PULL,
        "unbuilt",
        "runner",
    ),
    "gpu": (
        unscheduled("0/3 nodes are available: 3 Insufficient nvidia.com/gpu."),
        CauseKind.UNSCHEDULABLE,
        "no node has 2 GPUs free",
        "fewer",
    ),
    "memory": (
        unscheduled("0/3 nodes are available: 3 Insufficient memory."),
        CauseKind.UNSCHEDULABLE,
        "no node has 2Gi of memory free",
        "smaller size",
    ),
    "cpu": (
        unscheduled("0/3 nodes are available: 3 Insufficient cpu."),
        CauseKind.UNSCHEDULABLE,
        "no node has 1 of processor time free",
        "smaller size",
    ),
    "taint": (
        unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: only}."),
        CauseKind.UNSCHEDULABLE,
        "taint",
        "taint removed",
    ),
    "no node of that kind": (
        unscheduled(
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        ),
        CauseKind.UNSCHEDULABLE,
        "no node is of the kind that it asks for (",
        "ask for other nodes in k8s/",
    ),
    "no GPU so large": (
        with_gpu_memory(
            unscheduled(
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
            ),
            81920,
        ),
        CauseKind.UNSCHEDULABLE,
        "a GPU with 80 GiB of memory",
        "GPU memory",
    ),
    "volume of a pod": (
        unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
        CauseKind.VOLUME_PENDING,
        "volume is not there",
        "storage class",
    ),
    "scheduler's own words": (
        unscheduled("0/1 nodes are available: 1 node(s) were on holiday."),
        CauseKind.UNSCHEDULABLE,
        "on holiday",
        "k8s/",
    ),
    "exit code": (
        a_pod(
            waiting("CrashLoopBackOff", "back-off 5m0s", **ended(3)),
            lines=("Traceback", "KeyError: 'MODEL'"),
        ),
        CauseKind.CRASH_LOOP,
        "exit code 3",
        "started 5 times",
    ),
    "out of memory": (
        a_pod(waiting("CrashLoopBackOff", **ended(137, "OOMKilled"))),
        CauseKind.CRASH_LOOP,
        "more memory than its limit of 2Gi",
        "larger size",
    ),
    "ended just now": (
        a_pod({"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}),
        CauseKind.CRASH_LOOP,
        "exit code 1",
        "tkt logs",
    ),
    "command not found": (
        a_pod(waiting("RunContainerError", 'exec: "serve": executable file not found in $PATH')),
        CauseKind.CRASH_LOOP,
        "executable file not found",
        "command",
    ),
    "missing Secret": (
        a_pod(waiting("CreateContainerConfigError", 'secret "legal-qa-secrets" not found')),
        CauseKind.MISSING_SECRET,
        "legal-qa-secrets",
        "tkt secret set",
    ),
    "missing key": (
        a_pod(
            waiting(
                "CreateContainerConfigError",
                "couldn't find key HF_TOKEN in Secret tkt-legal-qa/legal-qa-secrets",
            )
        ),
        CauseKind.MISSING_SECRET,
        "HF_TOKEN is missing",
        "tkt secret set",
    ),
    "still starting": (
        a_pod(running(3, started=False), spec=PROBE),
        CauseKind.STILL_STARTING,
        "for 3 minutes of at most 10 minutes",
        "wait",
    ),
    "not up in time": (
        a_pod(
            waiting("CrashLoopBackOff", **ended(137)),
            events=(an_event("Killing", "Container web failed startup probe, will be restarted"),),
        ),
        CauseKind.FAILED_PROBE,
        "not up in time",
        "more time",
    ),
    "not ready": (
        a_pod(
            running(started=True),
            events=(
                an_event("Unhealthy", "Readiness probe failed: connection refused", 5),
                an_event("Unhealthy", "Readiness probe failed: statuscode: 503"),
            ),
        ),
        CauseKind.FAILED_PROBE,
        "statuscode: 503",
        "health path",
    ),
    "not ready, nothing told": (
        a_pod(running(started=True)),
        CauseKind.STILL_STARTING,
        "not ready yet",
        "",
    ),
    "mount": (
        a_pod(
            waiting("ContainerCreating"),
            events=(an_event("FailedAttachVolume", "Multi-Attach error for volume pvc-1"),),
        ),
        CauseKind.VOLUME_PENDING,
        "Multi-Attach",
        "another node",
    ),
    "mount of a missing Secret": (
        a_pod(
            waiting("ContainerCreating"),
            events=(an_event("FailedMount", 'secret "models" not found'),),
        ),
        CauseKind.MISSING_SECRET,
        "models",
        "tkt secret set",
    ),
    "pulling": (
        a_pod(waiting("ContainerCreating"), events=(an_event("Pulling", f"Pulling {IMAGE}"),)),
        CauseKind.STILL_STARTING,
        "Pulling",
        "wait",
    ),
    "evicted": (
        a_pod(phase="Failed", reason="Evicted", message="The node was low on memory."),
        CauseKind.UNKNOWN,
        "low on memory",
        "by itself",
    ),
    "quota": (
        Seen(
            a_node("ReplicaSet"),
            {},
            (an_event("FailedCreate", 'pods "web-1" is forbidden: exceeded quota: budget'),),
        ),
        CauseKind.QUOTA,
        "exceeded quota",
        "raise the quota",
    ),
    "pod security": (
        Seen(
            a_node("ReplicaSet"),
            {},
            (an_event("FailedCreate", 'is forbidden: violates PodSecurity "restricted:latest"'),),
        ),
        CauseKind.ADMISSION_DENIED,
        "pod security",
        "plain user",
    ),
    "claim without a class": (
        Seen(
            a_node("PersistentVolumeClaim"),
            {"status": {"phase": "Pending"}},
            (an_event("ProvisioningFailed", 'storageclass "fast" not found'),),
        ),
        CauseKind.VOLUME_PENDING,
        'storageclass "fast" not found',
        "THINKUBE_STORAGE_CLASS",
    ),
    "a kind that only speaks for itself": (
        Seen(
            a_node("ExternalSecret", "Degraded", "could not get secret data from provider"),
            {},
            (
                an_event("Created", "secret created", minutes=5),
                an_event("UpdateFailed", "(key: theirs), err: Secret does not exist"),
            ),
        ),
        CauseKind.UNKNOWN,
        "(key: theirs), err: Secret does not exist",
        "what it refers to",
    ),
    "one that says little": (
        Seen(a_node("Service", "Degraded", "Revision chat-00002 failed"), {}),
        CauseKind.UNKNOWN,
        "is not well: Revision chat-00002 failed",
        "see that object",
    ),
    "job": (
        Seen(
            a_node("Job", "Degraded", "Job has reached the specified backoff limit"),
            {},
            lines=("no such file",),
        ),
        CauseKind.JOB_FAILED,
        "backoff limit",
        "tkt logs",
    ),
}


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_what_an_object_says_is_named_with_its_mend(name: str) -> None:
    seen, kind, message, mend = OF_OBJECTS[name]
    (cause,) = causes_of(Evidence(an_application(), (seen,), NOW))
    assert cause.kind is kind
    assert message in cause.message
    assert mend in cause.mend
    assert cause.lines == seen.lines


def refused(message: str, **more: Any) -> ArgoApplication:
    result = {"kind": "Service", "name": "web", "status": "SyncFailed", "message": message}
    state = {
        "phase": "Failed",
        "message": "one or more objects failed to apply",
        "syncResult": {"revision": "c" * 40, "resources": [result]},
    }
    return an_application(operationState={**state, **more})


def unread(message: str) -> ArgoApplication:
    return an_application(
        sync={"status": "Unknown"},
        conditions=[{"type": "ComparisonError", "message": f"Failed to load: {message}"}],
    )


OF_RECORDS = {
    "invalid object": (
        refused('Service "web" is invalid: spec.ports[0].port: Invalid value: 0'),
        CauseKind.INVALID_OBJECT,
        "spec.ports[0].port",
    ),
    "unknown kind": (
        refused('resource mapping not found: no matches for kind "HTTPRoute"'),
        CauseKind.INVALID_OBJECT,
        "does not know a kind",
    ),
    "webhook": (
        refused('admission webhook "v.kyverno.svc" denied the request: no latest tags'),
        CauseKind.ADMISSION_DENIED,
        "no latest tags",
    ),
    "quota of objects": (refused("exceeded quota: budget"), CauseKind.QUOTA, "budget"),
    "project": (
        refused("resource rbac:ClusterRole is not permitted in project thinkube"),
        CauseKind.ADMISSION_DENIED,
        "project does not allow",
    ),
    "rights of Argo CD": (
        refused('services is forbidden: User "argocd" cannot create'),
        CauseKind.SYNC_ERROR,
        "lacks a right",
    ),
    "anything else": (refused("the moon is full"), CauseKind.SYNC_ERROR, "the moon is full"),
    "no branch": (
        unread("unable to resolve 'main' to a commit SHA"),
        CauseKind.SYNC_ERROR,
        "no branch main",
    ),
    "no folder": (
        unread("k8s: app path does not exist"),
        CauseKind.INVALID_OBJECT,
        "no folder k8s",
    ),
    "the cluster would refuse it": (
        unread("Failed to compare desired state: failed to create typed patch object: .spec.ports"),
        CauseKind.INVALID_OBJECT,
        "is not valid",
    ),
    "no right to read": (
        unread("authentication required: Repository not found"),
        CauseKind.REPOSITORY_UNREACHABLE,
        "may not read",
    ),
    "forge down": (
        unread("dial tcp 10.0.0.1:3000: connect: connection refused"),
        CauseKind.REPOSITORY_UNREACHABLE,
        "does not reach the repository",
    ),
    "kustomization": (
        unread("Manifest generation error: kustomize build failed: accumulating resources"),
        CauseKind.INVALID_OBJECT,
        "cannot be read",
    ),
    "nothing at all": (an_application(resources=None), CauseKind.SYNC_ERROR, "holds no objects"),
}


@pytest.mark.parametrize("name", OF_RECORDS)
def test_what_the_record_says_is_named_with_a_mend(name: str) -> None:
    application, kind, message = OF_RECORDS[name]
    (cause,) = causes_of(Evidence(application, (), NOW))
    assert (cause.kind, cause.mend != "") == (kind, True)
    assert message in cause.message


def test_a_sync_that_is_tried_again_says_already_why() -> None:
    application = refused("the moon is full", phase="Running", retryCount=1)
    (cause,) = causes_of(Evidence(application, (), NOW))
    assert "the moon is full" in cause.message


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        (BuildState.RUNNING, CauseKind.BUILDING, "still being built at https://forge/7"),
        (BuildState.FAILED, CauseKind.BUILD_FAILED, "has failed; see https://forge/7"),
        (BuildState.SUCCEEDED, CauseKind.IMAGE_PULL, "cannot be pulled"),
    ],
)
def test_an_image_that_is_not_there_yet_is_told_from_one_that_cannot_be_pulled(
    state: BuildState, kind: CauseKind, words: str
) -> None:
    pod = a_pod(waiting("ErrImagePull", "manifest unknown"))
    (cause,) = causes_of(Evidence(an_application(), (pod,), NOW, Build(state, "https://forge/7")))
    assert cause.kind is kind
    assert words in cause.message


def test_pods_that_are_broken_alike_are_told_once_and_the_telling_comes_first() -> None:
    starting = a_pod(running(1, started=False), spec=PROBE)
    broken = a_pod(waiting("CrashLoopBackOff", **ended(3)))
    found = causes_of(Evidence(an_application(), (starting, broken, broken), NOW))
    assert [each.kind for each in found] == [CauseKind.CRASH_LOOP, CauseKind.STILL_STARTING]


def test_what_makes_no_sense_is_no_cause_and_no_error() -> None:
    odd = Seen(a_node("Pod"), {"status": {"conditions": "none", "containerStatuses": [7]}})
    assert causes_of(Evidence(an_application(), (odd,), NOW)) == ()
