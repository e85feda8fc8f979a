"""Secrets on their way to an application: delivered, and its workloads restarted for new ones.

That workloads have been restarted for what was delivered is noted at the record, after the
fact: a stop between the two restarts them once more, and never not at all.
"""

from __future__ import annotations

from collections.abc import Mapping

from thinkube_catalog.adapters.argocd.answers import ArgoApplication, Resource
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.cluster import Arrival, Cluster, Delivery, Supply
from thinkube_catalog.adapters.argocd.desired import (
    DELIVERED,
    MISSING,
    NAME,
    Placement,
    secrets_of,
)
from thinkube_catalog.domain.secrets import SecretNotFoundError, Secrets, SecretValue

_RESTARTABLE = {
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("serving.knative.dev", "Service"),
}
"""What keeps pods for longer than a task: a CronJob's next Job reads new values by itself."""


class Supplies:
    """Reads values where they are stored, and hands them to the cluster."""

    def __init__(
        self, secrets: Secrets, cluster: Cluster, applications: Applications, placement: Placement
    ) -> None:
        self._secrets, self._cluster = secrets, cluster
        self._applications, self._placement = applications, placement

    def deliver(self, name: str, marker: str, keys: Mapping[str, str]) -> dict[str, str]:
        """Put the values into the application's namespace; return what to note of it."""
        supplies = {env: Supply(key, self._value(key)) for env, key in keys.items()}
        namespace = self._placement.record_name(name)
        secret = self._placement.secret_name(name)
        return _notes(self._cluster.deliver(namespace, secret, supplies, marker), supplies)

    def arrival(self, there: ArgoApplication) -> Arrival:
        """Say how far the secrets of an application have come that somebody else fetches."""
        if not secrets_of(there):
            return Arrival()
        secret = self._placement.secret_name(there.metadata.annotations[NAME])
        return self._cluster.arrival(there.metadata.name, secret)

    def restart_for(self, there: ArgoApplication, notes: Mapping[str, str]) -> bool:
        """Restart what runs with other values than these; say whether there is news to note."""
        before = there.metadata.annotations.get(DELIVERED, "")
        restartable = [each for each in there.status.resources if is_restartable(each)]
        if before and before != notes.get(DELIVERED, before) and restartable:
            for resource in restartable:
                self._applications.restart(there.metadata.name, resource)
            self._applications.refresh(there.metadata.name)  # or the old pods' health is told
        return not notes.items() <= there.metadata.annotations.items()

    def _value(self, key: str) -> SecretValue | None:
        try:
            return self._secrets.get(key)
        except SecretNotFoundError:
            return None


def is_restartable(resource: Resource) -> bool:
    """Say whether an object is one whose pods are replaced by others that read new values."""
    return (resource.group, resource.kind) in _RESTARTABLE


def _notes(delivery: Delivery, supplies: Mapping[str, Supply]) -> dict[str, str]:
    missing = {MISSING: ",".join(sorted(delivery.missing))}
    if supplies and not delivery.revision:
        return missing  # nothing is there that could have replaced what runs
    return {DELIVERED: delivery.revision, **missing}
