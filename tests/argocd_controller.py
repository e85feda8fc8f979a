"""Argo CD's controller, as a stand-in: it compares, syncs and deletes what records say."""

from __future__ import annotations

import copy
import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.argocd_objects import Live, Refused, check, objects_in, stamp
from tests.faulty import Faulty
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Forge, Repository

REPOSITORIES = "http://forge.example/"
CASCADE = "resources-finalizer.argocd.argoproj.io"
RIGHTS = frozenset(
    {
        "applications get",
        "applications create",
        "applications update",
        "applications delete",
        "applications sync",
        "applications action",
        "logs get",
        "repositories create",
        "repositories get",
        "repositories delete",
    }
)
REFRESH = "argocd.argoproj.io/refresh"
_COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
TICK = 0.02


@dataclass
class Record:
    """An application: the record that is shown, and what was made of it."""

    body: dict[str, Any]
    live: dict[tuple[str, str], Live] = field(default_factory=dict)
    looked_at: float = 0.0
    held: str = ""  # a finalizer of something that does not go
    blind_for: str = ""  # a commit that could not be compared, and is now taken to be there

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body.setdefault("status", {})
        return found

    @property
    def annotations(self) -> dict[str, str]:
        found: dict[str, str] = self.body["metadata"].setdefault("annotations", {})
        return found


@dataclass(kw_only=True)
class ArgoCdStandIn(Faulty):
    """Its content, for tests to look at and to change as somebody else would."""

    forge: Forge
    cluster: MemoryCluster
    project: str = "thinkube"
    tokens: dict[str, frozenset[str]] = field(default_factory=lambda: {"the-token": RIGHTS})
    records: dict[str, Record] = field(default_factory=dict)
    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    watchers: list[queue.Queue[dict[str, Any] | None]] = field(default_factory=list)
    looks_every: float = 60.0  # seconds after which a branch is looked at unasked
    reachable: bool = True  # whether the forge answers Argo CD
    controller_runs: bool = True
    restarts: list[str] = field(default_factory=list)
    versions: int = 100
    heartbeat: float = 0.2
    poisoned: set[str] = field(default_factory=set)  # commits that it has given up reading
    mute: bool = False  # whether streams say nothing but that they are there
    closed: threading.Event = field(default_factory=threading.Event)

    def touch(self, record: Record, kind: str = "MODIFIED") -> None:
        """Store a change, and tell those who watch."""
        self.versions += 1
        record.body["metadata"]["resourceVersion"] = str(self.versions)
        event = {"type": kind, "application": copy.deepcopy(record.body)}
        for each in self.watchers if not self.mute else ():
            each.put(event)

    def drop_watchers(self) -> None:
        """End all streams, as a restart of the server does."""
        with self.lock:
            for each in self.watchers:
                each.put(None)

    def the(self, name: str) -> Record:
        """Return a record that has to be there."""
        return self.records[name]


def control(argocd: ArgoCdStandIn) -> None:
    while not argocd.closed.wait(TICK):
        if argocd.controller_runs:
            with argocd.lock:
                for record in list(argocd.records.values()):
                    _advance(argocd, record)


def _advance(argocd: ArgoCdStandIn, record: Record) -> None:
    metadata = record.body["metadata"]
    if "operation" in record.body:
        _operate(argocd, record)
    elif "deletionTimestamp" in metadata:
        _delete(argocd, record)
        return
    changed = [live.look() for live in record.live.values()]
    asked = record.annotations.pop(REFRESH, None)
    due = time.monotonic() - record.looked_at > argocd.looks_every
    if asked or due or record.looked_at == 0:
        record.looked_at = time.monotonic()
        if asked == "hard":
            argocd.poisoned.clear()
            record.blind_for = ""
        _compare(argocd, record)
        argocd.touch(record)
    elif any(changed):
        observe(record)
        argocd.touch(record)


def head(argocd: ArgoCdStandIn, record: Record) -> str:
    """Return the branch's commit. Raises Refused as the repo-server does."""
    url = str(record.body["spec"]["source"]["repoURL"])
    repository = _repository(url)
    if not argocd.reachable:
        raise Refused("failed to list refs: dial tcp 10.0.0.1:3000: connect: connection refused")
    try:
        head = argocd.forge.head(repository)
    except CatalogError as error:
        raise Refused("authentication required: Repository not found") from error
    if head is None:
        raise Refused("failed to list refs: remote repository is empty")
    return head.id


def _repository(url: str) -> Repository:
    owner, name = url.removesuffix(".git").split("/")[-2:]
    return Repository(owner, name)


