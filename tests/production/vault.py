"""A store for the real External Secrets: Secrets in a namespace of their own."""

from __future__ import annotations

import base64
import os
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from tests.journeys.installation import wait_until

STORES = "/apis/external-secrets.io/v1/clustersecretstores"
SET = os.environ.get("THINKUBE_TEST_EXTERNAL_SECRETS", "")
REASON = "THINKUBE_TEST_EXTERNAL_SECRETS says whether the cluster has External Secrets"


@dataclass
class Vault:
    """A ClusterSecretStore, of Secrets in a namespace of their own."""

    http: httpx.Client
    name: str

    def make(self) -> None:
        """Make the store as its administrator does, and wait until it is ready."""
        self.apply("/api/v1/namespaces", {"kind": "Namespace"})
        self.apply(f"{self.place}/serviceaccounts", {"kind": "ServiceAccount"})
        rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}]
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.name}"
        version = "rbac.authorization.k8s.io/v1"
        role = {"kind": "Role", "apiVersion": version, "rules": rules}
        self.apply(f"{rbac}/roles", role)
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": self.name}
        granted = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": self.name}
        binding = {"kind": "RoleBinding", "apiVersion": version, "roleRef": granted}
        self.apply(f"{rbac}/rolebindings", {**binding, "subjects": [subject]})
        authority = {"type": "ConfigMap", "name": "kube-root-ca.crt", "namespace": self.name}
        provider = {
            "remoteNamespace": self.name,
            "server": {
                "url": os.environ["THINKUBE_TEST_KUBERNETES_URL"],
                "caProvider": {**authority, "key": "ca.crt"},
            },
            "auth": {"serviceAccount": {"name": self.name, "namespace": self.name}},
        }
        store = {
            "kind": "ClusterSecretStore",
            "apiVersion": "external-secrets.io/v1",
            "spec": {"provider": {"kubernetes": provider}},
        }
        self.apply(STORES, store)
        wait_until(self.is_ready, "the store is ready", 60)

    def put(self, entry: str, field: str, value: str) -> None:
        body = {"kind": "Secret", "stringData": {field: value}}
        self.apply(f"{self.place}/secrets", body, name=entry)

    def is_ready(self) -> bool:
        status = self.http.get(f"{STORES}/{self.name}").json().get("status", {})
        return any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in status.get("conditions", [])
        )

    def remove(self) -> None:
        self.http.delete(f"{STORES}/{self.name}")
        self.http.delete(f"/api/v1/namespaces/{self.name}")

    @property
    def place(self) -> str:
        return f"/api/v1/namespaces/{self.name}"

    def apply(self, place: str, body: dict[str, Any], name: str = "") -> None:
        made = {"apiVersion": "v1", **body, "metadata": {"name": name or self.name}}
        self.http.patch(
            f"{place}/{name or self.name}",
            params={"fieldManager": "tests", "force": "true"},
            json=made,
            headers={"Content-Type": "application/apply-patch+yaml"},
        ).raise_for_status()


@dataclass
class Applied:
    """What has become of an application's secrets, in its namespace."""

    http: httpx.Client
    space: str
    name: str

    def values(self) -> dict[str, str] | None:
        answer = self.http.get(f"/api/v1/namespaces/{self.space}/secrets/{self.name}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return {key: base64.b64decode(it).decode() for key, it in answer.json()["data"].items()}

    def pods(self) -> set[str]:
        found = self.http.get(f"/api/v1/namespaces/{self.space}/pods").json()["items"]
        return {each["metadata"]["uid"] for each in found}

    def let_the_interval_pass(self) -> None:
        """Have everything fetched, by an annotation, as it is documented."""
        group = "/apis/external-secrets.io/v1"
        place = f"{group}/namespaces/{self.space}/externalsecrets/{self.name}"
        body = {"metadata": {"annotations": {"force-sync": uuid.uuid4().hex}}}
        headers = {"Content-Type": "application/merge-patch+json"}
        self.http.patch(place, json=body, headers=headers).raise_for_status()

    def is_gone(self) -> bool:
        answer = self.http.get(f"/api/v1/namespaces/{self.space}")
        return answer.status_code == httpx.codes.NOT_FOUND
