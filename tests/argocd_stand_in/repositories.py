"""Calls about the repositories that Argo CD knows."""

from __future__ import annotations

from tests.argocd_stand_in.calls import CallBase, Refusal, denied
from tests.faulty import Reply


class RepositoryCalls(CallBase):
    """About repositories."""

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
                    raise denied()
                del known[url]
                return Reply(200, {})
        raise Refusal(404, 5, "Not Found")
