"""Clusters for the contract suite, each with a way to change it as somebody else would."""

from __future__ import annotations

import base64
import json
import os
import ssl
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from tests.deploy.live import LiveManifests
from tests.kubernetes_stand_in import TOKEN, KubernetesStandIn, kubernetes_stand_in
from thinkube_catalog.adapters.argocd.cluster import Cluster
from thinkube_catalog.adapters.kubernetes import KubernetesCluster, cluster_access
from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.memory.cluster import MemoryCluster, Namespace
from thinkube_catalog.domain.secrets import SecretValue

REVISION_KEY = b"the same for every process"


class Outside(Protocol):
    """The cluster as its administrator sees it."""

    def make_namespace(self, name: str) -> None:
        """Make a namespace that is not ours."""
        ...

    def labels(self, namespace: str) -> dict[str, str] | None:
        """Return a namespace's labels; None if there is none."""
        ...

    def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        """Return what a Secret holds; None if there is none."""
        ...

    def put_into_secret(self, namespace: str, name: str, key: str, value: str) -> None:
        """Put one more value into a Secret, by hand."""
        ...

    def puller(self, namespace: str, name: str, registry: str) -> tuple[str, str] | None:
        """Return as whom, and by what, kubelets pull from a registry; None if by nobody."""
        ...

    def make_claim(self, namespace: str, name: str, finalizer: str = "") -> None:
        """Make a volume claim that is not gone before its finalizer is."""
        ...

    def let_go(self, namespace: str, claim: str) -> None:
        """Take the finalizers of a volume claim away."""
        ...


@dataclass
class Bench:
    """A cluster, the same one as another process has it, and how it looks from outside."""

    cluster: Cluster
    again: Cluster
    outside: Outside
    prefix: str = "tkt-"


@dataclass
class StandInOutside:
    server: KubernetesStandIn

    def make_namespace(self, name: str) -> None:
        self.server.make("namespaces", "", name)

    def labels(self, namespace: str) -> dict[str, str] | None:
        found = self.server.find("namespaces", "", namespace)
        return None if found is None else found["metadata"].get("labels", {})

    def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        found = self.server.find("secrets", namespace, name)
        return None if found is None else _plain(found.get("data") or {})

    def puller(self, namespace: str, name: str, registry: str) -> tuple[str, str] | None:
        return _puller(self.server.find("secrets", namespace, name), registry)

    def put_into_secret(self, namespace: str, name: str, key: str, value: str) -> None:
        secret = self.server.objects["secrets", namespace, name]
        secret["data"][key] = base64.b64encode(value.encode()).decode()
        owner = {"manager": "kubectl-edit", "fieldsV1": {"f:data": {f"f:{key}": {}}}}
        secret["metadata"]["managedFields"].append(owner)

    def make_claim(self, namespace: str, name: str, finalizer: str = "") -> None:
        metadata = {"finalizers": [finalizer]} if finalizer else {}
        self.server.make("persistentvolumeclaims", namespace, name, metadata=metadata)

    def let_go(self, namespace: str, claim: str) -> None:
        self.server.let_go(namespace, claim)


@dataclass
class MemoryOutside:
    memory: MemoryCluster

    def make_namespace(self, name: str) -> None:
        self.memory.namespaces[name] = Namespace(marker=None)

    def labels(self, namespace: str) -> dict[str, str] | None:
        found = self.memory.namespaces.get(namespace)
        return None if found is None else dict(found.labels)

    def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        found = self.memory.namespaces[namespace].secrets.get(name)
        return None if found is None else {key: it.reveal() for key, it in found.values.items()}

    def puller(self, namespace: str, name: str, registry: str) -> tuple[str, str] | None:
        found = self.memory.namespaces[namespace].pulls.get(name)
        if found is None or found.registry != registry:
            return None
        return found.user, found.token.reveal()

    def put_into_secret(self, namespace: str, name: str, key: str, value: str) -> None:
        found = self.memory.namespaces[namespace].secrets[name]
        found.values = {**found.values, key: SecretValue(value)}

    def make_claim(self, namespace: str, name: str, finalizer: str = "") -> None:
        self.memory.namespaces[namespace].claims.append(name)
        if finalizer:
            self.memory.namespaces[namespace].held[f"volume claim {name}"] = finalizer

    def let_go(self, namespace: str, claim: str) -> None:
        del self.memory.namespaces[namespace].held[f"volume claim {claim}"]


