"""A cluster with an administrator's rights, as a kubeconfig gives them; for bootstrap alone."""

from __future__ import annotations

import base64
import binascii
import json
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import yaml

from thinkube_catalog.domain.bootstrap import ImpossibleError
from thinkube_catalog.domain.errors import UnavailableError

_MANAGER = "thinkube-bootstrap"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_REASON_LENGTH = 300


class ClusterUnansweredError(UnavailableError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the cluster's API: {reason}")


@dataclass(frozen=True)
class Place:
    """Where objects of a kind are."""

    root: str
    plural: str
    in_namespace: bool = True


PLACES: Mapping[str, Place] = {
    "Namespace": Place("api/v1", "namespaces", in_namespace=False),
    "ServiceAccount": Place("api/v1", "serviceaccounts"),
    "Secret": Place("api/v1", "secrets"),
    "ConfigMap": Place("api/v1", "configmaps"),
    "ClusterRole": Place("apis/rbac.authorization.k8s.io/v1", "clusterroles", in_namespace=False),
    "ClusterRoleBinding": Place(
        "apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", in_namespace=False
    ),
    "ValidatingAdmissionPolicy": Place(
        "apis/admissionregistration.k8s.io/v1", "validatingadmissionpolicies", in_namespace=False
    ),
    "ValidatingAdmissionPolicyBinding": Place(
        "apis/admissionregistration.k8s.io/v1",
        "validatingadmissionpolicybindings",
        in_namespace=False,
    ),
}
"""Every kind that bootstrap makes."""


class ClusterAdministration:
    """Objects by kind and name, with the account of a kubeconfig's current context."""

    def __init__(self, kubeconfig: Path, seconds: float) -> None:
        """Raises ImpossibleError where the file does not give what is needed."""
        access = _access(kubeconfig)
        self.url = access.url
        self._http = httpx.Client(
            base_url=access.url,
            verify=access.trust,
            headers={"Authorization": f"Bearer {access.token}"} if access.token else {},
            follow_redirects=False,
            trust_env=False,  # a proxy for the internet does not lead to the cluster
            timeout=seconds,
        )

    def close(self) -> None:
        self._http.close()

    def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object; None if there is none. Raises ClusterUnansweredError."""
        return self._ask("GET", path_of(kind, namespace, name), None, "", f"reading {kind} {name}")

    def apply(self, object_: Mapping[str, Any]) -> None:
        """Make an object have these fields; its others stay. Raises ClusterUnansweredError."""
        kind, metadata = str(object_["kind"]), object_["metadata"]
        path = path_of(kind, str(metadata.get("namespace", "")), str(metadata["name"]))
        query = f"?fieldManager={_MANAGER}&force=true"
        what = f"writing {kind} {metadata['name']}"
        if self._ask("PATCH", path + query, object_, _APPLY, what) is None:
            raise ClusterUnansweredError(f"{what}: there is no such kind, or no such namespace")

    def merge(
        self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Change fields of an object; None if there is none. Raises ClusterUnansweredError."""
        path = path_of(kind, namespace, name)
        return self._ask("PATCH", path, patch, _MERGE, f"changing {kind} {name}")

    def make_token(self, namespace: str, account: str, seconds: int) -> str:
        """Return a new token of a service account. Raises ClusterUnansweredError."""
        path = f"{path_of('ServiceAccount', namespace, account)}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        made = self._ask("POST", path, body, "application/json", f"making a token of {account}")
        token = (made or {}).get("status", {}).get("token")
        if not isinstance(token, str):
            raise ClusterUnansweredError(f"it gives no token of {account}")
        return token

    def review(self, token: str) -> str:
        """Return whose token that is; empty if it is not good. Raises ClusterUnansweredError."""
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token},
        }
        path = "apis/authentication.k8s.io/v1/tokenreviews"
        found = self._ask("POST", path, body, "application/json", "reviewing a token") or {}
        status = found.get("status", {})
        return (
            str(status.get("user", {}).get("username", "")) if status.get("authenticated") else ""
        )

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, form: str, what: str
    ) -> dict[str, Any] | None:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": form} if form else {}
        try:
            answer = self._http.request(method, path, content=content, headers=headers)
        except httpx.HTTPError as error:
            # Not the words of the library: they could repeat what was sent.
            raise ClusterUnansweredError(f"{what}: {type(error).__name__}") from None
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            reason = f"the kubeconfig's account may not do this: {what} ({_told(answer)})"
            raise ImpossibleError(reason)
        if not answer.is_success:
            raise ClusterUnansweredError(f"{what}: {_told(answer)}")
        found = answer.json()
        return found if isinstance(found, dict) else {}


