"""Looking closer at an application that is not well: its objects, what was told of them, logs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from thinkube_catalog.adapters.argocd.answers import ArgoApplication, Node, Tree
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.causes import Evidence, Seen, causes_of
from thinkube_catalog.adapters.argocd.causes.evidence import items, mapping
from thinkube_catalog.adapters.argocd.cluster import Arrival
from thinkube_catalog.adapters.argocd.progress import Stage, progress
from thinkube_catalog.adapters.argocd.status import Details, newest_pods
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Build
from thinkube_catalog.domain.gitops import EngineUnavailableError

FRESH_SECONDS = 3.0
"""How long a close look at trouble is good for: waiting people ask several times a second."""

HEALTHY_FRESH_SECONDS = 15.0

_TREE_SECONDS = 5.0  # without its cache Argo CD waits for its controller, be it there or not
_MOST_OBJECTS = 8  # a broken application tends to be broken alike everywhere
_LAST_LINES = 20
_TELLING = ("Pod", "PersistentVolumeClaim", "Job", "ReplicaSet", "StatefulSet", "DaemonSet")

_log = logging.getLogger(__name__)

Builds = Callable[[ArgoApplication, str], Build | None]
Arrivals = Callable[[ArgoApplication], Arrival]


@dataclass(frozen=True)
class _Look:
    version: int
    at: float
    details: Details


class Closer:
    """Keeps what it saw for a moment, by record."""

    def __init__(self, applications: Applications, builds: Builds, arrivals: Arrivals) -> None:
        self._applications = applications
        self._builds, self._arrivals = builds, arrivals
        self._looks: dict[str, _Look] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def look(self, there: ArgoApplication) -> Details:
        """Return the objects, and why the application is not well. Never raises for trouble."""
        name, now = there.metadata.name, progress(there)
        fresh = HEALTHY_FRESH_SECONDS if now.healthy else FRESH_SECONDS
        with self._turn(name):  # who comes meanwhile gets what the first one saw
            known = self._looks.get(name)
            if known and known.version == there.version and time.monotonic() - known.at < fresh:
                return known.details
            details = self._details(there)
            self._looks[name] = _Look(there.version, time.monotonic(), details)
            return details

    def forget(self, name: str) -> None:
        """Look anew the next time."""
        self._looks.pop(name, None)

    def _turn(self, name: str) -> threading.Lock:
        with self._lock:
            return self._turns.setdefault(name, threading.Lock())

    def _details(self, there: ArgoApplication) -> Details:
        now = progress(there)
        if now.stage in {Stage.NO_COMMIT, Stage.WAITING, Stage.REMOVING}:
            return Details()
        try:
            tree = self._applications.tree(there.metadata.name, _TREE_SECONDS)
        except EngineUnavailableError as error:
            # Argo CD has no tree while it cannot compare; the record says why.
            _log.info("no objects of %s: %s", there.metadata.name, error)
            tree = Tree()
        arrival = self._arrival(there)
        if now.healthy:
            return Details(tree, arrival=arrival)
        seen = tuple(self._seen(there.metadata.name, node) for node in _unwell(tree))
        build = self._build(there, now.wanted) if seen else None
        causes = causes_of(Evidence(there, seen, datetime.now(UTC), build))
        return Details(tree, causes, arrival)

    def _arrival(self, there: ArgoApplication) -> Arrival:
        try:
            return self._arrivals(there)
        except EngineUnavailableError as error:
            _log.info("nothing known of the secrets of %s: %s", there.metadata.name, error)
            return Arrival()

    def _build(self, there: ArgoApplication, commit: str) -> Build | None:
        try:
            return self._builds(there, commit)
        except CatalogError as error:
            _log.info("nothing known of the build of %s: %s", there.metadata.name, error)
            return None

    def _seen(self, record: str, node: Node) -> Seen:
        try:
            events = self._applications.events(record, node)
            if node.kind not in {"Pod", "PersistentVolumeClaim"}:
                return Seen(node, {}, events)
            manifest = self._applications.manifest(record, node)
            lines = self._last_lines(record, node, manifest) if node.kind == "Pod" else ()
            return Seen(node, manifest, events, lines)
        except EngineUnavailableError as error:
            _log.info("no look at %s %s: %s", node.kind, node.name, error)
            return Seen(node, {})

    def _last_lines(self, record: str, node: Node, manifest: dict[str, object]) -> tuple[str, ...]:
        """Return what a container that has ended said last."""
        states = [
            *items(mapping(manifest.get("status")).get("initContainerStatuses")),
            *items(mapping(manifest.get("status")).get("containerStatuses")),
        ]
        for state in states:
            now, last = mapping(state.get("state")), mapping(state.get("lastState"))
            if not (now.get("terminated") or last.get("terminated")):
                continue
            asked: dict[str, str | int] = {
                "container": str(state.get("name")),
                "tailLines": _LAST_LINES,
            }
            if not now.get("terminated"):
                asked["previous"] = "true"
            try:
                found = self._applications.log(record, node, asked)
            except EngineUnavailableError:
                continue  # there is no log of it any more
            return tuple(each.content for each in found if not each.last)
        return ()


def _unwell(tree: Tree) -> list[Node]:
    """Return the objects that can say what is wrong, the most telling kinds first."""
    pods = {node.uid for node in newest_pods(tree)}
    fitting = [
        node for node in tree.nodes if node.kind in _TELLING and _is_unwell(node, pods, tree)
    ]
    fitting.sort(key=lambda node: _TELLING.index(node.kind))
    others = [node for node in tree.nodes if _speaks_for_itself(node)]
    return list(_each_kind_bounded([*fitting, *others]))


def _speaks_for_itself(node: Node) -> bool:
    """Say whether an object is ill of which nothing else tells, as a Deployment's pods do of it."""
    told = node.kind in _TELLING or node.kind == "Deployment"
    return not told and node.health.status == "Degraded"


def _each_kind_bounded(nodes: list[Node]) -> Iterator[Node]:
    count: dict[str, int] = {}
    for node in nodes:
        count[node.kind] = count.get(node.kind, 0) + 1
        if count[node.kind] <= _MOST_OBJECTS:
            yield node


def _is_unwell(node: Node, pods: set[str], tree: Tree) -> bool:
    if node.kind == "Pod":
        return node.uid in pods and node.health.status != "Healthy"
    if node.kind in {"PersistentVolumeClaim", "Job"}:
        return node.health.status != "Healthy"
    made = any(parent.uid == node.uid for pod in tree.of_kind("Pod") for parent in pod.parent_refs)
    return node.health.status != "Healthy" or not made
