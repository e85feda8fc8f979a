"""Namespaces of ours: whose they are stands in them, and only those are touched.

Every change is bound to the version that was looked at; where somebody was quicker, one looks
again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, Field

from thinkube_catalog.adapters.argocd.cluster import NamespaceTakenError
from thinkube_catalog.adapters.kubernetes import rights
from thinkube_catalog.adapters.kubernetes.client import (
    MERGE,
    Answer,
    Call,
    KubernetesClient,
    NamespaceGoingError,
)
from thinkube_catalog.domain.gitops import EngineUnavailableError

OURS = {"app.kubernetes.io/managed-by": "thinkube-catalog"}
"""The label of every namespace of ours; the admission policy goes by it."""

MARKER = "thinkube.io/deployment"
RELEASED = "thinkube.io/released"

_TRIES = 6
_HOLDS = {
    "NamespaceContentRemaining",
    "NamespaceFinalizersRemaining",
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
}

T = TypeVar("T")


class _Metadata(BaseModel):
    name: str
    uid: str
    resource_version: str = Field(alias="resourceVersion")
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: list[str] = []
    deleted_at: str = Field("", alias="deletionTimestamp")


class _Condition(BaseModel):
    type: str
    status: str
    message: str = ""


class _Spec(BaseModel):
    finalizers: list[str] = []


class _Status(BaseModel):
    conditions: list[_Condition] = []


class _Namespace(BaseModel):
    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def is_ours(self) -> bool:
        return OURS.items() <= self.metadata.labels.items()

    @property
    def marker(self) -> str | None:
        return self.metadata.annotations.get(MARKER)

    @property
    def is_released(self) -> bool:
        return self.is_ours and self.marker is None and RELEASED in self.metadata.annotations

    @property
    def is_terminating(self) -> bool:
        return bool(self.metadata.deleted_at)

    def check_marker(self, marker: str) -> None:
        if not self.is_ours or self.marker != marker:
            raise NamespaceTakenError(self.metadata.name)


class _ClaimMetadata(BaseModel):
    name: str
    finalizers: list[str] = []


class _Claim(BaseModel):
    metadata: _ClaimMetadata


class _Page(BaseModel):
    next: str = Field("", alias="continue")


class _Claims(BaseModel):
    metadata: _Page = _Page()
    items: list[_Claim] = []


class Namespaces:
    """The namespaces of one cluster."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    def ensure(self, name: str, marker: str, labels: Mapping[str, str]) -> None:
        """See `Cluster.ensure_namespace`."""
        wanted = {**labels, **OURS}
        self._until_settled(name, lambda: self._ensured(name, marker, wanted))

    def check_marker(self, name: str, marker: str) -> None:
        """Raise NamespaceTakenError, NamespaceGoingError, or EngineUnavailableError if missing."""
        found = self._find(name)
        if found is None:
            raise EngineUnavailableError(f"there is no namespace {name}")
        found.check_marker(marker)
        if found.is_terminating:
            raise NamespaceGoingError(name)

    def is_held(self, name: str, marker: str) -> bool:
        """Say whether it bears the marker; False if it is not there or released.

        Raises NamespaceTakenError.
        """
        found = self._find(name)
        if found is None or found.is_released:
            return False
        found.check_marker(marker)
        return True

    def release(self, name: str, marker: str) -> None:
        """Take the marker off."""
        self._until_settled(name, lambda: self._released(name, marker))

    def remove(self, name: str, marker: str) -> Sequence[str]:
        """See `Cluster.remove_namespace`."""
        return self._until_settled(name, lambda: self._removed(name, marker))

    def claims(self, name: str) -> Sequence[str]:
        """See `Cluster.claims`."""
        return [each.metadata.name for each in self._claims(name)]

    def _ensured(self, name: str, marker: str, labels: Mapping[str, str]) -> bool | None:
        found = self._find(name)
        if found is None:
            metadata = {"name": name, "labels": labels, "annotations": {MARKER: marker}}
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
            return _done(self._client.ask(Call(rights.MAKE_NAMESPACE, body=body)))
        if not found.is_released:
            found.check_marker(marker)
        if found.is_terminating:
            raise NamespaceGoingError(name)
        if found.marker == marker and labels.items() <= found.metadata.labels.items():
            return True
        return self._patch(found, labels, {MARKER: marker, RELEASED: None})

    def _released(self, name: str, marker: str) -> bool | None:
        found = self._find(name)
        if found is None or found.is_released:
            return True
        found.check_marker(marker)
        return self._patch(found, {}, {MARKER: None, RELEASED: "true"})

    def _removed(self, name: str, marker: str) -> Sequence[str] | None:
        found = self._find(name)
        if found is None:
            return []
        if not found.is_released:
            found.check_marker(marker)
        if found.is_terminating:
            return self._what_is_left(found)
        preconditions = {
            "uid": found.metadata.uid,
            "resourceVersion": found.metadata.resource_version,
        }
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        self._client.ask(Call(rights.DELETE_NAMESPACE, name=name, body=body))
        gone = self._find(name)
        if gone is None or gone.metadata.uid != found.metadata.uid:
            return []
        return self._what_is_left(gone) if gone.is_terminating else None

    def _what_is_left(self, found: _Namespace) -> list[str]:
        name = found.metadata.name
        held = [*found.metadata.finalizers, *found.spec.finalizers]
        told = [
            " ".join(each.message.split())
            for each in found.status.conditions
            if each.status == "True" and each.type in _HOLDS
        ]
        return [
            *(f"volume claim {_with_holders(each)}" for each in self._claims(name)),
            "; ".join([f"namespace {name}{_held_by(held)}", *told]),
        ]

    def _patch(
        self, found: _Namespace, labels: Mapping[str, str], annotations: Mapping[str, str | None]
    ) -> bool | None:
        metadata = {
            "uid": found.metadata.uid,
            "resourceVersion": found.metadata.resource_version,
            "labels": labels,
            "annotations": annotations,
        }
        call = Call(
            rights.MARK_NAMESPACE,
            name=found.metadata.name,
            body={"metadata": metadata},
            form=MERGE,
        )
        return _done(self._client.ask(call))

    def _find(self, name: str) -> _Namespace | None:
        answer = self._client.ask(Call(rights.READ_NAMESPACE, name=name))
        return None if answer.absent else answer.read(_Namespace)

    def _claims(self, namespace: str) -> list[_Claim]:
        found: list[_Claim] = []
        query: dict[str, str | int] = {"limit": 500}
        while True:
            answer = self._client.ask(Call(rights.LIST_CLAIMS, namespace, query=query))
            page = answer.read(_Claims)
            found += page.items
            if not page.metadata.next:
                return found
            query["continue"] = page.metadata.next

    @staticmethod
    def _until_settled(name: str, attempt: Callable[[], T | None]) -> T:
        """Look and act until nobody was quicker."""
        for _ in range(_TRIES):
            outcome = attempt()
            if outcome is not None:
                return outcome
        raise EngineUnavailableError(f"others keep changing the namespace {name}")


def _done(answer: Answer) -> bool | None:
    """None where somebody was quicker: another has made, changed or deleted it."""
    return True if answer.ok else None


def _with_holders(claim: _Claim) -> str:
    return f"{claim.metadata.name}{_held_by(claim.metadata.finalizers)}"


def _held_by(finalizers: Sequence[str]) -> str:
    return f" (held by {', '.join(finalizers)})" if finalizers else ""
