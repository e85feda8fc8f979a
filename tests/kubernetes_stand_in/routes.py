"""Which call does what."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from tests.kubernetes_stand_in.calls import Refusal
from tests.kubernetes_stand_in.writing import WritingCalls

_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)
_PAGES: dict[str, tuple[int, Any]] = {"/version": (200, {"major": "1", "minor": "35"})}


class Call(WritingCalls):
    """One call of the API, whatever it does."""

    def answer(self, authorization: str, form: str) -> tuple[int, Any]:
        """Return status and body. Raises Refusal."""
        if authorization.removeprefix("Bearer ") not in self.cluster.tokens:
            raise Refusal(401, "Unauthorized", "Unauthorized")
        found = _PATH.fullmatch(self.path)
        if found is None or (found["group"] or "") not in self.cluster.groups:
            return _PAGES.get(self.path, (404, "404 page not found\n"))
        self.group, self.plural = found["group"] or "", found["plural"]
        self.namespace, self.name = (unquote(found[it] or "") for it in ("namespace", "name"))
        match self.method:
            case "GET":
                return self._read()
            case "POST":
                return self._create()
            case "PATCH" if form == "application/apply-patch+yaml":
                return self._apply()
            case "PATCH" if form == "application/merge-patch+json":
                return self._merge()
            case "DELETE":
                return self._delete()
        raise Refusal(415, "UnsupportedMediaType", f"{self.method} as {form}")
