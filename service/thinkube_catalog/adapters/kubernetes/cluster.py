"""The cluster behind Argo CD, by its own API: keeps the promises of `Cluster`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from thinkube_catalog.adapters.argocd.cluster import Arrival, Delivery, RegistryAccount, Supply
from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.kubernetes.client import KubernetesClient
from thinkube_catalog.adapters.kubernetes.delivery import Deliverer, WrittenSecrets
from thinkube_catalog.adapters.kubernetes.fetching import (
    PATIENCE_SECONDS,
    ExternalStore,
    FetchedSecrets,
)
from thinkube_catalog.adapters.kubernetes.namespaces import Namespaces


class KubernetesCluster:
    """One cluster; safe between threads, processes and machines."""

    def __init__(
        self,
        access: ClusterAccess,
        revision_key: bytes,
        store: ExternalStore | None = None,
        seconds: float = 20.0,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Deliver secrets by External Secrets where there is a store of theirs.

        `revision_key` is what revisions are made with: the same for every process. `seconds` is
        the deadline of one call, `patience` how long a delivery waits for External Secrets.
        """
        self._client = KubernetesClient(access, seconds)
        self._namespaces = Namespaces(self._client)
        self._written = WrittenSecrets(self._client, revision_key)
        self._deliverer: Deliverer = (
            FetchedSecrets(self._client, store, revision_key, patience) if store else self._written
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ensure_namespace(self, name: str, marker: str, labels: Mapping[str, str]) -> None:
        self._namespaces.ensure(name, marker, labels)

    def deliver(
        self, namespace: str, name: str, supplies: Mapping[str, Supply], marker: str
    ) -> Delivery:
        self._namespaces.check_marker(namespace, marker)
        if not supplies:
            self._deliverer.withdraw(namespace, name)
            return Delivery(revision="")
        return self._deliverer.deliver(namespace, name, supplies)

    def arrival(self, namespace: str, name: str) -> Arrival:
        return self._deliverer.arrival(namespace, name)

    def allow_pulls(
        self, namespace: str, name: str, account: RegistryAccount | None, marker: str
    ) -> None:
        self._namespaces.check_marker(namespace, marker)
        if account is None:
            self._written.withdraw(namespace, name)
        else:
            self._written.allow_pulls(namespace, name, account)

    def claims(self, namespace: str) -> Sequence[str]:
        return self._namespaces.claims(namespace)

    def release_namespace(self, name: str, marker: str, secrets: tuple[str, ...]) -> None:
        if self._namespaces.is_held(name, marker):
            for secret in secrets:
                self._deliverer.withdraw(name, secret)
            self._namespaces.release(name, marker)

    def remove_namespace(self, name: str, marker: str) -> Sequence[str]:
        return self._namespaces.remove(name, marker)
