"""How secrets reach an application's namespace where this service writes them.

What is written is never read back: of a Secret only metadata comes to this program, which is
enough to see that somebody else has put something into it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, Field

from thinkube_catalog.adapters.argocd.cluster import Arrival, Delivery, RegistryAccount, Supply
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

FORCED: Mapping[str, str | int] = {"fieldManager": FIELD_MANAGER, "force": "true"}
_OF_DATA = "f:"
_OPAQUE, _FOR_PULLS = "Opaque", "kubernetes.io/dockerconfigjson"
_PAUSE = 0.2
LETTING_GO_SECONDS = 10.0
"""How long External Secrets has to let go of a Secret that it made."""


class Deliverer(Protocol):
    """Puts secrets into a namespace that is known to be ours."""

    def deliver(self, namespace: str, name: str, supplies: Mapping[str, Supply]) -> Delivery: ...

    def arrival(self, namespace: str, name: str) -> Arrival:
        """Say how far values have come that somebody else fetches."""
        ...

    def withdraw(self, namespace: str, name: str) -> None:
        """Delete; do nothing if there is nothing."""
        ...


class _Owner(BaseModel):
    kind: str = ""


class _Manager(BaseModel):
    manager: str = ""
    fields: dict[str, Any] = Field({}, alias="fieldsV1")


class _Metadata(BaseModel):
    annotations: dict[str, str] = {}
    managers: list[_Manager] = Field([], alias="managedFields")
    owners: list[_Owner] = Field([], alias="ownerReferences")


class Written(BaseModel):
    """What of a Secret comes to this program."""

    metadata: _Metadata

    @property
    def fetched(self) -> bool:
        """Whether External Secrets fills it."""
        return any(owner.kind == "ExternalSecret" for owner in self.metadata.owners)

    def keys_of(self, *managers: str) -> set[str]:
        """Return the keys that were set last by these, or by anybody."""
        return {
            field.removeprefix(_OF_DATA)
            for manager in self.metadata.managers
            if not managers or manager.manager in managers
            for field in manager.fields.get("f:data", ())
            if field.startswith(_OF_DATA)
        }


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
        if written.fetched:
            self._take_over(namespace, name)
            self._put(namespace, name, values)
        return Delivery(revision_of(self._key, [namespace, name, values]), missing)

    def arrival(self, namespace: str, name: str) -> Arrival:  # noqa: ARG002 (a promise)
        return Arrival()

    def allow_pulls(self, namespace: str, name: str, account: RegistryAccount) -> None:
        """Make the Secret what kubelets log in to the registry with."""
        self._put(namespace, name, {".dockerconfigjson": _docker_config(account)}, _FOR_PULLS)

    def withdraw(self, namespace: str, name: str) -> None:
        delete(self._client, rights.DELETE_SECRET, namespace, name)

    def _take_over(self, namespace: str, name: str) -> None:
        """End what fills a Secret: it puts its own values back. What it made stays, and is ours.

        Where it does not run, nothing is put back, and nobody has to be waited for.
        """
        delete(self._client, rights.DELETE_EXTERNAL, namespace, name, orphan=True)
        deadline = time.monotonic() + LETTING_GO_SECONDS
        read = Call(rights.READ_EXTERNAL, namespace, name)
        while not self._client.ask(read).absent and time.monotonic() < deadline:
            time.sleep(_PAUSE)

    def _put(
        self, namespace: str, name: str, values: Mapping[str, str], type_: str = _OPAQUE
    ) -> Written:
        """Make the Secret hold exactly these values; return it as it was on the way."""
        written = self._apply(namespace, name, values, type_)
        added = sorted(written.keys_of() - values.keys())
        if added:
            self._drop(namespace, name, added)
        return written

    def _apply(self, namespace: str, name: str, values: Mapping[str, str], type_: str) -> Written:
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
            rights.WRITE_SECRET, namespace, name, query=FORCED, body=body, form=APPLY, hidden=True
        )
        return applied(self._client, call).read(Written)

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


def _docker_config(account: RegistryAccount) -> str:
    """Return the file by which programs of containers find the account at a registry."""
    user, token = account.user, account.token.reveal()
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    return json.dumps(
        {"auths": {account.registry: {"username": user, "password": token, "auth": basic}}},
        sort_keys=True,
    )


def applied(client: KubernetesClient, call: Call) -> Answer:
    """Ask for an object to be so. Raises EngineUnavailableError where it cannot be."""
    answer = client.ask(call)
    if answer.ok:
        return answer
    if answer.absent:
        reason = f"the cluster has no {call.right.resource}, or no namespace {call.namespace}"
        raise EngineUnavailableError(reason)
    raise EngineUnavailableError(f"others keep changing {call.right.resource} {call.name}")


def delete(
    client: KubernetesClient,
    right: rights.Right,
    namespace: str,
    name: str,
    *,
    orphan: bool = False,
) -> None:
    """Delete an object, with what it owns or without; do nothing if there is none."""
    policy = "Orphan" if orphan else "Background"
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
    answer = client.ask(Call(right, namespace, name, body=body, hidden=True))
    if not answer.ok and not answer.absent:
        raise EngineUnavailableError(f"{right.resource} {name} could not be deleted")


def revision_of(key: bytes, content: object) -> str:
    """Return a word for the content that only who has the key can make."""
    text = json.dumps(content, sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
