"""Calls that read."""

from __future__ import annotations

from typing import Any

from tests.kubernetes_stand_in.calls import CallBase
from tests.kubernetes_stand_in.content import Json


class ReadingCalls(CallBase):
    """Those that read."""

    def _read(self) -> tuple[int, Any]:
        if self.name:
            self._admit("get")
            return 200, self._found()
        self._admit("list")
        inside = (it for it in self.cluster.objects if it[:2] == (self.plural, self.namespace))
        keys = sorted(it for it in inside if self._is_chosen(self.cluster.objects[it]))
        start = int(self.query.get("continue", ["0"])[0])
        end = start + min(2, int(self.query.get("limit", ["500"])[0]))  # small, so that it pages
        rest = {"continue": str(end)} if end < len(keys) else {}
        items = [self.cluster.objects[key] for key in keys[start:end]]
        return 200, {"kind": "List", "metadata": rest, "items": items}

    def _is_chosen(self, made: Json) -> bool:
        for each in filter(None, ",".join(self.query.get("fieldSelector", [])).split(",")):
            path, _, wanted = each.partition("=")
            found: Any = made
            for part in path.split("."):
                found = found[part]
            if found != wanted:
                return False
        return True

    def _review(self) -> tuple[int, Any]:
        wanted = self.body["spec"]["resourceAttributes"]
        grant = (wanted["verb"], wanted["group"], wanted["resource"])
        return 201, {**self.body, "status": {"allowed": grant in self.cluster.rights}}
