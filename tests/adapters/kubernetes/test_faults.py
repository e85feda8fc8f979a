"""What goes wrong between us and the cluster: every run converges, nothing is doubled or lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.contracts.test_cluster import LABELS, ME, OTHER, SECRET, supplies
from tests.kubernetes_stand_in import KubernetesStandIn
from thinkube_catalog.adapters.argocd.cluster import NamespaceTakenError
from thinkube_catalog.adapters.kubernetes import KubernetesCluster
from thinkube_catalog.domain.gitops import (
    EngineBusyError,
    EngineRefusedError,
    EngineUnavailableError,
)

KINDS = (
    *("drop before", "drop after", "reset", "500", "500 after", "503", "429"),
    *("half a body", "no json"),
)
SPACE = "tkt-chat"
T = TypeVar("T")


def version(server: KubernetesStandIn, plural: str, namespace: str, name: str) -> str:
    found = server.find(plural, namespace, name)
    assert found is not None
    return str(found["metadata"]["resourceVersion"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", ["GET /api/v1/namespaces/tkt-chat$", "POST /api/v1/namespaces$"])
def test_a_namespace_is_made_once_whatever_happens_on_the_way(
    server: KubernetesStandIn, cluster: KubernetesCluster, kind: str, at: str
) -> None:
    fault = server.fault(kind, at)
    cluster.ensure_namespace(SPACE, ME, LABELS)
    assert fault.fired == 1
    made = version(server, "namespaces", "", SPACE)
    cluster.ensure_namespace(SPACE, ME, LABELS)
    assert version(server, "namespaces", "", SPACE) == made
    with pytest.raises(NamespaceTakenError):
        cluster.ensure_namespace(SPACE, OTHER, LABELS)


def test_a_namespace_of_ours_bears_the_mark_that_the_admission_policy_goes_by(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    cluster.ensure_namespace(SPACE, ME, {**LABELS, "app.kubernetes.io/managed-by": "somebody"})
    found = server.find("namespaces", "", SPACE)
    assert found is not None
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "thinkube-catalog"
    assert found["metadata"]["annotations"] == {"thinkube.io/deployment": ME}


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_delivered_once_whatever_happens_on_the_way(
    server: KubernetesStandIn, cluster: KubernetesCluster, kind: str
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    fault = server.fault(kind, "PATCH .*/secrets/")
    first = cluster.deliver(SPACE, SECRET, supplies(A="1"), ME)
    assert fault.fired == 1
    made = version(server, "secrets", SPACE, SECRET)
    assert cluster.deliver(SPACE, SECRET, supplies(A="1"), ME) == first
    assert version(server, "secrets", SPACE, SECRET) == made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", ["DELETE .*/secrets/", "PATCH /api/v1/namespaces/tkt-chat$"])
def test_a_namespace_is_released_whatever_happens_on_the_way(
    server: KubernetesStandIn, cluster: KubernetesCluster, kind: str, at: str
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    cluster.deliver(SPACE, SECRET, supplies(A="1"), ME)
    fault = server.fault(kind, at)
    cluster.release_namespace(SPACE, ME, (SECRET,))
    assert fault.fired == 1
    assert server.find("secrets", SPACE, SECRET) is None
    cluster.ensure_namespace(SPACE, OTHER, LABELS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_namespace_is_removed_whatever_happens_on_the_way(
    server: KubernetesStandIn, cluster: KubernetesCluster, kind: str
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    fault = server.fault(kind, "DELETE /api/v1/namespaces/tkt-chat$")
    while cluster.remove_namespace(SPACE, ME):
        pass
    assert fault.fired == 1
    assert server.find("namespaces", "", SPACE) is None


def test_a_namespace_that_somebody_makes_at_the_same_moment_is_left_alone(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    def overtake(request: str) -> None:
        if request.startswith("POST"):
            server.make("namespaces", "", SPACE)

    server.before = overtake
    with pytest.raises(NamespaceTakenError):
        cluster.ensure_namespace(SPACE, ME, LABELS)


def test_a_namespace_that_changes_between_look_and_change_is_looked_at_again(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    touched = touch_once(server, "PATCH")
    cluster.ensure_namespace(SPACE, ME, dict.fromkeys(LABELS, "baseline"))
    found = server.find("namespaces", "", SPACE)
    assert found is not None
    assert touched == ["PATCH"]
    assert found["metadata"]["labels"]["somebody"] == "was here"
    assert found["metadata"]["labels"].items() >= dict.fromkeys(LABELS, "baseline").items()


def test_two_that_take_a_released_namespace_do_not_both_get_it(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    cluster.release_namespace(SPACE, ME, (SECRET,))

    def overtake(request: str) -> None:
        if request.startswith("PATCH"):
            server.before = bool
            cluster.ensure_namespace(SPACE, OTHER, LABELS)

    server.before = overtake
    with pytest.raises(NamespaceTakenError):
        cluster.ensure_namespace(SPACE, ME, LABELS)


def test_a_namespace_that_was_made_anew_meanwhile_is_not_deleted(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)

    def replace(request: str) -> None:
        if request.startswith("DELETE"):
            server.before = bool
            del server.objects["namespaces", "", SPACE]
            server.make("namespaces", "", SPACE)

    server.before = replace
    assert list(cluster.remove_namespace(SPACE, ME)) == []
    found = server.find("namespaces", "", SPACE)
    assert found is not None
    assert "deletionTimestamp" not in found["metadata"]


def test_a_namespace_that_never_rests_is_given_up(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    server.before = lambda request: touch(server) if request.startswith("PATCH") else None
    with pytest.raises(EngineUnavailableError, match="keep changing the namespace tkt-chat"):
        cluster.ensure_namespace(SPACE, ME, dict.fromkeys(LABELS, "baseline"))


def test_a_namespace_that_begins_to_go_during_the_delivery_takes_nothing(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    server.hold(SPACE, "data", "example.org/keep")

    def begin_to_delete(request: str) -> None:
        if "/secrets/" in request:
            space = server.objects["namespaces", "", SPACE]
            space["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    server.before = begin_to_delete
    with pytest.raises(EngineBusyError, match="the namespace tkt-chat is being deleted"):
        cluster.deliver(SPACE, SECRET, supplies(A="1"), ME)


@pytest.mark.parametrize("kind", ["500", "429", "no json", "reset"])
def test_a_cluster_that_is_down_for_good_is_said_to_be_unavailable(
    server: KubernetesStandIn, cluster: KubernetesCluster, kind: str
) -> None:
    fault = server.fault(kind, ".", times=1000)
    with pytest.raises(EngineUnavailableError, match="asked to get namespaces tkt-chat"):
        cluster.ensure_namespace(SPACE, ME, LABELS)
    assert fault.fired > 1


def test_a_token_that_is_not_accepted_is_said_to_be_bad(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    server.tokens = {"another"}
    with pytest.raises(EngineRefusedError, match="does not accept the token"):
        cluster.claims(SPACE)
    assert len(server.requests) == 1  # asking again would not help


USES: dict[tuple[str, str], Callable[[KubernetesCluster], object]] = {
    ("get", "namespaces"): lambda it: it.remove_namespace(SPACE, ME),
    ("create", "namespaces"): lambda it: it.ensure_namespace("tkt-other", ME, LABELS),
    ("patch", "namespaces"): lambda it: it.release_namespace(SPACE, ME, (SECRET,)),
    ("delete", "namespaces"): lambda it: it.remove_namespace(SPACE, ME),
    ("list", "persistentvolumeclaims"): lambda it: it.claims(SPACE),
    ("create", "secrets"): lambda it: it.deliver(SPACE, SECRET, supplies(A="1"), ME),
    ("patch", "secrets"): lambda it: it.deliver(SPACE, SECRET, supplies(A="1"), ME),
    ("delete", "secrets"): lambda it: it.deliver(SPACE, SECRET, {}, ME),
}


@pytest.mark.parametrize("right", USES, ids=" ".join)
def test_a_missing_right_is_named_with_where_it_is_granted(
    server: KubernetesStandIn, cluster: KubernetesCluster, right: tuple[str, str]
) -> None:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    verb, resource = right
    server.rights.discard((verb, "", resource))
    with pytest.raises(EngineRefusedError, match="grants it") as caught:
        USES[right](cluster)
    assert f"{verb}" in str(caught.value)
    assert resource in str(caught.value)
    if resource != "namespaces":
        assert f"in the namespace {SPACE}" in str(caught.value)


def test_an_address_that_is_no_cluster_s_is_said_to_be_none(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    server.groups.remove("")
    with pytest.raises(EngineRefusedError, match="THINKUBE_KUBERNETES_URL"):
        cluster.ensure_namespace(SPACE, ME, LABELS)


def touch(server: KubernetesStandIn) -> None:
    """Change something about the namespace that is none of our business."""
    found = server.objects["namespaces", "", SPACE]
    labels = {**found["metadata"]["labels"], "somebody": "was here", "at": str(server.version)}
    made = {**found, "metadata": {**found["metadata"], "labels": labels}}
    server.store("namespaces", "", SPACE, made)


def touch_once(server: KubernetesStandIn, method: str) -> list[str]:
    touched: list[str] = []

    def act(request: str) -> None:
        if request.startswith(method) and not touched:
            touched.append(method)
            touch(server)

    server.before = act
    return touched
