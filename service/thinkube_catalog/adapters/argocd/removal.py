"""Removing an application, in an order that does not get stuck; what is left is named.

The record goes first, with everything that it made, while Argo CD still knows project, cluster and
repository: without one of them it cannot finish. Then its credentials, then the namespace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.client import LostAnswerError
from thinkube_catalog.adapters.argocd.cluster import Cluster, NamespaceTakenError
from thinkube_catalog.adapters.argocd.desired import SYNC_OPTIONS, Placement
from thinkube_catalog.adapters.argocd.progress import is_syncing
from thinkube_catalog.domain.environment import PULL_SECRET
from thinkube_catalog.domain.gitops import EngineBusyError, EngineUnavailableError

_PAUSE = 0.25
_LONGEST_PAUSE = 2.0


class Removal:
    """Waits at most `patience` seconds for each of Argo CD and the cluster."""

    def __init__(
        self,
        applications: Applications,
        cluster: Cluster,
        placement: Placement,
        patience: float,
    ) -> None:
        self._applications, self._cluster = applications, cluster
        self._placement = placement
        self._patience = patience

    def remove_record(self, there: ArgoApplication, *, volumes: bool) -> None:
        """Delete the record with what it made, and wait until it is gone.

        Raises EngineBusyError, which names what holds it up, if that takes too long.
        """
        name = there.metadata.name
        if not volumes:
            self._keep_claims(there)
        if is_syncing(there):  # Argo CD deletes nothing while an operation is under way
            self._applications.terminate(name)
        self._delete(name)
        if not _wait(lambda: self._is_gone(there), self._patience):
            raise EngineBusyError(self._held_up(self._applications.find(name) or there))

    def remove_namespace(self, name: str, marker: str, *, volumes: bool) -> Sequence[str]:
        """Delete the namespace, or keep it where claims have to stay; return what is left."""
        namespace = self._placement.record_name(name)
        try:
            claims = [] if volumes else list(self._cluster.claims(namespace))
            if claims:
                secrets = (self._placement.secret_name(name), PULL_SECRET)
                self._cluster.release_namespace(namespace, marker, secrets)
                kept = ", ".join(claims)
                return [f"the stored files of {name}: {kept} in the namespace {namespace}"]
            left: Sequence[str] = self._cluster.remove_namespace(namespace, marker)
            if left:
                _wait(lambda: not self._cluster.remove_namespace(namespace, marker), self._patience)
                left = self._cluster.remove_namespace(namespace, marker)
        except NamespaceTakenError:
            return []  # it belongs to somebody else by now
        return list(left)

    def _keep_claims(self, there: ArgoApplication) -> None:
        for resource in there.status.resources:
            if resource.kind != "PersistentVolumeClaim":
                continue
            found = self._applications.manifest(there.metadata.name, resource)
            if found and "Delete=false" not in annotation_of(found, SYNC_OPTIONS):
                self._applications.keep(there.metadata.name, resource)

    def _delete(self, name: str) -> None:
        with suppress(LostAnswerError):  # whether it was heard shows at the record
            self._applications.delete(name)

    def _is_gone(self, there: ArgoApplication) -> bool:
        found = self._applications.find(there.metadata.name)
        if found is None or found.metadata.uid != there.metadata.uid:
            return True
        if found.metadata.deletion_timestamp is None:
            self._delete(there.metadata.name)  # it was not heard
        return False

    def _held_up(self, there: ArgoApplication) -> str:
        name = there.metadata.name
        told = [each.message for each in there.status.conditions if each.type == "DeletionError"]
        try:
            nodes = self._applications.tree(name).nodes
            told += [f"{node.kind} {node.name} is still there" for node in nodes[:5]]
        except EngineUnavailableError:
            pass  # then the finalizers have to do
        held = ", ".join(there.metadata.finalizers) or "no finalizer"
        why = f": {'; '.join(told)}" if told else ""
        return f"Argo CD is still removing {name} (held by {held}){why}"


def annotation_of(manifest: Mapping[str, Any], name: str) -> str:
    """Return an annotation of an object; empty where it has none."""
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return str(annotations.get(name, "")) if isinstance(annotations, dict) else ""


def _wait(done: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    pause = _PAUSE
    while not done():
        if time.monotonic() + pause >= deadline:
            return False
        time.sleep(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE)
    return True
