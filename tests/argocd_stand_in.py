"""A stand-in for Argo CD's server: its API as far as we use it.

It answers as Argo CD 3.5 does, also where that is surprising. Its cluster is in memory.
"""

from __future__ import annotations

import copy
import json
import queue
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from tests.argocd_controller import (
    CASCADE,
    REFRESH,
    TICK,
    ArgoCdStandIn,
    Record,
    ask,
    control,
    head,
    namespace,
    observe,
)
from tests.argocd_objects import RESTARTED, Live, Refused, pod_manifest, stamp
from tests.faulty import FaultyHandler, Reply, serving
from tests.kubernetes_stand_in import merged
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.domain.forge import Forge


@contextmanager
def argocd_stand_in(forge: Forge, cluster: MemoryCluster) -> Generator[ArgoCdStandIn]:
    """Serve, and control."""
    argocd = ArgoCdStandIn(forge=forge, cluster=cluster)
    controller = threading.Thread(target=control, args=(argocd,))
    controller.start()
    try:
        with serving(argocd, _Handler):
            try:
                yield argocd
            finally:
                argocd.closed.set()
                argocd.drop_watchers()
    finally:
        argocd.closed.set()
        controller.join()


class Refusal(Exception):  # noqa: N818 (it is an answer, not a failure of ours)
    """An answer that ends a call early: an HTTP status, gRPC's code, a text."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        body = {"error": message, "message": message, "code": code, "details": []}
        self.reply = Reply(status, body)


def _denied() -> Refusal:
    return Refusal(403, 7, "permission denied")


class _Handler(FaultyHandler):
    stand_in: ArgoCdStandIn

    def _answer(self, fault: str) -> None:
        if "/stream/" in self.path:
            self.answer()  # as it comes, not when it is whole
        else:
            super()._answer(fault)

    def answer(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if self.command != "GET" and self.headers.get("Content-Type") != "application/json":
            self.send(Reply(415, "Invalid content type"))
            return
        authorization = self.headers.get("Authorization", "")
        rights = self.stand_in.tokens.get(authorization.removeprefix("Bearer "))
        if rights is None or not authorization.startswith("Bearer "):
            message = "invalid session: token is expired"
            self.send(Refusal(401, 16, message).reply)
            return
        segments = [unquote(part) for part in parts.path.split("/") if part][2:]
        body = self.body() if self.command != "GET" else {}
        call = Call(self.stand_in, self.command, query, body, rights)
        try:
            if segments == ["stream", "applications"]:
                self._stream(call)
            elif segments[0] == "applications" and segments[-1] == "logs":
                with self.stand_in.lock:
                    text = call.logs(segments[1])
                self.send(Reply(200, text))
            else:
                self.send(call.answer(segments))
        except Refusal as refusal:
            self.send(refusal.reply)

    def _stream(self, call: Call) -> None:
        """Send what there is and what changes; no sign tells where the one becomes the other."""
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with self.stand_in.lock:
            there = [copy.deepcopy(it.body) for it in call.listed()]
            self.stand_in.watchers.append(events)
        try:
            head = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            self.wfile.write(head.encode())
            for body in there:
                self._event({"type": "ADDED", "application": body})
            while not self.stand_in.closed.is_set():
                try:
                    event = events.get(timeout=self.stand_in.heartbeat)
                except queue.Empty:
                    self.wfile.write(b":\n\n")
                    continue
                if event is None:
                    return
                self._event(event)
        except OSError:
            return
        finally:
            self.stand_in.watchers.remove(events)
            self.close_connection = True

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps({'result': event})}\n\n".encode())


@dataclass
class Call:
    """One call of the API."""

    argocd: ArgoCdStandIn
    method: str
    query: dict[str, list[str]]
    body: Any
    rights: frozenset[str]

    def answer(self, segments: list[str]) -> Reply:
        match self.method, segments:
            case "GET", ["applications", name] if "refresh" in self.query:
                return self._refreshed(name)
            case _, ["applications", *rest]:
                with self.argocd.lock:
                    return self._application(rest)
            case _, ["repositories", *rest]:
                with self.argocd.lock:
                    return self._repositories(rest)
        raise Refusal(404, 5, "Not Found")

    def listed(self) -> list[Record]:
        """Return the records that the query asks for and this token may see."""
        self._need("applications get")
        projects = self.query.get("projects", [])
        selector = dict(
            part.split("=", 1) for part in self._asked("selector").split(",") if "=" in part
        )
        return [
            record
            for _, record in sorted(self.argocd.records.items())
            if record.body["spec"]["project"] in (projects or [self.argocd.project])
            and selector.items() <= record.body["metadata"].get("labels", {}).items()
        ]

    def logs(self, name: str) -> str:
        self._need("logs get")
        record = self._record(name)
        pod, live = self._pod(record, self._asked("podName"))
        lines = [] if pod is None else pod.lines
        since = int(self._asked("sinceTime.seconds") or -(10**11))
        lines = [it for it in lines if _seconds(it[0]) >= since]
        tail = int(self._asked("tailLines") or 0)
        told = [
            {"content": text, "timeStampStr": at, "podName": pod.name if pod else "", "last": False}
            for at, text in (lines[-tail:] if tail else lines)
        ]
        end = {"content": "", "timeStampStr": stamp(), "podName": "", "last": True}
        shown = [*told, end] if live is not None else []  # no pods, no lines
        return "".join(json.dumps({"result": each}) + "\n" for each in shown)

    def _application(self, rest: list[str]) -> Reply:  # noqa: C901, PLR0911 (a table of calls)
        match self.method, rest:
            case "GET", []:
                return Reply(200, {"metadata": {}, "items": [it.body for it in self.listed()]})
            case "POST", []:
                return self._create()
            case "GET", [name]:
                return Reply(200, self._record(name).body)
            case "PUT", [name]:
                return self._replace(self._record(name, "update"))
            case "DELETE", [name]:
                return self._delete(self._record(name, "delete"))
            case "POST", [name, "sync"]:
                return self._sync(self._record(name, "sync"))
            case "DELETE", [name, "operation"]:
                return self._terminate(self._record(name, "sync"))
            case "GET", [name, "resource-tree"]:
                return self._tree(self._record(name))
            case "GET", [name, "events"]:
                return self._events(self._record(name))
            case _, [name, "resource", *what]:
                return self._resource(name, what)
        raise Refusal(404, 5, "Not Found")

    def _need(self, right: str) -> None:
        if right not in self.rights:
            raise _denied()

    def _asked(self, name: str) -> str:
        return self.query.get(name, [""])[0]

    def _record(self, name: str, action: str = "get") -> Record:
        self._need(f"applications {action}")
        given = self.body.get("project", "") if isinstance(self.body, dict) else ""
        project = self._asked("project") or given
        record = self.argocd.records.get(name)
        there = record is not None and record.body["spec"]["project"] == project
        if not project and record is not None:
            return record
        if not project:
            raise _denied()  # also for what does not exist
        if record is None or not there:
            raise Refusal(404, 5, f'applications.argoproj.io "{name}" not found')
        return record

    def _create(self) -> Reply:
        self._need("applications create")
        body = copy.deepcopy(self.body)
        body.pop("operation", None)
        name, spec = body["metadata"]["name"], body["spec"]
        if spec["project"] != self.argocd.project:
            raise _denied()
        place = spec["destination"]
        if ("server" in place) == ("name" in place):
            raise Refusal(400, 3, "application destination can't have both name and server")
        self._validate(spec)
        there = self.argocd.records.get(name)
        if there is None:
            body["metadata"] |= {"uid": str(uuid4()), "creationTimestamp": stamp()}
            self.argocd.records[name] = record = Record(body)
            self.argocd.touch(record, "ADDED")
            return Reply(200, record.body)
        return self._upsert(there, body)

    def _validate(self, spec: dict[str, Any]) -> None:
        if self._asked("validate") == "false":
            return
        try:
            head(self.argocd, Record({"spec": spec, "metadata": {"name": "new"}}))
        except Refused as refused:
            raise Refusal(400, 3, f"application spec is invalid: {refused}") from refused

    def _upsert(self, there: Record, body: dict[str, Any]) -> Reply:
        if there.body["spec"]["project"] != body["spec"]["project"]:
            raise _denied()
        metadata = there.body["metadata"]
        parts = ("labels", "annotations", "finalizers")
        same = all(metadata.get(part) == body["metadata"].get(part) for part in parts)
        if same and there.body["spec"] == body["spec"]:
            return Reply(200, there.body)
        if self._asked("upsert") != "true":
            told = "existing application spec is different, use upsert flag to force update"
            raise Refusal(400, 3, told)
        self._need("applications update")
        there.body["spec"] = body["spec"]
        for part in ("labels", "annotations"):
            metadata[part] = {**metadata.get(part, {}), **body["metadata"].get(part, {})}
        metadata["finalizers"] = body["metadata"].get("finalizers", [])
        self.argocd.touch(there)
        return Reply(200, there.body)

    def _replace(self, there: Record) -> Reply:
        there.body["spec"] = self.body["spec"]
        for part in ("labels", "annotations", "finalizers"):
            there.body["metadata"][part] = self.body["metadata"].get(part) or {}
        self.argocd.touch(there)
        return Reply(200, there.body)

    def _refreshed(self, name: str) -> Reply:
        """Block until the controller has looked, as long as that takes."""
        with self.argocd.lock:
            self._record(name).annotations[REFRESH] = self._asked("refresh")
        while not self.argocd.closed.wait(TICK):
            with self.argocd.lock:
                record = self._record(name)
                if REFRESH not in record.annotations:
                    return Reply(200, copy.deepcopy(record.body))
        raise Refusal(500, 2, "application refresh deadline exceeded")

    def _delete(self, there: Record) -> Reply:
        cascade = self._asked("cascade") != "false"
        if not cascade and self._asked("propagationPolicy"):
            raise Refusal(400, 3, "cannot set propagation policy when cascading is disabled")
        metadata = there.body["metadata"]
        metadata["finalizers"] = [CASCADE] if cascade else []
        metadata.setdefault("deletionTimestamp", stamp())
        self.argocd.touch(there)
        return Reply(200, {})

    def _sync(self, there: Record) -> Reply:
        if "deletionTimestamp" in there.body["metadata"]:
            raise Refusal(400, 9, "application is deleting")
        if self.body.get("revision"):
            raise Refusal(400, 9, "Cannot sync to other revision: auto-sync currently set to main")
        try:
            commit = head(self.argocd, there)
        except Refused as refused:
            raise Refusal(400, 9, str(refused)) from refused
        if "operation" in there.body:
            raise Refusal(400, 9, "another operation is already in progress")
        ask(there, commit, {"username": "thinkube"}, self.body.get("infos", []))
        self.argocd.touch(there)
        return Reply(200, there.body)

    def _terminate(self, there: Record) -> Reply:
        if "operation" not in there.body or "operationState" not in there.status:
            told = "Unable to terminate operation. No operation is in progress"
            raise Refusal(400, 3, told)
        there.status["operationState"]["phase"] = "Terminating"
        self.argocd.touch(there)
        return Reply(200, {})

    def _tree(self, there: Record) -> Reply:
        nodes: list[dict[str, Any]] = []
        for live in there.live.values():
            nodes += _nodes(live, namespace(there))
        return Reply(200, {"nodes": nodes})

    def _events(self, there: Record) -> Reply:
        pod, _ = self._pod(there, self._asked("resourceName"))
        if pod is None or pod.uid != self._asked("resourceUID"):
            return Reply(200, {"metadata": {}, "items": None})
        return Reply(200, {"metadata": {}, "items": pod.events})

    def _resource(self, name: str, what: list[str]) -> Reply:
        asked = {key: values[0] for key, values in self.query.items()}
        given = self.body if isinstance(self.body, dict) else {}
        asked |= {key: value for key, value in given.items() if isinstance(value, str)}
        action = {"GET": "get", "DELETE": "delete"}.get(self.method, "update")
        there = self._record(name, "action" if what else action)
        pod, owner = self._pod(there, asked["resourceName"])
        if pod is not None and owner is not None:
            return Reply(200, {"manifest": json.dumps(pod_manifest(pod, owner))})
        live = there.live.get((asked["kind"], asked["resourceName"]))
        if live is None:
            raise Refusal(400, 3, f"{asked['resourceName']} not found as part of application")
        if what:
            annotations = live.manifest["metadata"].setdefault("annotations", {})
            annotations[RESTARTED] = stamp()
            self.argocd.restarts.append(asked["resourceName"])
            live.roll()
        elif self.method == "POST":
            self._patch(live, json.loads(self.body))
        elif self.method == "DELETE":
            del there.live[(asked["kind"], asked["resourceName"])]
        observe(there)
        self.argocd.touch(there)
        return Reply(200, {"manifest": json.dumps(live.manifest)})

    def _patch(self, live: Live, patch: dict[str, Any]) -> None:
        if "spec" in patch:
            before = live.manifest["spec"]["template"]
            live.manifest["spec"]["template"] = merged(before, patch["spec"]["template"])
            self.argocd.restarts.append(live.manifest["metadata"]["name"])
            live.roll()
        else:
            live.manifest["metadata"] = merged(live.manifest["metadata"], patch["metadata"])

    @staticmethod
    def _pod(there: Record, name: str) -> tuple[Any, Live | None]:
        for live in there.live.values():
            for pod in live.pods:
                if pod.name == name:
                    return pod, live
        return None, None

    def _repositories(self, rest: list[str]) -> Reply:
        known = self.argocd.repositories
        match self.method, rest:
            case "GET", []:
                self._need("repositories get")
                shown = [{k: v for k, v in it.items() if k != "password"} for it in known.values()]
                return Reply(200, {"items": shown or None})
            case "POST", []:
                self._need("repositories create")
                url = self.body["repo"]
                if url in known and known[url] != self.body and self._asked("upsert") != "true":
                    raise Refusal(400, 3, "existing repository spec is different")
                known[url] = self.body
                return Reply(200, {"repo": url})
            case "DELETE", [url]:
                self._need("repositories delete")
                if url not in known:
                    raise _denied()
                del known[url]
                return Reply(200, {})
        raise Refusal(404, 5, "Not Found")


def _nodes(live: Live, place: str) -> list[dict[str, Any]]:
    kind, name = live.key
    top = {
        "group": live.group,
        "version": "v1",
        "kind": kind,
        "namespace": place,
        "name": name,
        "uid": live.uid,
        "createdAt": live.created_at,
        **({"health": live.health} if live.health else {}),
    }
    nodes: list[dict[str, Any]] = [top]
    for generation in sorted({pod.generation for pod in live.pods}):
        replica_set: dict[str, Any] = {
            "group": "apps",
            "version": "v1",
            "kind": "ReplicaSet",
            "namespace": place,
            "name": f"{name}-{generation}",
            "uid": f"{live.uid}-{generation}",
            "parentRefs": [{"group": live.group, "kind": kind, "name": name, "uid": live.uid}],
            "info": [{"name": "Revision", "value": f"Rev:{generation}"}],
            "createdAt": live.created_at,
            "health": {"status": "Healthy"},
        }
        nodes.append(replica_set)
        for pod in (it for it in live.pods if it.generation == generation):
            parent = {key: replica_set[key] for key in ("group", "kind", "name", "uid")}
            nodes.append(
                {
                    "version": "v1",
                    "kind": "Pod",
                    "namespace": place,
                    "name": pod.name,
                    "uid": pod.uid,
                    "parentRefs": [parent],
                    "info": [{"name": "Containers", "value": "1/1"}],
                    "networkingInfo": {
                        "labels": {"app.kubernetes.io/component": pod.component},
                    },
                    "createdAt": pod.created_at,
                    "health": pod.health,
                }
            )
    return nodes


def _seconds(at: str) -> float:
    return datetime.fromisoformat(re.sub(r"\.\d+", "", at)).timestamp()
