"""The cluster of an installation whose engine is Argo CD."""

from __future__ import annotations

from collections.abc import Sequence

from thinkube_catalog.adapters.kubernetes import ExternalStore, KubernetesCluster, cluster_access
from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.secret_store import SealingKey
from thinkube_catalog.settings import Settings

_REVISIONS = "revisions of delivered secrets"


def access_to_cluster(settings: Settings) -> ClusterAccess:
    """Return how the cluster's API is reached. Raises NoClusterError."""
    token = settings.kubernetes_token.get_secret_value()
    return cluster_access(settings.kubernetes_url, token, settings.kubernetes_ca)


def open_cluster(settings: Settings, keys: Sequence[SealingKey]) -> KubernetesCluster:
    """Return the cluster; it has not been asked anything yet. Raises NoClusterError.

    Revisions of secrets come from the first key, so a new one there changes them all once.
    """
    return KubernetesCluster(
        access_to_cluster(settings), keys[0].derive(_REVISIONS).encode(), _store(settings)
    )


def secret_store(settings: Settings) -> str:
    """Say in words where values of secrets are fetched from; empty where they are kept here."""
    store = _store(settings)
    return f"the ClusterSecretStore {store.name}" if store else ""


def _store(settings: Settings) -> ExternalStore | None:
    if settings.engine != "argocd" or settings.secret_delivery == "secret":  # noqa: S105 (a word)
        return None
    return ExternalStore(settings.secret_store, settings.secret_property, settings.secret_entries)
