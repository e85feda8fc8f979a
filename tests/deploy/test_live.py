"""The manifests in a real cluster: they are taken, and the account is held to its place."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.contracts.clusters import account_of, live_http
from tests.deploy.live import EXTENSIONS, LiveManifests
from thinkube_catalog.adapters.kubernetes import KubernetesCluster
from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.kubernetes.client import APPLY as APPLY_FORM
from thinkube_catalog.adapters.kubernetes.client import Call, KubernetesClient
from thinkube_catalog.adapters.kubernetes.doctor import check_cluster
from thinkube_catalog.adapters.kubernetes.rights import RIGHTS, SECRETS, WRITE_SECRET

pytestmark = pytest.mark.live

APPLY = {"Content-Type": APPLY_FORM}
MERGE = {"Content-Type": "application/merge-patch+json"}
FORCED = {"fieldManager": "thinkube-catalog", "force": "true"}
THEIRS = "theirs-of-the-tests"


@pytest.fixture(scope="module")
def admin() -> Iterator[httpx.Client]:
    with live_http() as http:
        yield http


@pytest.fixture(scope="module")
def account(admin: httpx.Client) -> Iterator[ClusterAccess]:
    admin.post("/api/v1/namespaces", json={"metadata": {"name": THEIRS}})
    body = {"metadata": {"name": "theirs"}, "stringData": {"word": "canary-of-theirs"}}
    admin.post(f"/api/v1/namespaces/{THEIRS}/secrets", json=body)
    yield account_of(admin)
    admin.delete(f"/api/v1/namespaces/{THEIRS}")


@pytest.fixture(scope="module")
def service(account: ClusterAccess, admin: httpx.Client) -> Iterator[httpx.Client]:
    """The API as the service's account has it."""
    with live_http() as http:
        http.headers["Authorization"] = f"Bearer {account.token()}"
        yield http


def may(admin: httpx.Client, verb: str, group: str, resource: str, namespace: str) -> bool:
    """Ask as the administrator what the account may do."""
    wanted = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    spec = {
        "user": "system:serviceaccount:thinkube-catalog:thinkube-catalog",
        "resourceAttributes": wanted,
    }
    place = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer = admin.post(place, json={"spec": spec}).raise_for_status().json()
    return bool(answer["status"]["allowed"])


def test_every_object_is_taken(account: ClusterAccess, admin: httpx.Client) -> None:
    unknown = LiveManifests(admin).apply(dry=True)
    assert set(unknown) <= EXTENSIONS


def test_the_namespace_s_own_rule_lets_the_pods_in(
    account: ClusterAccess, admin: httpx.Client
) -> None:
    manifests = LiveManifests(admin)
    deadline = time.monotonic() + 90
    while (status := manifests.find("Deployment")["status"]).get("replicas", 0) < 2:
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
    conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
    assert conditions.get("ReplicaFailure") != "True", status


def test_the_account_may_do_what_is_declared(account: ClusterAccess, admin: httpx.Client) -> None:
    for right in RIGHTS:
        resource = right.resource
        assert may(admin, right.verb, resource.group, resource.plural, "tkt-chat"), right
    assert all(check.good for check in check_cluster(account))


@pytest.mark.parametrize("namespace", ["", "tkt-chat", "thinkube-catalog", "argocd", "kube-system"])
def test_the_account_reads_no_secrets(
    account: ClusterAccess, admin: httpx.Client, namespace: str
) -> None:
    for verb in ("get", "list", "watch", "deletecollection", "update"):
        assert not may(admin, verb, SECRETS.group, SECRETS.plural, namespace), verb
    for resource in ("pods", "roles", "rolebindings", "serviceaccounts"):
        assert not may(admin, "create", "", resource, namespace)


def test_of_what_is_written_no_value_comes_back(account: ClusterAccess) -> None:
    name, marker = "tkt-test-written", "written"
    cluster = KubernetesCluster(account, b"key")
    cluster.ensure_namespace(name, marker, {})
    client = KubernetesClient(account)
    body = a_secret("written")
    for _ in range(2):
        call = Call(
            WRITE_SECRET, name, "written", query=FORCED, body=body, form=APPLY_FORM, hidden=True
        )
        answer = client.ask(call)
        assert answer.body["kind"] == "PartialObjectMetadata"
        assert "eA==" not in str(answer.body)
    client.close()
    cluster.remove_namespace(name, marker)
    cluster.close()


def test_the_account_changes_no_secret_of_others(service: httpx.Client) -> None:
    place = f"/api/v1/namespaces/{THEIRS}/secrets"
    applied = service.patch(f"{place}/theirs", params=FORCED, json=a_secret(), headers=APPLY)
    answers = [
        applied,
        service.patch(f"{place}/theirs", json={"metadata": {}}, headers=MERGE),
        service.post(place, json=a_secret("new")),
        service.delete(f"{place}/theirs"),
        service.patch(
            "/api/v1/namespaces/thinkube-catalog/secrets/own",
            params=FORCED,
            json=a_secret("own"),
            headers=APPLY,
        ),
    ]
    for answer in answers:
        assert answer.status_code in {403, 422}, answer.text
        assert "catalog may change only namespaces that it has made" in answer.text
        assert "canary" not in answer.text


def test_the_account_takes_no_namespace_of_others(
    service: httpx.Client, admin: httpx.Client
) -> None:
    mark = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "thinkube-catalog"}}}
    answers = [
        service.patch(f"/api/v1/namespaces/{THEIRS}", json=mark, headers=MERGE),
        service.delete(f"/api/v1/namespaces/{THEIRS}"),
        service.delete("/api/v1/namespaces/thinkube-catalog"),
        service.post("/api/v1/namespaces", json={"metadata": {"name": "tkt-unmarked"}}),
        service.post(
            "/api/v1/namespaces", json={"metadata": {"name": "other", **mark["metadata"]}}
        ),
    ]
    for answer in answers:
        assert answer.status_code in {403, 422}, answer.text
        assert "the catalog may change only namespaces" in answer.text
    assert admin.get(f"/api/v1/namespaces/{THEIRS}").json()["status"]["phase"] == "Active"


def a_secret(name: str = "theirs") -> dict[str, object]:
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"A": "eA=="}}


def test_all_of_it_can_be_deleted(admin: httpx.Client, account: ClusterAccess) -> None:
    manifests = LiveManifests(admin)
    manifests.delete()
    deadline = time.monotonic() + 90
    while admin.get("/api/v1/namespaces/thinkube-catalog").is_success:
        assert time.monotonic() < deadline
        time.sleep(0.5)
