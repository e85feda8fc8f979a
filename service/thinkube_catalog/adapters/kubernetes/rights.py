"""What the service asks of the cluster's API, and so which rights its account needs: no others.

`deploy/base/rights.yaml` grants exactly these. Secrets may be written and deleted, and never read
or listed; of what is written, only metadata comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

WHERE_GRANTED = "deploy/base/rights.yaml"


@dataclass(frozen=True)
class Resource:
    """A kind of object, as the API's paths and rights name it."""

    plural: str
    group: str = ""
    version: str = "v1"

    def path(self, namespace: str, name: str) -> str:
        root = f"apis/{self.group}" if self.group else "api"
        inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        place = f"/{root}/{self.version}{inside}/{self.plural}"
        return f"{place}/{quote(name, safe='')}" if name else place

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True)
class Right:
    """One thing that the service does with a kind of object, and what for."""

    verb: str
    resource: Resource
    why: str


NAMESPACES = Resource("namespaces")
SECRETS = Resource("secrets")
REVIEWS = Resource("selfsubjectaccessreviews", "authorization.k8s.io")
CLAIMS = Resource("persistentvolumeclaims")
EXTERNAL_SECRETS = Resource("externalsecrets", "external-secrets.io")
EXTERNAL_STORES = Resource("clustersecretstores", "external-secrets.io")
EVENTS = Resource("events")

READ_NAMESPACE = Right("get", NAMESPACES, "see whose it is, and what holds up its deletion")
MAKE_NAMESPACE = Right("create", NAMESPACES, "give an application a namespace of its own")
MARK_NAMESPACE = Right("patch", NAMESPACES, "set its labels and whose it is")
DELETE_NAMESPACE = Right("delete", NAMESPACES, "remove an application with what it stored")
LIST_CLAIMS = Right("list", CLAIMS, "say which volumes are left, and what holds them")
MAKE_SECRET = Right(
    "create", SECRETS, "deliver secrets, and what images are pulled by, for the first time"
)
WRITE_SECRET = Right("patch", SECRETS, "deliver them, by server-side apply")
DELETE_SECRET = Right("delete", SECRETS, "take them back")
MAKE_EXTERNAL = Right("create", EXTERNAL_SECRETS, "have External Secrets deliver them")
WRITE_EXTERNAL = Right("patch", EXTERNAL_SECRETS, "have them delivered, by server-side apply")
DELETE_EXTERNAL = Right("delete", EXTERNAL_SECRETS, "take them back")
READ_EXTERNAL = Right("get", EXTERNAL_SECRETS, "see whether they have arrived")
LIST_EVENTS = Right("list", EVENTS, "say why one of them does not arrive")
READ_STORE = Right("get", EXTERNAL_STORES, "say in `tkt doctor` how their store is")

ASK_OWN_RIGHTS = Right("create", REVIEWS, "say what is missing, in `tkt doctor`")
"""Every account has this one: Kubernetes' own role `system:basic-user` grants it."""

RIGHTS = (
    *(READ_NAMESPACE, MAKE_NAMESPACE, MARK_NAMESPACE, DELETE_NAMESPACE),
    LIST_CLAIMS,
    *(MAKE_SECRET, WRITE_SECRET, DELETE_SECRET),
    *(MAKE_EXTERNAL, WRITE_EXTERNAL, DELETE_EXTERNAL, READ_EXTERNAL),
    *(LIST_EVENTS, READ_STORE),
)
"""Server-side apply of an object that is not there asks for `create` beside `patch`."""