class LiveOutside:
    """A real API server, with an administrator's token."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def make_namespace(self, name: str) -> None:
        self._ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def labels(self, namespace: str) -> dict[str, str] | None:
        found = self._find(f"/api/v1/namespaces/{namespace}")
        return None if found is None else found["metadata"].get("labels", {})

    def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        found = self._find(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        return None if found is None else _plain(found.get("data") or {})

    def puller(self, namespace: str, name: str, registry: str) -> tuple[str, str] | None:
        found = self._find(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        return _puller(found, registry)

    def put_into_secret(self, namespace: str, name: str, key: str, value: str) -> None:
        headers = {"Content-Type": "application/merge-patch+json"}
        place = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        body = {"stringData": {key: value}}
        self.http.patch(place, json=body, headers=headers).raise_for_status()

    def make_claim(self, namespace: str, name: str, finalizer: str = "") -> None:
        metadata = {"name": name, "finalizers": [finalizer] if finalizer else []}
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
            "storageClassName": "none",
        }
        self._ask("POST", _claims(namespace), {"metadata": metadata, "spec": spec})

    def let_go(self, namespace: str, claim: str) -> None:
        body = {"metadata": {"finalizers": None}}
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = self.http.patch(f"{_claims(namespace)}/{claim}", json=body, headers=headers)
        answer.raise_for_status()

    def tidy(self, prefix: str) -> None:
        """Delete every namespace that the tests have made."""
        for each in self._ask("GET", "/api/v1/namespaces")["items"]:
            name = each["metadata"]["name"]
            if not name.startswith(prefix):
                continue
            for claim in self._ask("GET", _claims(name))["items"]:
                self.let_go(name, claim["metadata"]["name"])
            self.http.delete(f"/api/v1/namespaces/{name}")

    def _find(self, path: str) -> dict[str, Any] | None:
        answer = self.http.get(path)
        found: dict[str, Any] = answer.json()
        return None if answer.status_code == httpx.codes.NOT_FOUND else found

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer: dict[str, Any] = (
            self.http.request(method, path, json=body).raise_for_status().json()
        )
        return answer


@contextmanager
def memory_bench() -> Iterator[Bench]:
    memory = MemoryCluster()
    yield Bench(memory, memory, MemoryOutside(memory))


@contextmanager
def stand_in_bench() -> Iterator[Bench]:
    """The real adapter on a server that stands in."""
    with kubernetes_stand_in() as server:
        access = cluster_access(server.url, TOKEN, None)
        one, other = (KubernetesCluster(access, REVISION_KEY, seconds=10) for _ in range(2))
        yield Bench(one, other, StandInOutside(server))
        one.close()
        other.close()


@contextmanager
def live_bench() -> Iterator[Bench]:
    """The real adapter on a real API server, with the account and the rights of `deploy/`."""
    prefix = f"tkt-test-{uuid.uuid4().hex[:6]}-"
    with ExitStack() as opened:
        http = opened.enter_context(live_http())
        access = account_of(http)
        one, other = (
            opened.enter_context(closing(KubernetesCluster(access, REVISION_KEY))) for _ in range(2)
        )
        outside = LiveOutside(http)
        opened.callback(outside.tidy, prefix)
        yield Bench(one, other, outside, prefix)


def account_of(http: httpx.Client) -> ClusterAccess:
    """Put the manifests of `deploy/` into the cluster, and sign in as the service's account."""
    manifests = LiveManifests(http)
    manifests.apply()
    manifests.wait_until_watched()
    url, ca = (os.environ[f"THINKUBE_TEST_KUBERNETES_{name}"] for name in ("URL", "CA"))
    return cluster_access(url, manifests.token(), Path(ca))


def live_http() -> httpx.Client:
    """Return a connection to the real API server as its administrator."""
    return httpx.Client(
        base_url=os.environ["THINKUBE_TEST_KUBERNETES_URL"],
        headers={"Authorization": f"Bearer {os.environ['THINKUBE_TEST_KUBERNETES_TOKEN']}"},
        verify=ssl.create_default_context(cafile=os.environ["THINKUBE_TEST_KUBERNETES_CA"]),
        trust_env=False,
        timeout=30,
    )


def _claims(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"


def _puller(secret: dict[str, Any] | None, registry: str) -> tuple[str, str] | None:
    """Read a Secret as kubelets do: by its type, and by what stands under the registry alone."""
    if secret is None or secret.get("type") != "kubernetes.io/dockerconfigjson":
        return None
    accounts = json.loads(_plain(secret["data"])[".dockerconfigjson"])["auths"]
    if registry not in accounts:
        return None
    user, _, token = base64.b64decode(accounts[registry]["auth"]).decode().partition(":")
    assert (user, token) == (accounts[registry]["username"], accounts[registry]["password"])
    return user, token


def _plain(data: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in data.items()}
