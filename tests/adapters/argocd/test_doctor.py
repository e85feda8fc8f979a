"""What `tkt doctor` says of an Argo CD: what is missing, what is too much, and the mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.administered.argocd import AdministeredArgoCd, administered_argocd, in_cluster, jwt
from thinkube_catalog.adapters.argocd.doctor import ArgoCdView, check_argocd
from thinkube_catalog.adapters.argocd.project import ProjectPlan, manifest
from thinkube_catalog.adapters.argocd.rights import cluster_policy
from thinkube_catalog.domain.checks import Check

PLAN = ProjectPlan(
    name="thinkube",
    organisation_url="https://git.example.org/thinkube-deployments",
    cluster="https://kubernetes.default.svc",
    namespace_prefix="tkt-",
    argocd_namespace="argocd",
)
SECRET = "the-webhook-secret"
YEAR = 365 * 86400


@pytest.fixture
def argocd() -> Iterator[AdministeredArgoCd]:
    with administered_argocd() as made:
        made.projects["thinkube"] = manifest(PLAN)
        made.webhook_secret = lambda: SECRET
        yield made


def look(argocd: AdministeredArgoCd, token: str = "", secret: str = SECRET) -> list[Check]:
    token = token or argocd.issue("thinkube", "catalog", "one", YEAR)
    return check_argocd(ArgoCdView(argocd.url, token, secret, PLAN))


def told(checks: list[Check]) -> str:
    return "\n".join(
        f"{each.name}: {each.message} -> {each.mend}"
        for each in checks
        if each.warning or not each.good
    )


def test_one_that_will_do_is_good_and_nothing_is_made(argocd: AdministeredArgoCd) -> None:
    token = argocd.issue("thinkube", "catalog", "one", YEAR)
    before = argocd.state()
    checks = look(argocd, token)
    assert told(checks) == ""
    assert [check.name for check in checks] == [
        *("argocd", "argocd token", "argocd project thinkube"),
        *("argocd rights", "argocd cluster", "argocd webhooks"),
    ]
    assert argocd.state() == before


def cluster_of(argocd: AdministeredArgoCd, name: str = PLAN.cluster) -> Check:
    """Look with a plan for that cluster, of a project that goes there."""
    plan = replace(PLAN, cluster=name)
    argocd.projects["thinkube"] = manifest(plan)
    token = argocd.issue("thinkube", "catalog", name, YEAR)
    checks = check_argocd(ArgoCdView(argocd.url, token, SECRET, plan))
    (check,) = (it for it in checks if it.name == "argocd cluster")
    assert [it for it in checks if it is not check and (it.warning or not it.good)] == []
    return check


def let_see(argocd: AdministeredArgoCd, address: str) -> None:
    argocd.policies = lambda: cluster_policy("thinkube", address)


def test_a_cluster_is_known_also_where_its_state_may_not_be_seen(
    argocd: AdministeredArgoCd,
) -> None:
    check = cluster_of(argocd)
    assert (check.good, "this token may not see" in check.message) == (True, True)
    assert argocd.applications == {}


@pytest.mark.parametrize("name", [PLAN.cluster, "in-cluster"])
def test_a_cluster_that_is_reached_is_told_with_its_version(
    argocd: AdministeredArgoCd, name: str
) -> None:
    let_see(argocd, PLAN.cluster)
    check = cluster_of(argocd, name)
    assert check.good
    assert check.message == f"Argo CD reaches {PLAN.cluster} (in-cluster), version v1.35.5"


def test_a_cluster_that_is_not_reached_is_told(argocd: AdministeredArgoCd) -> None:
    let_see(argocd, PLAN.cluster)
    argocd.clusters = [in_cluster("Failed", "dial tcp 10.0.0.1:443: connect: refused")]
    check = cluster_of(argocd)
    assert (check.good, "dial tcp" in check.message) == (False, True)
    assert "argocd-application-controller" in check.mend


def test_a_cluster_without_applications_is_not_looked_at_by_argo_cd(
    argocd: AdministeredArgoCd,
) -> None:
    let_see(argocd, PLAN.cluster)
    argocd.clusters = [in_cluster("Unknown", "Cluster has no applications")]
    check = cluster_of(argocd)
    assert (check.good, "with the first application" in check.message) == (True, True)


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        (PLAN.cluster, "cluster.inClusterEnabled"),
        ("https://10.9.8.7:6443", "argocd cluster add CONTEXT, or"),
        ("gpus", "argocd cluster add CONTEXT --name gpus"),
    ],
)
def test_a_cluster_that_is_not_known_is_told(
    argocd: AdministeredArgoCd, name: str, mend: str
) -> None:
    argocd.clusters = []
    check = cluster_of(argocd, name)
    assert (check.good, mend in check.mend) == (False, True)
    assert "rpc error" not in check.message


def test_in_a_project_that_takes_everything_nothing_is_left(argocd: AdministeredArgoCd) -> None:
    argocd.projects["thinkube"]["spec"]["sourceRepos"] = ["*"]
    checks = look(argocd)
    assert any(it.name == "argocd cluster" and it.good for it in checks)
    assert argocd.applications == {}


def test_webhooks_are_tried_with_a_push_that_concerns_nobody(argocd: AdministeredArgoCd) -> None:
    look(argocd)
    (taken,) = argocd.webhooks
    assert taken["repository"]["html_url"].split("/")[2].endswith(".invalid")


def test_one_that_does_not_answer_is_one_finding() -> None:
    (check,) = check_argocd(ArgoCdView("http://127.0.0.1:9", "x", "", PLAN))
    assert not check.good
    assert "THINKUBE_ARGOCD_URL" in check.mend


@pytest.mark.parametrize(("version", "good"), [("v2.14.9", False), ("v3.0.0", True)])
def test_old_versions_are_told(argocd: AdministeredArgoCd, version: str, good: bool) -> None:
    argocd.version = version
    assert look(argocd)[0].good is good


def test_newer_ones_than_were_tried_are_good(argocd: AdministeredArgoCd) -> None:
    argocd.version = "v4.0.0"
    assert "newer than was tried" in look(argocd)[0].message


def test_a_token_that_is_not_accepted_is_told(argocd: AdministeredArgoCd) -> None:
    stranger = jwt(sub="proj:thinkube:catalog", jti="never made")
    assert "argocd token" in told(look(argocd, stranger))


def test_a_token_that_has_ended_says_when(argocd: AdministeredArgoCd) -> None:
    ended = jwt(sub="proj:thinkube:catalog", jti="x", exp=1_000_000_000)
    assert "ended on 2001-09-09 -> run tkt bootstrap" in told(look(argocd, ended))


@pytest.mark.parametrize(("seconds", "said"), [(86400, "ends on"), (0, "never ends")])
def test_a_token_is_told_that_ends_soon_or_never(
    argocd: AdministeredArgoCd, seconds: int, said: str
) -> None:
    checks = look(argocd, argocd.issue("thinkube", "catalog", "two", seconds))
    assert said in told(checks)
    assert all(check.good for check in checks)


def test_a_token_of_an_account_is_told(argocd: AdministeredArgoCd) -> None:
    token = jwt(sub="admin", jti="x")
    argocd.sessions[token] = "admin"
    assert "admin's, who is no role of the project" in told(look(argocd, token))


def _no_project(argocd: AdministeredArgoCd) -> None:
    argocd.projects["other"] = argocd.projects.pop("thinkube")


def _other_repositories(argocd: AdministeredArgoCd) -> None:
    argocd.projects["thinkube"]["spec"]["sourceRepos"] = ["https://git.example.org/other/*"]


def _other_namespaces(argocd: AdministeredArgoCd) -> None:
    argocd.projects["thinkube"]["spec"]["destinations"][0]["namespace"] = "other-*"


def _no_sync(argocd: AdministeredArgoCd) -> None:
    policies = argocd.projects["thinkube"]["spec"]["roles"][0]["policies"]
    policies[:] = [line for line in policies if "sync" not in line]


def _no_volumes(argocd: AdministeredArgoCd) -> None:
    policies = argocd.projects["thinkube"]["spec"]["roles"][0]["policies"]
    policies[:] = [line for line in policies if "PersistentVolumeClaim" not in line]


def _broken_repository(argocd: AdministeredArgoCd) -> None:
    state = {"status": "Failed", "message": "authentication required"}
    url = f"{PLAN.organisation_url}/chat.git"
    argocd.repositories.append({"repo": url, "project": "thinkube", "connectionState": state})


def _other_secret(argocd: AdministeredArgoCd) -> None:
    argocd.webhook_secret = lambda: "another"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_other_repositories, "does not take repositories from https://git.example.org/thinkube-"),
        (_other_namespaces, "does not reach tkt-*"),
        (_no_sync, "lacks applications sync"),
        (_no_volumes, "lacks applications update//PersistentVolumeClaim"),
        (_broken_repository, "chat.git: authentication required"),
        (_other_secret, "is another"),
    ],
)
def test_each_fault_is_told_with_its_mend(
    argocd: AdministeredArgoCd, spoil: Callable[[AdministeredArgoCd], None], said: str
) -> None:
    spoil(argocd)
    checks = look(argocd)
    assert said in told(checks)
    assert all(check.mend for check in checks if not check.good)
    assert not all(check.good for check in checks)


def test_a_project_that_is_not_there_is_told(argocd: AdministeredArgoCd) -> None:
    token = jwt(sub="admin", jti="x")
    argocd.sessions[token] = "admin"
    _no_project(argocd)
    assert "is not there, or not to be seen" in told(look(argocd, token))


def test_webhooks_of_anybody_are_told_and_none_at_all_are_fine(
    argocd: AdministeredArgoCd,
) -> None:
    argocd.webhook_secret = str
    assert "takes them from anybody" in told(look(argocd))
    argocd.webhook_secret = lambda: "of others"
    assert told(look(argocd, argocd.issue("thinkube", "catalog", "2", YEAR), secret="")) == ""