def _manifests(argocd: ArgoCdStandIn, record: Record, commit: str) -> list[dict[str, Any]]:
    url = str(record.body["spec"]["source"]["repoURL"])
    if commit in argocd.poisoned:
        raise Refused("Manifest generation error (cached): kustomize: executable file not found")
    try:
        files = argocd.forge.files(_repository(url), commit)
    except CatalogError as error:
        raise Refused(f"failed to checkout revision {commit}: unable to read tree") from error
    if not any(path.startswith("k8s/") for path in files):
        raise Refused(
            f"Manifest generation error (cached): k8s: app path does not exist ({commit})"
        )
    asked = record.body["spec"]["source"].get("kustomize", {}).get("namespace")
    return objects_in(files, asked)


def _compare(argocd: ArgoCdStandIn, record: Record) -> None:
    status = record.status
    try:
        commit = head(argocd, record)
        wanted = {
            (each["kind"], each["metadata"]["name"]): each
            for each in _manifests(argocd, record, commit)
        }
        _diff(argocd, record, commit, wanted.values())
    except Refused as refused:
        message = f"Failed to load target state: {refused}"
        status["conditions"] = [{"type": "ComparisonError", "message": message}]
        status["sync"] = {"status": "Unknown", "revision": "main"}
        status.setdefault("health", {"status": "Healthy"})
        status["reconciledAt"] = stamp()
        return
    status.pop("conditions", None)
    same = wanted.keys() == record.live.keys() and all(
        record.live[key].applied == each for key, each in wanted.items()
    )
    extra = [key for key in record.live if key not in wanted and not record.live[key].kept]
    missing = wanted.keys() - record.live.keys()
    changed = any(record.live[key].applied != wanted[key] for key in wanted.keys() - missing)
    synced = same or not (extra or missing or changed) or record.blind_for == commit
    routes = any(kind == "HTTPRoute" for kind, _ in record.live)
    if routes and "ServerSideDiff=true" not in record.annotations.get(_COMPARE_OPTIONS, ""):
        synced = False  # the defaults of kinds that others define are known to the cluster alone
    status["sync"] = {"status": "Synced" if synced else "OutOfSync", "revision": commit}
    status["reconciledAt"] = stamp()
    observe(record, wanted)
    if not synced:
        _auto_sync(argocd, record, commit)


def _diff(
    argocd: ArgoCdStandIn, record: Record, commit: str, wanted: Iterable[dict[str, Any]]
) -> None:
    """Ask the cluster what would change. What failed is taken from the cache the next time."""
    if record.blind_for == commit:
        return
    for each in wanted:
        try:
            check(each, argocd.cluster.namespaces)
        except Refused as refused:
            record.blind_for = commit
            raise Refused(f"Failed to compare desired state to live state: {refused}") from refused


def observe(record: Record, wanted: dict[tuple[str, str], Any] | None = None) -> None:
    """Note objects and their health."""
    status = record.status
    keys = {**record.live, **(wanted or {})} if wanted is not None else record.live
    resources = []
    healths = []
    for key in sorted(keys):
        live = record.live.get(key)
        found: dict[str, Any] = {
            "kind": key[0],
            "name": key[1],
            "namespace": namespace(record),
            "version": "v1",
        }
        source = live.manifest if live else (wanted or {})[key]
        group, _, version = str(source["apiVersion"]).rpartition("/")
        found |= {"group": group, "version": version} if group else {"version": version}
        found["status"] = "Synced" if live else "OutOfSync"
        health = live.health if live else {"status": "Missing"}
        if health:
            found["health"] = health
            healths.append(health["status"])
        resources.append(found)
    status["resources"] = resources
    order = ["Degraded", "Progressing", "Suspended", "Healthy"]
    status["health"] = {"status": next((each for each in order if each in healths), "Healthy")}
    if resources and all(each == "Missing" for each in healths):
        status["health"] = {"status": "Missing"}


def _auto_sync(argocd: ArgoCdStandIn, record: Record, commit: str) -> None:
    policy = record.body["spec"].get("syncPolicy", {}).get("automated")
    state = record.status.get("operationState", {})
    if policy is None or "operation" in record.body:
        return
    tried = state.get("syncResult", {}).get("revision") == commit
    if tried and state["phase"] in {"Failed", "Error"}:
        message = f"Failed last sync attempt to [{commit}]: {state['message']}"
        record.status["conditions"] = [{"type": "SyncError", "message": message}]
        return
    ask(record, commit, {"automated": True}, [])


def ask(record: Record, commit: str, by: dict[str, Any], infos: list[dict[str, str]]) -> None:
    record.body["operation"] = {
        "sync": {"revision": commit, "prune": True},
        "initiatedBy": by,
        **({"info": infos} if infos else {}),
        "retry": record.body["spec"]["syncPolicy"].get("retry", {}),
    }
    record.status.pop("operationState", None)


