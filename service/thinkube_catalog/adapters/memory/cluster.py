"""A cluster in memory: namespaces, what is delivered into them, and what holds them up."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from thinkube_catalog.adapters.argocd.cluster import (
    Arrival,
    Delivery,
    NamespaceTakenError,
    RegistryAccount,
    Supply,
)
from thinkube_catalog.domain.gitops import EngineBusyError, EngineUnavailableError
from thinkube_catalog.domain.secrets import SecretValue


@dataclass
class Delivered:
    """A Secret; its revision changes with its values."""

    values: Mapping[str, SecretValue]
    revision: str


@dataclass
class Namespace:
    """Its content, for tests to look at. `held` are finalizers by object, as in `pod/web`.

    `marker` is None where nobody has said whose it is, and empty where it was released.
    `arrivals` say how far Secrets are that somebody else fills: nothing is put into those.
    """

    marker: str | None
    labels: Mapping[str, str] = field(default_factory=dict)
    secrets: dict[str, Delivered] = field(default_factory=dict)
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    pulls: dict[str, RegistryAccount] = field(default_factory=dict)
    claims: list[str] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    going: bool = False


class MemoryCluster:
    """Keeps namespaces as long as the process lives."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Namespace] = {}
        self._lock = threading.RLock()

    def ensure_namespace(self, name: str, marker: str, labels: Mapping[str, str]) -> None:
        with self._lock:
            there = self.namespaces.setdefault(name, Namespace(marker))
            if there.going:
                raise EngineBusyError(f"the namespace {name} is still being deleted")
            _check(there, name, marker)
            there.marker, there.labels = marker, dict(labels)

    def deliver(
        self, namespace: str, name: str, supplies: Mapping[str, Supply], marker: str
    ) -> Delivery:
        with self._lock:
            there = self._held(namespace, marker)
            if supplies and name in there.arrivals:
                return Delivery(there.arrivals[name].revision)
            values = {env: each.value for env, each in supplies.items() if each.value is not None}
            missing = tuple(env for env, each in supplies.items() if each.value is None)
            if not supplies:
                there.secrets.pop(name, None)
                return Delivery("")
            known = there.secrets.get(name)
            if known is None or known.values != values:
                there.secrets[name] = known = Delivered(values, uuid4().hex)
            return Delivery(known.revision, missing)

    def arrival(self, namespace: str, name: str) -> Arrival:
        with self._lock:
            there = self.namespaces.get(namespace)
            return there.arrivals.get(name, Arrival()) if there else Arrival()

    def allow_pulls(
        self, namespace: str, name: str, account: RegistryAccount | None, marker: str
    ) -> None:
        with self._lock:
            there = self._held(namespace, marker)
            if account is None:
                there.pulls.pop(name, None)
            else:
                there.pulls[name] = account

    def claims(self, namespace: str) -> Sequence[str]:
        with self._lock:
            there = self.namespaces.get(namespace)
            return sorted(there.claims) if there else []

    def release_namespace(self, name: str, marker: str, secrets: tuple[str, ...]) -> None:
        with self._lock:
            there = self.namespaces.get(name)
            if there is not None:
                _check(there, name, marker)
                there.marker = ""
                for secret in secrets:
                    there.secrets.pop(secret, None)
                    there.pulls.pop(secret, None)

    def remove_namespace(self, name: str, marker: str) -> Sequence[str]:
        with self._lock:
            there = self.namespaces.get(name)
            if there is None:
                return []
            _check(there, name, marker)
            there.going = True
            if there.held:
                return [f"{what} (held by {why})" for what, why in sorted(there.held.items())]
            del self.namespaces[name]
            return []

    def _held(self, namespace: str, marker: str) -> Namespace:
        there = self.namespaces.get(namespace)
        if there is None:
            raise EngineUnavailableError(f"there is no namespace {namespace}")
        _check(there, namespace, marker)
        if there.going:
            raise EngineBusyError(f"the namespace {namespace} is still being deleted")
        return there


def _check(there: Namespace, name: str, marker: str) -> None:
    if there.marker not in {marker, ""}:
        raise NamespaceTakenError(name)
