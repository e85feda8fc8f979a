"""How the cluster's API is found and trusted, in a pod and outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.clusters import REVISION_KEY
from tests.kubernetes_stand_in import TOKEN, KubernetesStandIn
from thinkube_catalog.adapters.kubernetes import (
    KubernetesCluster,
    NoClusterError,
    cluster_access,
)
from thinkube_catalog.domain.gitops import EngineRefusedError, EngineUnavailableError

POD = {"KUBERNETES_SERVICE_HOST": "10.43.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """What a pod finds of its service account."""
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "ca.crt").write_text("")
    return tmp_path


def test_a_pod_is_told_by_its_cluster(account: Path) -> None:
    access = cluster_access("", "", None, POD, account)
    assert (access.url, access.token(), access.ca) == (
        "https://10.43.0.1:443",
        "first",
        account / "ca.crt",
    )


def test_an_address_of_version_6_is_written_in_brackets(account: Path) -> None:
    access = cluster_access("", "", None, {"KUBERNETES_SERVICE_HOST": "fd00::1"}, account)
    assert access.url == "https://[fd00::1]:443"


def test_settings_come_before_what_the_pod_is_told(account: Path, tmp_path: Path) -> None:
    ca = tmp_path / "own.crt"
    access = cluster_access("https://k8s.example.org:6443", "mine", ca, POD, account)
    assert (access.url, access.token(), access.ca) == ("https://k8s.example.org:6443", "mine", ca)


def test_another_cluster_is_not_trusted_by_the_certificates_of_the_pod_s_own(account: Path) -> None:
    assert cluster_access("https://k8s.example.org", "mine", None, POD, account).ca is None


@pytest.mark.parametrize(("environment", "missing"), [({}, "no pod"), (POD, "no token")])
def test_outside_a_pod_it_is_said_what_is_missing(
    account: Path, environment: dict[str, str], missing: str
) -> None:
    place = account / "nowhere" if environment else account
    with pytest.raises(NoClusterError, match=f"{missing}.*THINKUBE_KUBERNETES_URL"):
        cluster_access("", "", None, environment, place)


def test_a_rotated_token_is_taken_at_once(server: KubernetesStandIn, account: Path) -> None:
    (account / "token").write_text(TOKEN)
    cluster = KubernetesCluster(cluster_access(server.url, "", None, {}, account), REVISION_KEY)
    assert list(cluster.claims("tkt-chat")) == []
    server.tokens = {"rotated"}
    (account / "token").write_text("rotated\n")
    assert list(cluster.claims("tkt-chat")) == []
    cluster.close()


def test_a_token_that_cannot_be_read_is_an_unavailable_cluster(
    server: KubernetesStandIn, account: Path
) -> None:
    access = cluster_access(server.url, "", None, {}, account)
    cluster = KubernetesCluster(access, REVISION_KEY, seconds=1)
    (account / "token").unlink()
    with pytest.raises(EngineUnavailableError, match="No such file"):
        cluster.claims("tkt-chat")
    cluster.close()


def test_certificates_that_are_none_are_said_to_be(account: Path) -> None:
    with pytest.raises(EngineRefusedError, match="see THINKUBE_KUBERNETES_CA"):
        KubernetesCluster(cluster_access("", "", None, POD, account), REVISION_KEY)
