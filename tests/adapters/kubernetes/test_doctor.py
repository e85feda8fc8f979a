"""What `tkt doctor` says about a cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.kubernetes_stand_in import TOKEN, KubernetesStandIn
from thinkube_catalog.adapters.kubernetes import cluster_access
from thinkube_catalog.adapters.kubernetes.doctor import check_cluster
from thinkube_catalog.adapters.kubernetes.survey import survey_cluster
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.settings import PREFIX, load_settings
from thinkube_catalog.wiring.doctor import examine


def checked(server: KubernetesStandIn) -> dict[str, Check]:
    access = cluster_access(server.url, TOKEN, None)
    return {each.name: each for each in check_cluster(access)}


def test_with_the_rights_of_the_manifest_all_is_well(server: KubernetesStandIn) -> None:
    assert all(each.good for each in checked(server).values())


def test_rights_that_are_missing_are_named_with_what_they_are_for(
    server: KubernetesStandIn,
) -> None:
    server.rights -= {("patch", "", "secrets"), ("create", "", "namespaces")}
    check = checked(server)["cluster"]
    assert not check.good
    assert "create namespaces (to give an application a namespace of its own)" in check.message
    assert "patch secrets" in check.message
    assert check.mend == "apply deploy/base/rights.yaml"


def test_an_account_that_reads_secrets_has_too_many_rights(server: KubernetesStandIn) -> None:
    server.rights |= {("get", "", "secrets"), ("list", "", "secrets")}
    check = checked(server)["cluster secrets"]
    assert (check.good, "may get, list secrets" in check.message) == (False, True)


def a_store(**condition: str) -> dict[str, object]:
    return {"status": {"conditions": [{"type": "Ready", **condition}]}}


VALID = a_store(status="True", reason="Valid", message="store validated")
BAD = a_store(status="False", reason="InvalidProviderConfig", message="unable to validate store")


@pytest.mark.parametrize(
    ("store", "good", "told", "mend"),
    [
        (VALID, True, "is ready (Valid: store validated)", ""),
        (BAD, False, "is not ready (InvalidProviderConfig: unable to", "kubectl describe"),
        ({}, False, "has not looked at", "External Secrets runs"),
        (None, False, "is not there", "THINKUBE_SECRET_STORE"),
    ],
)
def test_the_store_that_secrets_are_fetched_from_is_looked_at(
    server: KubernetesStandIn, store: dict[str, object] | None, good: bool, told: str, mend: str
) -> None:
    if store is not None:
        server.make("clustersecretstores", "", "vault", **store)
    check = surveyed(server, "vault")
    assert (check.good, told in check.message, mend in check.mend) == (good, True, True)


def test_a_store_that_may_not_be_seen_says_where_the_right_is_granted(
    server: KubernetesStandIn,
) -> None:
    server.rights.discard(("get", "external-secrets.io", "clustersecretstores"))
    check = surveyed(server, "vault")
    assert (check.good, check.mend) == (False, "apply deploy/base/rights.yaml")


def surveyed(server: KubernetesStandIn, store: str) -> Check:
    access = cluster_access(server.url, TOKEN, None)
    checks = {each.name: each for each in survey_cluster(access, "tkt-", [], store)}
    return checks["cluster secret store"]


@pytest.mark.parametrize("token", [TOKEN, "wrong"])
def test_the_doctor_of_an_installation_looks_at_its_cluster(
    server: KubernetesStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    values = {
        "FORGE": "gitea",
        "GITEA_URL": "http://127.0.0.1:9",
        "GITEA_TOKEN": "x",
        "ENGINE": "argocd",
        "ARGOCD_URL": "http://127.0.0.1:9",
        "ARGOCD_TOKEN": "x",
        "KUBERNETES_URL": server.url,
        "KUBERNETES_TOKEN": token,
        "DATA_DIR": str(tmp_path),
    }
    for name in [each for each in os.environ if each.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in values.items():
        monkeypatch.setenv(f"THINKUBE_{name}", value)
    checks = {each.name: each for each in examine(load_settings())}
    assert checks["cluster"].good is (token == TOKEN)
    assert token == TOKEN or "THINKUBE_KUBERNETES_TOKEN" in checks["cluster"].message
