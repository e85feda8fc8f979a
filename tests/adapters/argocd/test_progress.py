"""How far a commit has come: the record read at every moment of a sync."""

from __future__ import annotations

from typing import Any

import pytest

from thinkube_catalog.adapters.argocd.answers import ArgoApplication, Tree
from thinkube_catalog.adapters.argocd.desired import MISSING, NAME, SERVING
from thinkube_catalog.adapters.argocd.progress import Stage, progress
from thinkube_catalog.adapters.argocd.status import COMPONENT, Details, newest_pods, status_of
from thinkube_catalog.domain.gitops import ApplicationStatus, Health

OLD, NEW = "a" * 40, "b" * 40
BEFORE, ENDED, AFTER = (f"2026-03-01T12:00:0{second}Z" for second in (1, 2, 3))
SERVES_OLD = {"annotations": {SERVING: OLD, NAME: "legal-qa"}}


def a_record(metadata: dict[str, Any] | None = None, **whole: Any) -> ArgoApplication:
    resources = [{"kind": "HTTPRoute", "group": "gateway.networking.k8s.io", "name": "legal-qa"}]
    status = {"resources": resources, **whole.pop("status", {})}
    found = {"metadata": {"name": "tkt-legal-qa", **(metadata or {})}, "status": status, **whole}
    return ArgoApplication.model_validate(found)


def compared(revision: str, sync: str = "Synced", health: str = "Healthy") -> dict[str, Any]:
    return {
        "sync": {"status": sync, "revision": revision},
        "health": {"status": health},
        "reconciledAt": AFTER,
    }


def an_operation(revision: str, phase: str = "Succeeded", **more: Any) -> dict[str, Any]:
    return {
        "operation": {"sync": {"revision": revision}},
        "phase": phase,
        "startedAt": BEFORE,
        "syncResult": {"revision": revision},
        **({} if phase == "Running" else {"finishedAt": ENDED}),
        **more,
    }


def state_of(record: ArgoApplication) -> ApplicationStatus:
    return status_of(record, Details(), "https://legal-qa.example")


MOMENTS = {
    "nobody has looked": (a_record(status={}), Stage.WAITING, "", Health.MISSING),
    "no commit": (
        a_record(
            status={
                "sync": {"status": "Unknown", "revision": "main"},
                "health": {"status": "Healthy"},
                "conditions": [
                    {
                        "type": "ComparisonError",
                        "message": "failed to list refs: remote repository is empty",
                    }
                ],
            }
        ),
        Stage.NO_COMMIT,
        "",
        Health.MISSING,
    ),
    "asked for, not begun": (
        a_record(SERVES_OLD, status=compared(OLD), operation={"sync": {"revision": NEW}}),
        Stage.SYNCING,
        NEW,
        Health.PROGRESSING,
    ),
    "running": (
        a_record(
            SERVES_OLD,
            status={
                **compared(OLD),
                "reconciledAt": BEFORE,
                "operationState": an_operation(NEW, "Running", startedAt=ENDED),
            },
            operation={"sync": {"revision": NEW}},
        ),
        Stage.SYNCING,
        NEW,
        Health.PROGRESSING,
    ),
    "running, compared in the second in which it began": (
        a_record(
            SERVES_OLD,
            status={
                **compared(OLD),
                "reconciledAt": ENDED,
                "operationState": an_operation(NEW, "Running", startedAt=ENDED),
            },
            operation={"sync": {"revision": NEW}},
        ),
        Stage.SYNCING,
        NEW,
        Health.PROGRESSING,
    ),
    "waiting to be tried again": (
        a_record(
            SERVES_OLD,
            status={
                **compared(NEW, "OutOfSync"),
                "operationState": an_operation(NEW, "Running", finishedAt=ENDED, retryCount=2),
            },
            operation={"sync": {"revision": NEW}},
        ),
        Stage.SYNCING,
        NEW,
        Health.PROGRESSING,
    ),
    "over, and not compared since": (
        a_record(
            SERVES_OLD,
            status={
                **compared(NEW),
                "reconciledAt": BEFORE,
                "operationState": an_operation(NEW),
            },
        ),
        Stage.SETTLING,
        NEW,
        Health.PROGRESSING,
    ),
    "over, starting": (
        a_record(
            SERVES_OLD,
            status={**compared(NEW, health="Progressing"), "operationState": an_operation(NEW)},
        ),
        Stage.RUNNING,
        NEW,
        Health.PROGRESSING,
    ),
    "over, healthy": (
        a_record(status={**compared(NEW), "operationState": an_operation(NEW)}),
        Stage.RUNNING,
        NEW,
        Health.HEALTHY,
    ),
    "said to be there, never applied": (
        a_record(SERVES_OLD, status={**compared(NEW), "operationState": an_operation(OLD)}),
        Stage.UNCONFIRMED,
        NEW,
        Health.PROGRESSING,
    ),
    "suspended": (
        a_record(status={**compared(NEW, health="Suspended"), "operationState": an_operation(NEW)}),
        Stage.RUNNING,
        NEW,
        Health.SUSPENDED,
    ),
    "missing": (
        a_record(status={**compared(NEW, health="Missing"), "operationState": an_operation(NEW)}),
        Stage.RUNNING,
        NEW,
        Health.MISSING,
    ),
    "no objects": (
        a_record(status={**compared(NEW), "operationState": an_operation(NEW), "resources": None}),
        Stage.NOTHING,
        NEW,
        Health.DEGRADED,
    ),
    "refused": (
        a_record(
            SERVES_OLD,
            status={
                **compared(NEW, "OutOfSync"),
                "operationState": an_operation(NEW, "Failed", message="no"),
            },
        ),
        Stage.REFUSED,
        NEW,
        Health.DEGRADED,
    ),
    "a newer commit seen after a failure": (
        a_record(
            SERVES_OLD,
            status={
                **compared(NEW, "OutOfSync"),
                "operationState": an_operation(OLD, "Failed", message="no"),
            },
        ),
        Stage.SETTLING,
        NEW,
        Health.PROGRESSING,
    ),
    "put right again": (
        a_record(
            SERVES_OLD,
            status={**compared(OLD), "operationState": an_operation(OLD, "Running")},
            operation={"sync": {"revision": OLD}},
        ),
        Stage.SYNCING,
        OLD,
        Health.HEALTHY,
    ),
    "the repository cannot be read": (
        a_record(
            SERVES_OLD,
            status={
                **compared("main", "Unknown"),
                "operationState": an_operation(OLD),
                "conditions": [{"type": "ComparisonError", "message": "dial tcp: refused"}],
            },
        ),
        Stage.UNREADABLE,
        "",
        Health.UNKNOWN,
    ),
    "being removed": (
        a_record({"deletionTimestamp": AFTER, **SERVES_OLD}, status=compared(OLD)),
        Stage.REMOVING,
        OLD,
        Health.PROGRESSING,
    ),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_every_moment_of_a_sync_is_read_for_what_it_is(name: str) -> None:
    record, stage, wanted, health = MOMENTS[name]
    found = progress(record)
    assert (found.stage, found.wanted) == (stage, wanted)
    assert state_of(record).health is health


def test_only_a_compared_and_healthy_commit_serves() -> None:
    serving = {name: state_of(record).serving for name, (record, *_) in MOMENTS.items()}
    assert {name for name, commit in serving.items() if commit == NEW} == {"over, healthy"}
    assert state_of(MOMENTS["refused"][0]).serving == OLD
    assert "still serves" in state_of(MOMENTS["refused"][0]).message


def test_given_up_is_only_what_nothing_but_a_change_mends() -> None:
    failed = {name for name, (record, *_) in MOMENTS.items() if state_of(record).failed}
    assert failed == {"no objects", "refused"}


def test_a_healthy_application_without_its_secret_has_failed() -> None:
    record = MOMENTS["over, healthy"][0]
    lacking = record.model_copy(
        update={"metadata": record.metadata.model_copy(update={"annotations": {MISSING: "TOKEN"}})}
    )
    found = state_of(lacking)
    assert (found.failed, found.serving, found.health) == (True, "", Health.DEGRADED)
    assert "TOKEN" in found.causes[0].message


def a_node(kind: str, name: str, owner: str, revision: int = 0) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "uid": name,
        "parentRefs": [{"uid": owner}],
        "info": [{"name": "Revision", "value": f"Rev:{revision}"}],
        "health": {"status": "Healthy"},
    }


