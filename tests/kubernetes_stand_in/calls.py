"""One call of the API: what it is about, and whether it may."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from tests.kubernetes_stand_in.content import Json, KubernetesStandIn


class Refusal(Exception):  # noqa: N818 (it is an answer, not a failure of ours)
    """A Status that ends a call early."""

    def __init__(self, status: int, reason: str, message: str, causes: Iterable[Json] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": reason,
            "message": message,
            "details": {"causes": list(causes)},
            "code": status,
        }


class CallBase:
    """One call of the API."""

    group: str
    plural: str
    namespace: str
    name: str

    def __init__(self, cluster: KubernetesStandIn, method: str, path: str, body: Json) -> None:
        parts = urlsplit(path)
        self.cluster = cluster
        self.method = method
        self.path = parts.path
        self.query = parse_qs(parts.query)
        self.body = body

    def _admit(self, verb: str) -> None:
        grant = (verb, self.group, self.plural)
        self.cluster.used.add(grant)
        if grant not in self.cluster.rights:
            where = f" in the namespace {self.namespace}" if self.namespace else ""
            what = f'User "catalog" cannot {verb} resource "{self.plural}"{where}'
            raise Refusal(403, "Forbidden", f"{self.plural} is forbidden: {what}")

    def _admit_new(self) -> None:
        """Check what an object needs in order to come to be."""
        self._admit("create")
        if not self.namespace:
            return
        space = self.cluster.find("namespaces", "", self.namespace)
        if space is None:
            raise Refusal(404, "NotFound", f'namespaces "{self.namespace}" not found')
        if "deletionTimestamp" in space["metadata"]:
            causes = [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]
            message = "unable to create new content because it is being terminated"
            raise Refusal(403, "Forbidden", message, causes)

    def _found(self) -> Json:
        found = self.cluster.find(self.plural, self.namespace, self.name)
        if found is None:
            raise Refusal(404, "NotFound", f'{self.plural} "{self.name}" not found')
        return found