def path_of(kind: str, namespace: str, name: str) -> str:
    """Return the path of an object below the API's address."""
    place = PLACES[kind]
    inside = f"/namespaces/{quote(namespace, safe='')}" if place.in_namespace else ""
    return f"/{place.root}{inside}/{place.plural}/{quote(name, safe='')}"


def differences(there: object, wanted: object, place: str = "") -> list[str]:
    """Name the fields in which an object has not what is wanted; lists have to be as long."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return [
            found
            for key, value in wanted.items()
            for found in differences(there.get(key), value, f"{place}.{key}".lstrip("."))
        ]
    if isinstance(wanted, list) and isinstance(there, list) and len(there) == len(wanted):
        return [
            found
            for number, pair in enumerate(zip(there, wanted, strict=True))
            for found in differences(*pair, f"{place}[{number}]")
        ]
    return [] if there == wanted else [place]


@dataclass(frozen=True)
class _Access:
    url: str
    trust: ssl.SSLContext | bool
    token: str


def _access(kubeconfig: Path) -> _Access:
    config = _read(kubeconfig)
    contexts = _named(config, "contexts", "context")
    context = contexts.get(str(config.get("current-context", "")), {})
    cluster = _named(config, "clusters", "cluster").get(str(context.get("cluster", "")), {})
    user = _named(config, "users", "user").get(str(context.get("user", "")), {})
    if not cluster.get("server"):
        raise ImpossibleError(f"{kubeconfig} has no current context with a cluster")
    if "exec" in user or "auth-provider" in user:
        reason = f"{kubeconfig} asks another program who you are"
        mend = "give one that holds a token (kubectl create token) or a certificate"
        raise ImpossibleError(f"{reason}; {mend}")
    token = str(user.get("token") or _file_text(user.get("tokenFile"), kubeconfig) or "")
    return _Access(str(cluster["server"]), _trust(cluster, user, kubeconfig), token)


def _read(kubeconfig: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(kubeconfig.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ImpossibleError(f"{kubeconfig} cannot be read: {type(error).__name__}") from None
    if not isinstance(config, dict):
        raise ImpossibleError(f"{kubeconfig} is no kubeconfig")
    return config


def _named(config: Mapping[str, Any], list_: str, what: str) -> Mapping[str, Mapping[str, Any]]:
    return {
        str(each.get("name")): each.get(what) or {}
        for each in config.get(list_) or ()
        if isinstance(each, dict)
    }


def _trust(
    cluster: Mapping[str, Any], user: Mapping[str, Any], kubeconfig: Path
) -> ssl.SSLContext | bool:
    if not str(cluster["server"]).startswith("https:"):
        return True
    if cluster.get("insecure-skip-tls-verify"):
        raise ImpossibleError(f"{kubeconfig} trusts whoever answers; give it the certificate")
    try:
        authority = _content(cluster, "certificate-authority", kubeconfig)
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        certificate = _content(user, "client-certificate", kubeconfig)
        key = _content(user, "client-key", kubeconfig)
        if certificate and key:
            _load(context, certificate, key)
    except (OSError, ValueError, ssl.SSLError) as error:
        reason = f"the certificates in {kubeconfig} cannot be used: {type(error).__name__}"
        raise ImpossibleError(reason) from None
    return context


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Have connections show a certificate. The library takes files alone: one for a moment."""
    with tempfile.NamedTemporaryFile() as file:  # readable by this user alone
        file.write(certificate + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)


def _content(values: Mapping[str, Any], name: str, kubeconfig: Path) -> bytes:
    inline = values.get(f"{name}-data")
    if inline:
        try:
            return base64.b64decode(str(inline), validate=True)
        except binascii.Error as error:
            raise ValueError(name) from error
    path = values.get(name)
    return (kubeconfig.parent / str(path)).read_bytes() if path else b""


def _file_text(path: object, kubeconfig: Path) -> str:
    return (kubeconfig.parent / str(path)).read_text("ascii").strip() if path else ""


def _told(answer: httpx.Response) -> str:
    """Return what the server says, for people; errors of secrets never quote their values."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    message = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(message or f"status {answer.status_code}").split())[:_REASON_LENGTH]