@pytest.mark.parametrize(
    ("pods", "newest"),
    [({"a": "first"}, ["a"]), ({"a": "first", "b": "second"}, ["b"]), ({"b": "second"}, ["b"])],
)
def test_pods_of_the_newest_generation_are_those_that_are_there(
    pods: dict[str, str], newest: list[str]
) -> None:
    sets = [a_node("ReplicaSet", "first", "web", 1), a_node("ReplicaSet", "second", "web", 2)]
    nodes = [*sets, *(a_node("Pod", pod, owner) for pod, owner in pods.items())]
    tree = Tree.model_validate({"nodes": nodes})
    assert [node.name for node in newest_pods(tree)] == newest


def test_an_address_is_told_once_something_serves() -> None:
    assert state_of(MOMENTS["over, healthy"][0]).url == "https://legal-qa.example"
    assert state_of(MOMENTS["no objects"][0]).url == ""


def a_pod(name: str, component: str, health: str, owner: str = "ReplicaSet") -> dict[str, Any]:
    labels = {COMPONENT: component}
    owners = [{"kind": owner, "uid": owner}]
    told = {"health": {"status": health}, "networkingInfo": {"labels": labels}}
    return {"kind": "Pod", "name": name, "uid": name, "parentRefs": owners, **told}


WORKLOAD = {"kind": "Deployment", "group": "apps", "name": "web", "uid": "web"}
PODS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "nobody could look": ([], True),
    "replaced one by one": (
        [WORKLOAD, a_pod("a", "web", "Healthy"), a_pod("b", "web", "Progressing")],
        True,
    ),
    "all of them starting": ([WORKLOAD, a_pod("b", "web", "Progressing")], False),
    "one of two workloads is down": (
        [WORKLOAD, a_pod("a", "web", "Healthy"), a_pod("b", "store", "Progressing", "StatefulSet")],
        False,
    ),
    "none there": ([WORKLOAD], False),
    "a job under way beside it": (
        [WORKLOAD, a_pod("a", "web", "Healthy"), a_pod("b", "train", "Progressing", "Job")],
        True,
    ),
    "scaled to nothing": (
        [WORKLOAD, {"kind": "Service", "group": "serving.knative.dev", "name": "web", "uid": "s"}],
        True,
    ),
}


@pytest.mark.parametrize("name", PODS)
@pytest.mark.parametrize("serving", [OLD, NEW])
def test_while_pods_are_replaced_it_is_told_whether_one_still_answers(
    name: str, serving: str
) -> None:
    nodes, answers = PODS[name]
    notes = {"annotations": {SERVING: serving, NAME: "legal-qa"}}
    status = {**compared(NEW, health="Progressing"), "operationState": an_operation(NEW)}
    details = Details(Tree.model_validate({"nodes": nodes}))
    found = status_of(a_record(notes, status=status), details, "https://legal-qa.example")
    assert found.is_coming_up
    assert found.serving == (serving if answers else "")
    assert bool(found.url) is answers
    assert ("still serves" in found.message) is answers
