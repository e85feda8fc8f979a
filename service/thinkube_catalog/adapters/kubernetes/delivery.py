"""How secrets reach an application's namespace: written by us, or fetched by External Secrets.

What is written is never read back: of a Secret only metadata comes to this program, which is
enough to see that somebody else has put something into it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, Field

from thinkube_catalog.adapters.argocd.cluster import Delivery, RegistryAccount, Supply
from thinkube_catalog.adapters.kubernetes import rights
from thinkube_catalog.adapters.kubernetes.client import (
    APPLY,
    FIELD_MANAGER,
    MERGE,
    Answer,
    Call,
    KubernetesClient,
)
from thinkube_catalog.adapters.kubernetes.namespaces import OURS
from thinkube_catalog.domain.gitops import EngineUnavailableError

_FORCED: Mapping[str, str | int] = {"fieldManager": FIELD_MANAGER, "force": "true"}
_OF_DATA = "f:"
_OPAQUE, _FOR_PULLS = "Opaque", "kubernetes.io/dockerconfigjson"
REFRESH = "10m"
"""How soon External Secrets notices that a value in the store is another."""


@dataclass(frozen=True)
class ExternalStore:
    """A ClusterSecretStore by name; `field` is the one of an entry that holds the value."""

    name: str
    field: str = ""


class Deliverer(Protocol):
    """Puts secrets into a namespace that is known to be ours."""

    def deliver(self, namespace: str, name: str, supplies: Mapping[str, Supply]) -> Delivery: ...

    def withdraw(self, namespace: str, name: str) -> None:
        """Delete; do nothing if there is nothing."""
        ...


class _Owner(BaseModel):
    kind: str = ""


class _Manager(BaseModel):
    manager: str = ""
    fields: dict[str, Any] = Field({}, alias="fieldsV1")


class _Metadata(BaseModel):
    managers: list[_Manager] = Field([], alias="managedFields")
    owners: list[_Owner] = Field([], alias="ownerReferences")


class _Written(BaseModel):
    metadata: _Metadata


class WrittenSecrets:
    """Secrets that this service writes, by server-side apply under its own name."""

    def __init__(self, client: KubernetesClient, revision_key: bytes) -> None:
        self._client = client
        self._key = revision_key

    def deliver(self, namespace: str, name: str, supplies: Mapping[str, Supply]) -> Delivery:
        values = {
            key: each.value.reveal() for key, each in supplies.items() if each.value is not None
        }
        missing = tuple(key for key in supplies if key not in values)
        written = self._put(namespace, name, values)
        if any(owner.kind == "ExternalSecret" for owner in written.metadata.owners):
            # It would put its own values back; what it made stays, and is ours now.
            _delete(self._client, rights.DELETE_EXTERNAL, namespace, name, orphan=True)
        return Delivery(_revision(self._key, [namespace, name, values]), missing)

    def allow_pulls(self, namespace: str, name: str, account: RegistryAccount) -> None:
        """Make the Secret what kubelets log in to the registry with."""
        self._put(namespace, name, {".dockerconfigjson": _docker_config(account)}, _FOR_PULLS)

    def withdraw(self, namespace: str, name: str) -> None:
        _delete(self._client, rights.DELETE_SECRET, namespace, name)

    def _put(
        self, namespace: str, name: str, values: Mapping[str, str], type_: str = _OPAQUE
    ) -> _Written:
        """Make the Secret hold exactly these values; return it as it was on the way."""
        written = self._apply(namespace, name, values, type_)
        added = _added_by_others(written, values)
        if added:
            self._drop(namespace, name, added)
        return written

    def _apply(self, namespace: str, name: str, values: Mapping[str, str], type_: str) -> _Written:
        data = {key: base64.b64encode(each.encode()).decode() for key, each in values.items()}
        metadata = {"name": name, "namespace": namespace, "labels": OURS}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": type_,
            "data": data,
        }
        call = Call(
            rights.WRITE_SECRET, namespace, name, query=_FORCED, body=body, form=APPLY, hidden=True
        )
        return _applied(self._client, call).read(_Written)

    def _drop(self, namespace: str, name: str, keys: Sequence[str]) -> None:
        body = {"data": dict.fromkeys(keys)}
        query = {"fieldManager": FIELD_MANAGER}
        self._client.ask(
            Call(
                rights.WRITE_SECRET,
                namespace,
                name,
                query=query,
                body=body,
                form=MERGE,
                hidden=True,
            )
        )


class FetchedSecrets:
    """Secrets that External Secrets fetches from a store; values never pass through here."""

    def __init__(self, client: KubernetesClient, store: ExternalStore, revision_key: bytes) -> None:
        self._client = client
        self._store = store
        self._key = revision_key

    def deliver(self, namespace: str, name: str, supplies: Mapping[str, Supply]) -> Delivery:
        keys = {each: supply.key for each, supply in supplies.items()}
        body = {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": namespace, "labels": OURS},
            "spec": self._spec(name, keys),
        }
        call = Call(rights.WRITE_EXTERNAL, namespace, name, query=_FORCED, body=body, form=APPLY)
        if _applied(self._client, call).created:
            # One that we wrote before is made anew; External Secrets takes over no other's.
            _delete(self._client, rights.DELETE_SECRET, namespace, name)
        return Delivery(_revision(self._key, [namespace, name, self._store.name, keys]))

    def withdraw(self, namespace: str, name: str) -> None:
        _delete(self._client, rights.DELETE_EXTERNAL, namespace, name)
        _delete(self._client, rights.DELETE_SECRET, namespace, name)

    def _spec(self, name: str, keys: Mapping[str, str]) -> dict[str, object]:
        field = {"property": self._store.field} if self._store.field else {}
        return {
            "refreshInterval": REFRESH,
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": self._store.name},
            "target": {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
            "data": [
                {"secretKey": each, "remoteRef": {"key": key, **field}}
                for each, key in sorted(keys.items())
            ],
        }


def _docker_config(account: RegistryAccount) -> str:
    """Return the file by which programs of containers find the account at a registry."""
    user, token = account.user, account.token.reveal()
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    return json.dumps(
        {"auths": {account.registry: {"username": user, "password": token, "auth": basic}}},
        sort_keys=True,
    )


def _applied(client: KubernetesClient, call: Call) -> Answer:
    answer = client.ask(call)
    if answer.ok:
        return answer
    if answer.absent:
        reason = f"the cluster has no {call.right.resource}, or no namespace {call.namespace}"
        raise EngineUnavailableError(reason)
    raise EngineUnavailableError(f"others keep changing {call.right.resource} {call.name}")


def _delete(
    client: KubernetesClient,
    right: rights.Right,
    namespace: str,
    name: str,
    *,
    orphan: bool = False,
) -> None:
    policy = "Orphan" if orphan else "Background"
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
    answer = client.ask(Call(right, namespace, name, body=body, hidden=True))
    if not answer.ok and not answer.absent:
        raise EngineUnavailableError(f"{right.resource} {name} could not be deleted")


def _added_by_others(written: _Written, values: Mapping[str, str]) -> list[str]:
    keys = {
        field.removeprefix(_OF_DATA)
        for manager in written.metadata.managers
        for field in manager.fields.get("f:data", ())
        if field.startswith(_OF_DATA)
    }
    return sorted(keys - values.keys())


def _revision(key: bytes, content: object) -> str:
    """Return a word for the content that only who has the key can make."""
    text = json.dumps(content, sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