def _operate(argocd: ArgoCdStandIn, record: Record) -> None:
    operation = record.body["operation"]
    state = record.status.get("operationState")
    if state is None:
        record.status["operationState"] = {
            "operation": operation,
            "phase": "Running",
            "startedAt": stamp(),
        }
        argocd.touch(record)
        return
    if state["phase"] == "Terminating":
        _finish(argocd, record, "Failed", "Operation terminated")
        return
    if "finishedAt" in state:
        if time.monotonic() < state["retryAt"]:
            return
        for key in ("finishedAt", "retryAt", "syncResult"):
            state.pop(key, None)
        if operation["retry"].get("refresh"):
            operation["sync"]["revision"] = ""
    _apply_all(argocd, record, operation, state)


def _apply_all(
    argocd: ArgoCdStandIn, record: Record, operation: dict[str, Any], state: dict[str, Any]
) -> None:
    results: list[dict[str, Any]] = []
    commit = operation["sync"]["revision"]
    try:
        commit = commit or head(argocd, record)
        wanted = _manifests(argocd, record, commit)
    except Refused as refused:
        state["syncResult"] = {"revision": ""}
        message = f"ComparisonError: Failed to load target state: {refused}"
        _fail_or_retry(argocd, record, "Error", message)
        return
    state["syncResult"] = {"revision": commit, "resources": results}
    for each in wanted:
        try:
            check(each, argocd.cluster.namespaces)
        except Refused as refused:
            results.append(_result(each, "SyncFailed", str(refused)))
    if results:
        _fail_or_retry(argocd, record, "Failed", "one or more objects failed to apply")
        return
    _take_over(argocd, record, wanted)
    _finish(argocd, record, "Succeeded", "successfully synced (all tasks run)")


def _result(wanted: dict[str, Any], status: str, message: str) -> dict[str, Any]:
    name = wanted["metadata"]["name"]
    return {"kind": wanted["kind"], "name": name, "status": status, "message": message}


def _fail_or_retry(argocd: ArgoCdStandIn, record: Record, phase: str, message: str) -> None:
    state, operation = record.status["operationState"], record.body["operation"]
    retries, retry = state.get("retryCount", 0), operation["retry"]
    if retries >= retry.get("limit", 0):
        told = f"{message} (retried {retries} times)." if retries else message
        _finish(argocd, record, phase, told)
        return
    state["retryCount"] = retries + 1
    state["finishedAt"] = stamp()
    first = float(str(retry.get("backoff", {}).get("duration", "5s")).removesuffix("s"))
    state["retryAt"] = time.monotonic() + first
    state["message"] = f"{message}. Retrying attempt #{retries + 1} at 3:04PM."
    argocd.touch(record)


def _take_over(argocd: ArgoCdStandIn, record: Record, wanted: list[dict[str, Any]]) -> None:
    keys = set()
    for each in wanted:
        key = (each["kind"], each["metadata"]["name"])
        keys.add(key)
        if key in record.live:
            record.live[key].apply(each)
        else:
            record.live[key] = live = Live(copy.deepcopy(each), copy.deepcopy(each))
            live.failed = "test-failed" in each["metadata"].get("labels", {})
            live.start()
            if each["kind"] == "PersistentVolumeClaim":
                claims = argocd.cluster.namespaces[namespace(record)].claims
                claims += [key[1]] if key[1] not in claims else []
    for key in [key for key in record.live if key not in keys]:
        if not record.live[key].kept:
            del record.live[key]


def _finish(argocd: ArgoCdStandIn, record: Record, phase: str, message: str) -> None:
    state = record.status["operationState"]
    state |= {"phase": phase, "message": message, "finishedAt": stamp()}
    state.pop("retryAt", None)
    del record.body["operation"]
    argocd.touch(record)
    record.annotations[REFRESH] = "normal"


def _delete(argocd: ArgoCdStandIn, record: Record) -> None:
    if record.held:
        return
    finalizers = record.body["metadata"].get("finalizers", [])
    if CASCADE in finalizers:
        for key, live in list(record.live.items()):
            if not live.kept:
                del record.live[key]
                if key[0] == "PersistentVolumeClaim":
                    there = argocd.cluster.namespaces.get(namespace(record))
                    if there and key[1] in there.claims:
                        there.claims.remove(key[1])
    del argocd.records[record.name]
    argocd.touch(record, "DELETED")


def namespace(record: Record) -> str:
    return str(record.body["spec"]["destination"]["namespace"])
