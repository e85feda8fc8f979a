"""Which call is about what."""

from __future__ import annotations

from tests.argocd_stand_in.applications import ApplicationCalls
from tests.argocd_stand_in.calls import Refusal
from tests.argocd_stand_in.objects import ObjectCalls
from tests.argocd_stand_in.repositories import RepositoryCalls
from tests.faulty import Reply


class Call(ApplicationCalls, ObjectCalls, RepositoryCalls):
    """One call of the API, whatever it is about."""

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
