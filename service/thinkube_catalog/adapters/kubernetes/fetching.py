"""How secrets reach an application's namespace where External Secrets fetches them from a store.

Values never pass through here. Of the Secret that External Secrets makes only metadata comes to
this program: a digest of its data stands there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field

from thinkube_catalog.adapters.argocd.cluster import Arrival, Delivery, Supply
from thinkube_catalog.adapters.kubernetes import rights
from thinkube_catalog.adapters.kubernetes.client import (
    APPLY,
    FIELD_MANAGER,
    MERGE,
    Call,
    KubernetesClient,
)
from thinkube_catalog.adapters.kubernetes.delivery import (
    FORCED,
    Written,
    applied,
    delete,
    revision_of,
)
from thinkube_catalog.adapters.kubernetes.namespaces import OURS
from thinkube_catalog.adapters.kubernetes.unfetched import Wanted, not_looked_at, why_unfetched

REFRESH = "10m"
"""How soon External Secrets notices that a value in the store is another."""

PATIENCE_SECONDS = 10.0
"""How long a delivery waits for External Secrets."""

_PAUSE = 0.2
_ANEW = "force-sync"  # any annotation does, when it changes
_DIGEST = "reconcile.external-secrets.io/data-hash"


@dataclass(frozen=True)
class ExternalStore:
    """A ClusterSecretStore by name, and where in it a value stands.

    `entries` says what there is one entry for: each value, in its field `field` where it has any,
    or each deployment, whose values are the fields. Then `SHARED` has those of all.
    """

    name: str
    field: str = ""
    entries: Literal["value", "deployment"] = "value"

    def place(self, key: str) -> dict[str, str]:
        """Return where the value of a key stands, as External Secrets is told."""
        if self.entries == "deployment":
            entry, _, field = key.rpartition("/")
            return {"key": entry or SHARED, "property": field}
        return {"key": key, **({"property": self.field} if self.field else {})}


SHARED = "shared"


class _Condition(BaseModel):
    type: str = ""
    status: str = ""
    message: str = ""


class _Status(BaseModel):
    conditions: list[_Condition] = []
    synced: str = Field("", alias="syncedResourceVersion")


class _Metadata(BaseModel):
    uid: str = ""
    generation: int = 0


class _Place(BaseModel):
    key: str = ""
    property: str = ""


class _Datum(BaseModel):
    name: str = Field("", alias="secretKey")
    place: _Place = Field(_Place(), alias="remoteRef")


class _Spec(BaseModel):
    data: list[_Datum] = []


class _Asked(BaseModel):
    """An ExternalSecret, as far as it is read."""

    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def ready(self) -> _Condition | None:
        """What was said last of fetching it; nothing where nobody has tried."""
        return next((each for each in self.status.conditions if each.type == "Ready"), None)

    @property
    def failing(self) -> bool:
        return self.ready is not None and self.ready.status == "False"

    @property
    def fetched(self) -> bool:
        """Whether all values that it asks for now have been fetched at some time."""
        return self.status.synced.partition("-")[0] == str(self.metadata.generation)

    @property
    def places(self) -> dict[str, tuple[str, str]]:
        return {each.name: (each.place.key, each.place.property) for each in self.spec.data}


class FetchedSecrets:
    """Secrets that External Secrets fetches from a store."""

    def __init__(
        self,
        client: KubernetesClient,
        store: ExternalStore,
        revision_key: bytes,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Wait at most `patience` seconds in a delivery for what is fetched."""
        self._client = client
        self._store = store
        self._key = revision_key
        self._patience = patience

    def deliver(self, namespace: str, name: str, supplies: Mapping[str, Supply]) -> Delivery:
        body = {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": OURS,
                # After a failure it would try again when it likes, and else in ten minutes.
                "annotations": {_ANEW: datetime.now(UTC).isoformat()},
            },
            "spec": self._spec(name, {each: supply.key for each, supply in supplies.items()}),
        }
        call = Call(rights.WRITE_EXTERNAL, namespace, name, query=FORCED, body=body, form=APPLY)
        asked = applied(self._client, call).read(_Asked)
        there = self._seen(namespace, name)
        if there is not None and there.keys_of(FIELD_MANAGER):
            # We wrote it before: External Secrets would leave what else is in it.
            delete(self._client, rights.DELETE_SECRET, namespace, name)
        return Delivery(self._awaited(namespace, name, asked))

    def arrival(self, namespace: str, name: str) -> Arrival:
        answer = self._client.ask(Call(rights.READ_EXTERNAL, namespace, name))
        if answer.absent:
            return Arrival()
        found = answer.read(_Asked)
        revision = self._revision(namespace, name, found)
        if found.failing:
            cause, lacking = why_unfetched(self._told(namespace, name, found), self._wanted(found))
            return Arrival(revision, (cause,), lacking=lacking)
        if not revision:
            return Arrival(causes=(not_looked_at(self._store.name),))
        return Arrival(revision)

    def withdraw(self, namespace: str, name: str) -> None:
        delete(self._client, rights.DELETE_EXTERNAL, namespace, name)
        delete(self._client, rights.DELETE_SECRET, namespace, name)

    def _spec(self, name: str, keys: Mapping[str, str]) -> dict[str, object]:
        return {
            "refreshInterval": REFRESH,
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": self._store.name},
            "target": {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
            "data": [
                {"secretKey": each, "remoteRef": self._store.place(key)}
                for each, key in sorted(keys.items())
            ],
        }

    def _awaited(self, namespace: str, name: str, asked: _Asked) -> str:
        """Return the revision once all is fetched anew, or is known not to be; or patience ends."""
        deadline = time.monotonic() + self._patience
        while True:
            answer = self._client.ask(Call(rights.READ_EXTERNAL, namespace, name))
            found = answer.read(_Asked) if answer.ok else asked
            anew = found.status.synced != asked.status.synced
            revision = self._revision(namespace, name, found)
            fails = found.failing and not asked.failing
            if (anew and revision) or fails or time.monotonic() + _PAUSE >= deadline:
                return revision
            time.sleep(_PAUSE)

    def _revision(self, namespace: str, name: str, found: _Asked) -> str:
        """Return the word for what is there; empty while that is not what is asked for."""
        there = self._seen(namespace, name) if found.fetched else None
        digest = there.metadata.annotations.get(_DIGEST, "") if there is not None else ""
        if not digest:
            return ""
        return revision_of(self._key, [namespace, name, self._store.name, found.places, digest])

    def _seen(self, namespace: str, name: str) -> Written | None:
        """Look at the Secret by a change of nothing: its account may write it, and not read it."""
        query = {"fieldManager": FIELD_MANAGER}
        call = Call(
            rights.WRITE_SECRET, namespace, name, query=query, body={}, form=MERGE, hidden=True
        )
        answer = self._client.ask(call)
        return answer.read(Written) if answer.ok else None

    def _told(self, namespace: str, name: str, found: _Asked) -> str:
        """Return the newest words about a failure: its condition says only that there is one."""
        return self._newest_event(namespace, found) or (
            found.ready.message if found.ready else name
        )

    def _newest_event(self, namespace: str, found: _Asked) -> str:
        chosen = f"involvedObject.uid={found.metadata.uid},reason=UpdateFailed"
        query: dict[str, str | int] = {"fieldSelector": chosen, "limit": 500}
        answer = self._client.ask(Call(rights.LIST_EVENTS, namespace, query=query))
        events = answer.read(_Events).items if answer.ok else []
        newest = max(events, key=lambda each: each.at, default=None)
        return newest.message if newest else ""

    def _wanted(self, found: _Asked) -> Wanted:
        return Wanted(self._store.name, found.places)


class _Event(BaseModel):
    message: str = ""
    last: str | None = Field(None, alias="lastTimestamp")
    time: str | None = Field(None, alias="eventTime")

    @property
    def at(self) -> str:
        return self.last or self.time or ""


class _Events(BaseModel):
    items: list[_Event] = []
