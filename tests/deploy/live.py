"""The manifests of the service in a real cluster, by its administrator's connection."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.deploy.manifests import Plain, base, identity, overlaid

PLURALS = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "NetworkPolicy": "networkpolicies",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "HTTPRoute": "httproutes",
    "ServiceMonitor": "servicemonitors",
    "Namespace": "namespaces",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
EXTENSIONS = {"HTTPRoute", "ServiceMonitor"}
"""Kinds that a bare cluster does not know."""


class LiveManifests:
    """What `kubectl apply --server-side -k` would do, and what comes of it."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def apply(self, *, dry: bool = False) -> list[str]:
        """Apply every object whose kind the cluster knows; return the kinds of the others."""
        unknown = []
        for made in overlaid():
            query = {"fieldManager": "tests", "force": "true", **({"dryRun": "All"} if dry else {})}
            answer = self.http.patch(
                path(made),
                params=query,
                json=made,
                headers={"Content-Type": "application/apply-patch+yaml"},
            )
            if answer.status_code == httpx.codes.NOT_FOUND and made["kind"] in EXTENSIONS:
                unknown.append(made["kind"])
            else:
                assert answer.is_success, (identity(made), answer.text)
        return unknown

    def delete(self) -> None:
        """Delete everything, the namespace last."""
        for made in reversed(base()):
            answer = self.http.delete(path(made))
            assert answer.is_success or answer.status_code == httpx.codes.NOT_FOUND, answer.text

    def token(self) -> str:
        """Return a token of the service's account."""
        place = "/api/v1/namespaces/thinkube-catalog/serviceaccounts/thinkube-catalog/token"
        body = {"spec": {"expirationSeconds": 3600}}
        answer = self.http.post(place, json=body).raise_for_status()
        return str(answer.json()["status"]["token"])

    def wait_until_watched(self) -> None:
        """Wait until the admission policy, which is read with a delay, has an effect."""
        token = {"Authorization": f"Bearer {self.token()}"}
        body = {"metadata": {"name": "forbidden-to-the-catalog"}}
        deadline = time.monotonic() + 60
        while True:
            answer = self.http.post(
                "/api/v1/namespaces", params={"dryRun": "All"}, json=body, headers=token
            )
            if not answer.is_success:
                assert "catalog may change only" in answer.text, answer.text
                return
            assert time.monotonic() < deadline, "the admission policy has no effect"
            time.sleep(0.2)

    def find(self, kind: str, name: str = "thinkube-catalog") -> Any:
        (made,) = (it for it in base() if (it["kind"], it["metadata"]["name"]) == (kind, name))
        return self.http.get(path(made)).raise_for_status().json()


def path(made: Plain) -> str:
    """Return the path of an object in the API."""
    group, _, version = made["apiVersion"].rpartition("/")
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    kind, namespace, name = identity(made)
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{inside}/{PLURALS[kind]}/{name}"
