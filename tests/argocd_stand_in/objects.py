"""Calls about the objects of an application: their tree, what is told of them, their logs."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from tests.argocd_controller import Record, namespace, observe
from tests.argocd_objects import RESTARTED, Live, pod_manifest, stamp
from tests.argocd_stand_in.calls import CallBase, Refusal
from tests.faulty import Reply
from tests.kubernetes_stand_in import merged


class ObjectCalls(CallBase):
    """About objects of applications."""

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
