"""Calls about records of applications: listed, written, synced, deleted."""

from __future__ import annotations

import copy
from typing import Any
from uuid import uuid4

from tests.argocd_controller import CASCADE, REFRESH, TICK, Record, ask, head
from tests.argocd_objects import Refused, stamp
from tests.argocd_stand_in.calls import CallBase, Refusal, denied
from tests.faulty import Reply


class ApplicationCalls(CallBase):
    """About records of applications."""

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

    def _create(self) -> Reply:
        self._need("applications create")
        body = copy.deepcopy(self.body)
        body.pop("operation", None)
        name, spec = body["metadata"]["name"], body["spec"]
        if spec["project"] != self.argocd.project:
            raise denied()
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
            raise denied()
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
