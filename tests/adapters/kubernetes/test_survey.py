"""What `tkt doctor` says of a cluster beside our rights: version, kinds, power, GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.administered.cluster import ACCOUNT, AdministeredCluster, administered_cluster
from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.kubernetes.administration import path_of
from thinkube_catalog.adapters.kubernetes.bootstrap import ClusterPlan, service_objects
from thinkube_catalog.adapters.kubernetes.survey import Needed, survey_cluster
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.domain.gitops import EngineRefusedError
from thinkube_catalog.wiring.bootstrap import MANIFESTS

PLAN = ClusterPlan(
    manifests=MANIFESTS,
    namespace_prefix="tkt-",
    argocd_namespace="argocd",
    webhook_setting="",
    token_setting="",
    token_days=1,
    project="thinkube",
    cluster=lambda: "https://kubernetes.default.svc",
)
OURS = "the-token-of-the-account"
ROUTES = Needed(
    kind="HTTPRoute",
    plural="httproutes",
    group_version="gateway.networking.k8s.io/v1",
    why="routes are made",
    mend="install it",
)


@pytest.fixture
def cluster() -> Iterator[AdministeredCluster]:
    with administered_cluster() as made:
        made.tokens[OURS] = ACCOUNT
        install(made, PLAN)
        made.groups["gateway.networking.k8s.io/v1"] = ["gateways", "httproutes"]
        yield made


def install(cluster: AdministeredCluster, plan: ClusterPlan) -> None:
    for each in service_objects(plan):
        metadata = each["metadata"]
        path = path_of(each["kind"], metadata.get("namespace", ""), metadata["name"])
        cluster.objects[path] = {**each}


def look(cluster: AdministeredCluster, token: str = OURS) -> dict[str, Check]:
    access = ClusterAccess(cluster.url, lambda: token)
    return {check.name: check for check in survey_cluster(access, "tkt-", [ROUTES])}


def test_one_that_will_do_is_good(cluster: AdministeredCluster) -> None:
    checks = look(cluster)
    assert set(checks) == {"cluster version", "cluster namespaces", "cluster HTTPRoute"}
    assert all(check.good and not check.warning for check in checks.values())


@pytest.mark.parametrize(("minor", "good"), [("29", False), ("30", True), ("32+", True)])
def test_old_versions_are_told(cluster: AdministeredCluster, minor: str, good: bool) -> None:
    cluster.version = ("1", minor)
    assert look(cluster)["cluster version"].good is good


@pytest.mark.parametrize("groups", [{}, {"gateway.networking.k8s.io/v1": ["gateways"]}])
def test_a_kind_that_is_not_known_is_told(
    cluster: AdministeredCluster, groups: dict[str, list[str]]
) -> None:
    cluster.groups = groups
    check = look(cluster)["cluster HTTPRoute"]
    assert (check.good, check.mend, "routes are made" in check.message) == (
        False,
        "install it",
        True,
    )


def test_an_account_that_may_do_everything_is_told(cluster: AdministeredCluster) -> None:
    cluster.allowed = {("*", "*", "*")}
    assert look(cluster)["cluster power"].warning


def test_a_cluster_that_admits_every_namespace_is_a_warning(cluster: AdministeredCluster) -> None:
    for path in [each for each in cluster.objects if "admission" in each]:
        del cluster.objects[path]
    check = look(cluster)["cluster namespaces"]
    assert (check.warning, "admission.yaml" in check.mend) == (True, True)
    assert "/api/v1/namespaces/tkt-catalog-doctor" not in cluster.objects


def test_a_policy_with_another_prefix_is_told(cluster: AdministeredCluster) -> None:
    install(cluster, replace(PLAN, namespace_prefix="app-"))
    check = look(cluster)["cluster namespaces"]
    assert (check.good, "may not be made" in check.message) == (False, True)


def test_gpus_are_counted_where_nodes_may_be_seen(cluster: AdministeredCluster) -> None:
    cluster.sees_nodes = True
    cluster.nodes = [
        {"status": {"allocatable": {"nvidia.com/gpu": "2", "cpu": "8"}}},
        {"status": {"allocatable": {"nvidia.com/gpu": "1"}}},
    ]
    assert look(cluster)["cluster gpus"].message == "3 (nvidia.com/gpu)"
    cluster.nodes = []
    assert "none" in look(cluster)["cluster gpus"].message


def test_a_token_that_is_not_accepted_is_refused(cluster: AdministeredCluster) -> None:
    with pytest.raises(EngineRefusedError):
        look(cluster, "wrong")
