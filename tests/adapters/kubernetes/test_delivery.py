"""Secrets on their way into a namespace: what is asked of the cluster, and what never leaves."""

from __future__ import annotations

import base64
import logging

import pytest

from tests.contracts.test_cluster import LABELS, ME, PULLS, SECRET, supplies
from tests.kubernetes_stand_in import TOKEN, KubernetesStandIn
from thinkube_catalog.adapters.argocd.cluster import RegistryAccount
from thinkube_catalog.adapters.kubernetes import KubernetesCluster, cluster_access
from thinkube_catalog.domain.gitops import EngineUnavailableError
from thinkube_catalog.domain.secrets import SecretValue

SPACE = "tkt-chat"
CANARY = "canary-of-the-delivery"
ENCODED = base64.b64encode(CANARY.encode()).decode()


@pytest.fixture(autouse=True)
def space(cluster: KubernetesCluster) -> str:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    return SPACE


def test_a_secret_is_ours_to_recognise(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    cluster.deliver(SPACE, SECRET, supplies(A="1"), ME)
    labels = server.objects["secrets", SPACE, SECRET]["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/managed-by": "thinkube-catalog"}


def test_the_cluster_never_sends_a_value_back(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    cluster.deliver(SPACE, SECRET, supplies(A=CANARY), ME)
    cluster.deliver(SPACE, SECRET, supplies(A=CANARY, B="2"), ME)
    cluster.release_namespace(SPACE, ME, (SECRET,))
    assert server.answered
    assert not any(ENCODED in each for each in server.answered)


def test_what_images_are_pulled_by_is_written_as_kubelets_read_it_and_never_sent_back(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    account = RegistryAccount("git.example.org", "puller", SecretValue(CANARY))
    for _ in range(2):
        cluster.allow_pulls(SPACE, PULLS, account, ME)
    secret = server.objects["secrets", SPACE, PULLS]
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    assert secret["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "thinkube-catalog"}
    assert list(secret["data"]) == [".dockerconfigjson"]
    inside = base64.b64decode(secret["data"][".dockerconfigjson"]).decode()
    assert CANARY in inside
    assert not any(secret["data"][".dockerconfigjson"] in each for each in server.answered)


def test_no_error_about_pulls_has_the_token(
    server: KubernetesStandIn, cluster: KubernetesCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    account = RegistryAccount("git.example.org", "puller", SecretValue(CANARY))
    for kind in ("echo", "500"):
        fault = server.fault(kind, "/secrets/", times=1000)
        with pytest.raises(EngineUnavailableError) as caught:
            cluster.allow_pulls(SPACE, PULLS, account, ME)
        fault.times = 0
        said = f"{caught.value!r} {caught.value} {caplog.text}"
        assert CANARY not in said
        assert base64.b64encode(f"puller:{CANARY}".encode()).decode() not in said
        assert CANARY not in repr(account)


@pytest.mark.parametrize(
    "kind", ["drop after", "500", "429", "half a body", "no json", "reset", "refuse", "echo"]
)
def test_no_error_and_no_log_line_has_a_value(
    server: KubernetesStandIn,
    cluster: KubernetesCluster,
    kind: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    if kind == "refuse":
        server.rights.discard(("patch", "", "secrets"))
    else:
        server.fault(kind, "/secrets/", times=1000)
    with pytest.raises(EngineUnavailableError) as caught:
        cluster.deliver(SPACE, SECRET, supplies(A=CANARY), ME)
    error: BaseException | None = caught.value
    while error is not None:
        assert CANARY not in repr(error)
        assert ENCODED not in repr(error)
        error = error.__cause__
    assert CANARY not in caplog.text
    assert ENCODED not in caplog.text


def test_a_revision_comes_back_with_its_values(cluster: KubernetesCluster) -> None:
    first = cluster.deliver(SPACE, SECRET, supplies(A="1"), ME)
    cluster.deliver(SPACE, SECRET, supplies(A="2"), ME)
    assert cluster.deliver(SPACE, SECRET, supplies(A="1"), ME) == first


def test_revisions_of_another_key_are_others(
    server: KubernetesStandIn, cluster: KubernetesCluster
) -> None:
    other = KubernetesCluster(cluster_access(server.url, TOKEN, None), b"another key")
    here, there = (it.deliver(SPACE, SECRET, supplies(A="1"), ME) for it in (cluster, other))
    assert here.revision != there.revision
    other.close()
