"""External Secrets as it behaves: beside the cluster that stands in, before each of its answers.

Seen on the real one: a condition says only that fetching has failed, and an event why; what was
asked for is fetched when the object's specification, labels or annotations have changed, and else
when its interval is over; a Secret that somebody changes is put back; an object is gone only when
the operator has let go of it; annotations and labels are carried over to the Secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from tests.kubernetes_stand_in import KubernetesStandIn

FINALIZER = "externalsecrets.external-secrets.io/externalsecret-cleanup"
DIGEST = "reconcile.external-secrets.io/data-hash"

Json = dict[str, Any]


class FetchError(Exception):
    """The operator's words."""


@dataclass
class ExternalSecretsStandIn:
    """`stores` hold what each ClusterSecretStore has, by entry and field; None: it is not ready."""

    cluster: KubernetesStandIn
    stores: dict[str, dict[tuple[str, str], str] | None] = field(default_factory=dict)
    runs: bool = True
    fetched: int = 0
    told: int = 0

    def __call__(self) -> None:
        if not self.runs:
            return
        for key, asked in list(self.cluster.objects.items()):
            if key[0] == "externalsecrets":
                self._reconcile(key[1], key[2], asked)

    def interval_is_over(self) -> None:
        """Have everything fetched anew, as after ten minutes."""
        for key, asked in self.cluster.objects.items():
            if key[0] == "externalsecrets":
                asked.get("status", {}).pop("syncedResourceVersion", None)
        self()

    def _reconcile(self, namespace: str, name: str, asked: Json) -> None:
        metadata = asked["metadata"]
        if "deletionTimestamp" in metadata:
            del self.cluster.objects["externalsecrets", namespace, name]
            self._collect(namespace, name)
            return
        metadata.setdefault("finalizers", [FINALIZER])
        version = _version(metadata)
        synced = asked.setdefault("status", {}).get("syncedResourceVersion") == version
        if synced and self._is_whole(namespace, name):
            return
        try:
            values = self._values(namespace, asked)
        except FetchError as error:
            self._fail(namespace, name, asked, str(error))
            return
        self.fetched += 1
        self._write(namespace, name, asked, values)
        asked["status"]["syncedResourceVersion"] = version
        asked["status"]["conditions"] = [_ready("True", "SecretSynced", "secret synced")]

    def _values(self, namespace: str, asked: Json) -> dict[str, str]:
        return {
            each["secretKey"]: self._value(place, asked["spec"], each["remoteRef"])
            for place, each in enumerate(asked["spec"]["data"])
        }

    def _value(self, place: int, spec: Json, wanted: Json) -> str:
        store = spec["secretStoreRef"]["name"]
        entry, part = wanted["key"], wanted.get("property", "")
        before = f"error processing spec.data[{place}] (key: {entry}), err: "
        if store not in self.stores:
            kind = "ClusterSecretStore"
            message = f'could not get {kind} "{store}", {kind}.external-secrets.io "{store}"'
            raise FetchError(f"{before}{message} not found")
        values = self.stores[store]
        if values is None:
            raise FetchError(f'{before}ClusterSecretStore "{store}" is not ready')
        if (entry, part) not in values:
            raise FetchError(f"{before}Secret does not exist")
        return values[entry, part]

    def _fail(self, namespace: str, name: str, asked: Json, message: str) -> None:
        condition = "could not get secret data from provider"
        asked["status"]["conditions"] = [_ready("False", "SecretSyncedError", condition)]
        self.told += 1
        self.cluster.make(
            "events",
            namespace,
            f"{name}.{self.told}",
            involvedObject={"kind": "ExternalSecret", "uid": asked["metadata"]["uid"]},
            reason="UpdateFailed",
            message=message,
            lastTimestamp=f"2026-01-01T00:00:00.{self.told:06}Z",
        )

    def _is_whole(self, namespace: str, name: str) -> bool:
        made = self.cluster.find("secrets", namespace, name)
        return made is not None and _digest(made) == made["metadata"]["annotations"].get(DIGEST)

    def _write(self, namespace: str, name: str, asked: Json, values: dict[str, str]) -> None:
        data = {key: base64.b64encode(each.encode()).decode() for key, each in values.items()}
        made = self.cluster.find("secrets", namespace, name) or {"metadata": {}}
        there = made["metadata"]
        others = [
            each
            for each in there.get("managedFields", [])
            if not each["manager"].startswith("externalsecrets.")
        ]
        kept = {field[2:] for each in others for field in each["fieldsV1"].get("f:data", {})}
        known = {key: it for key, it in made.get("data", {}).items() if key in kept}
        fields: Json = {"f:data": {f"f:{key}": {} for key in data}}
        mine = {"manager": f"externalsecrets.external-secrets.io/{name}", "fieldsV1": fields}
        content = {"data": known | data}
        metadata = {
            "uid": there.get("uid", f"secret-{self.fetched}"),
            "labels": {**asked["metadata"].get("labels", {})},
            "annotations": {**asked["metadata"].get("annotations", {}), DIGEST: _digest(content)},
            "managedFields": [*others, mine],
            "ownerReferences": [{"kind": "ExternalSecret", "name": name, "controller": True}],
        }
        self.cluster.make("secrets", namespace, name, metadata=metadata, **content)

    def _collect(self, namespace: str, name: str) -> None:
        """Delete what belonged to an object that is gone, as the cluster itself does."""
        made = self.cluster.find("secrets", namespace, name)
        owners = made["metadata"].get("ownerReferences", []) if made is not None else []
        if any(owner["kind"] == "ExternalSecret" for owner in owners):
            del self.cluster.objects["secrets", namespace, name]


def _version(metadata: Json) -> str:
    carried = [metadata.get("annotations"), metadata.get("labels")]
    digest = hashlib.sha256(json.dumps(carried, sort_keys=True).encode()).hexdigest()
    return f"{metadata['generation']}-{digest[:56]}"


def _digest(content: Json) -> str:
    text = json.dumps(content.get("data", {}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:56]


def _ready(status: str, reason: str, message: str) -> Json:
    return {"type": "Ready", "status": status, "reason": reason, "message": message}
