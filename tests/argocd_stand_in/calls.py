"""One call of the API: what it asks for, and whether it may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.argocd_controller import ArgoCdStandIn, Record
from tests.faulty import Reply


class Refusal(Exception):  # noqa: N818 (it is an answer, not a failure of ours)
    """An answer that ends a call early: an HTTP status, gRPC's code, a text."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        body = {"error": message, "message": message, "code": code, "details": []}
        self.reply = Reply(status, body)


def denied() -> Refusal:
    return Refusal(403, 7, "permission denied")


@dataclass
class CallBase:
    """One call of the API."""

    argocd: ArgoCdStandIn
    method: str
    query: dict[str, list[str]]
    body: Any
    rights: frozenset[str]

    def _need(self, right: str) -> None:
        if right not in self.rights:
            raise denied()

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
            raise denied()  # also for what does not exist
        if record is None or not there:
            raise Refusal(404, 5, f'applications.argoproj.io "{name}" not found')
        return record
