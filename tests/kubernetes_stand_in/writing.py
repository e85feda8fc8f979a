"""Calls that make, change and delete objects."""

from __future__ import annotations

import copy
from typing import Any

from tests.kubernetes_stand_in.calls import Refusal
from tests.kubernetes_stand_in.content import REVIEWS, Json, now
from tests.kubernetes_stand_in.reading import ReadingCalls


class WritingCalls(ReadingCalls):
    """Those that write."""

    def _create(self) -> tuple[int, Any]:
        if (self.group, self.plural) == REVIEWS:
            return self._review()
        self.name = self.body["metadata"]["name"]
        self._admit_new()
        if self.cluster.find(self.plural, self.namespace, self.name):
            raise Refusal(409, "AlreadyExists", f'{self.plural} "{self.name}" already exists')
        return 201, self.cluster.store(self.plural, self.namespace, self.name, self.body)

    def _check_type(self, found: Json | None) -> None:
        """Refuse another type for a Secret than it has, and one without what its type needs."""
        if self.plural != "secrets":
            return
        wanted = self.body.get("type", "Opaque")
        if wanted != (found or {"type": wanted}).get("type", "Opaque"):
            raise Refusal(422, "Invalid", f"Secret {self.name} is invalid: type is immutable")
        if "dockerconfigjson" in wanted and ".dockerconfigjson" not in self.body["data"]:
            raise Refusal(422, "Invalid", f"Secret {self.name} is invalid: data is required")

    def _apply(self) -> tuple[int, Any]:
        """Server-side apply, by force: each key of `data` and `spec` belongs to who set it."""
        self._admit("patch")
        manager = self.query["fieldManager"][0]
        found = self.cluster.find(self.plural, self.namespace, self.name)
        if found is None:
            self._admit_new()
        self._check_type(found)
        made = copy.deepcopy(found or {"metadata": {}})
        owners = _owners(made)
        given = set(self.body.get("data", {}))
        lost = owners.pop(manager, set()) - given - set().union(*owners.values(), set())
        data = {key: it for key, it in made.get("data", {}).items() if key not in lost}
        rest = {key: it for key, it in self.body.items() if key not in {"metadata", "data"}}
        made |= rest | {"data": data | self.body.get("data", {})}
        made["metadata"] = merged(made["metadata"], self.body["metadata"])
        left = {name: keys - given for name, keys in owners.items()}
        made["metadata"]["managedFields"] = _managed({**left, manager: given})
        stored = self.cluster.store(self.plural, self.namespace, self.name, made)
        return (200 if found else 201), stored

    def _merge(self) -> tuple[int, Any]:
        self._admit("patch")
        found = self._found()
        for part in ("uid", "resourceVersion"):
            if found["metadata"][part] != self.body.get("metadata", {}).get(
                part, found["metadata"][part]
            ):
                raise Refusal(409, "Conflict", "the object has been modified")
        made = merged(found, self.body)
        owners = _owners(made)
        keys = set(made.get("data", {}))
        if owners:
            owners = {name: mine & keys for name, mine in owners.items()}
            made["metadata"]["managedFields"] = _managed(owners)
        return 200, self.cluster.store(self.plural, self.namespace, self.name, made)

    def _delete(self) -> tuple[int, Any]:
        self._admit("delete")
        found = self._found()
        for part, value in self.body.get("preconditions", {}).items():
            if found["metadata"][part] != value:
                raise Refusal(409, "Conflict", f"Precondition failed: {part}")
        if self.plural == "namespaces":
            gone = copy.deepcopy(found)
            gone["metadata"].setdefault("deletionTimestamp", now())
            gone["status"] = {"phase": "Terminating"}
            return 200, self.cluster.store("namespaces", "", self.name, gone)
        if found["metadata"].get("finalizers"):
            found["metadata"].setdefault("deletionTimestamp", now())
        else:
            del self.cluster.objects[self.plural, self.namespace, self.name]
        if self.body.get("propagationPolicy") == "Orphan":
            for key, each in self.cluster.objects.items():
                if key[1] == self.namespace:
                    each["metadata"].pop("ownerReferences", None)
        return 200, {"kind": "Status", "status": "Success"}


def _owners(made: Json) -> dict[str, set[str]]:
    """Return which manager set which keys of an object's data."""
    owners: dict[str, set[str]] = {}
    for each in made["metadata"].get("managedFields", []):
        keys = {it.removeprefix("f:") for it in each["fieldsV1"].get("f:data", {})}
        owners.setdefault(each["manager"], set()).update(keys)
    return owners


def _managed(owners: dict[str, set[str]]) -> list[Json]:
    return [
        {"manager": name, "fieldsV1": {"f:data": {f"f:{key}": {} for key in sorted(keys)}}}
        for name, keys in owners.items()
    ]


def merged(there: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    made = copy.deepcopy(there) if isinstance(there, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made
