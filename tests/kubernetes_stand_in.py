"""A stand-in for the cluster's API: what we use of it, with the rights that `deploy/` grants.

It answers as a real API server does, also where that is surprising: a group that nobody serves is
a 404 in plain text, an object that is applied for the first time needs the right to create it, and
a namespace that is deleted stays until nothing in it is held. `Fault`s are named, happen at named
calls, and say how often they did.
"""

from __future__ import annotations

import copy
import json
import re
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

RIGHTS_FILE = Path(__file__).parents[1] / "deploy" / "base" / "rights.yaml"
TOKEN = "the-token-of-the-account"
_PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)
_KINDS = {
    "namespaces": "Namespace",
    "secrets": "Secret",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "externalsecrets": "ExternalSecret",
    "clustersecretstores": "ClusterSecretStore",
    "events": "Event",
}
_PAGES: dict[str, tuple[int, Any]] = {"/version": (200, {"major": "1", "minor": "35"})}
_REVIEWS = ("authorization.k8s.io", "selfsubjectaccessreviews")

Json = dict[str, Any]
Grant = tuple[str, str, str]
"""A verb, a group and a resource."""


def granted(path: Path = RIGHTS_FILE) -> set[Grant]:
    """Return what the roles in a manifest grant."""
    roles = [each for each in yaml.safe_load_all(path.read_text()) if "rules" in each]
    return {
        (verb, group, resource)
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@dataclass
class Fault:
    """What goes wrong, `times` times, at calls whose method and path match `at`.

    Kinds: drop before, drop after, reset, 500, 500 after, 503, 429, half a body, no json, and
    echo: a refusal that repeats what was sent, as a webhook of somebody else's may.
    """

    kind: str
    at: str
    times: int = 1
    fired: int = 0


@dataclass
class KubernetesStandIn:
    """Its content, for tests to look at and to change as somebody else would."""

    port: int = 0
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    rights: set[Grant] = field(default_factory=granted)
    groups: set[str] = field(default_factory=lambda: {"", "external-secrets.io", _REVIEWS[0]})
    objects: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    used: set[Grant] = field(default_factory=set)
    answered: list[str] = field(default_factory=list)  # the bodies that callers got
    before: Callable[[str], object] = bool  # called with each request before it is answered
    operators: list[Callable[[], None]] = field(default_factory=list)  # do their part before each
    version: int = 100
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fault(self, kind: str, at: str, times: int = 1) -> Fault:
        """Have something go wrong from now on."""
        self.faults.append(Fault(kind, at, times))
        return self.faults[-1]

    def find(self, plural: str, namespace: str, name: str) -> Json | None:
        return self.objects.get((plural, namespace, name))

    def make(self, plural: str, namespace: str, name: str, **content: Any) -> Json:
        """Make an object, as somebody else may."""
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        metadata |= content.pop("metadata", {})
        made = {"kind": _KINDS[plural], "metadata": metadata, **content}
        return self.store(plural, namespace, name, made)

    def store(self, plural: str, namespace: str, name: str, made: Json) -> Json:
        """Keep an object with what the server itself adds to it."""
        before = self.objects.get((plural, namespace, name))
        if before is not None and _without_version(before) == _without_version(made):
            return before
        self.version += 1
        metadata = made["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata["resourceVersion"] = str(self.version)
        changed = before is None or before.get("spec") != made.get("spec")
        generation = before["metadata"]["generation"] if before is not None else 0
        metadata["generation"] = generation + changed
        if plural == "namespaces":
            made.setdefault("spec", {"finalizers": ["kubernetes"]})
            made.setdefault("status", {"phase": "Active"})
        self.objects[plural, namespace, name] = made
        return made

    def hold(self, namespace: str, claim: str, finalizer: str) -> None:
        """Put a volume claim into the namespace that is not gone before it is let go."""
        metadata = {"finalizers": [finalizer]}
        self.make("persistentvolumeclaims", namespace, claim, metadata=metadata)

    def let_go(self, namespace: str, claim: str) -> None:
        """Take away what holds a volume claim."""
        self.objects["persistentvolumeclaims", namespace, claim]["metadata"].pop("finalizers")

    def tidy(self) -> None:
        """Do what the cluster's controllers do meanwhile: finish what is being deleted."""
        for key, made in list(self.objects.items()):
            if key[0] == "namespaces" and "deletionTimestamp" in made["metadata"]:
                self._tidy(key[2], made)
        for operator in self.operators:
            operator()

    def _tidy(self, name: str, made: Json) -> None:
        inside = [key for key in self.objects if key[1] == name]
        for key in inside:
            if not self.objects[key]["metadata"].get("finalizers"):
                del self.objects[key]
            else:
                self.objects[key]["metadata"].setdefault("deletionTimestamp", _now())
        left = [self.objects[key] for key in inside if key in self.objects]
        if not left:
            del self.objects["namespaces", "", name]
            return
        holders = sorted({each for it in left for each in it["metadata"]["finalizers"]})
        told = ", ".join(f"{each} in {len(left)} resource instances" for each in holders)
        made["status"] = {
            "phase": "Terminating",
            "conditions": [
                _condition("NamespaceDeletionContentFailure", "all content deleted", "False"),
                _condition("NamespaceContentRemaining", f"{len(left)} resource instances"),
                _condition("NamespaceFinalizersRemaining", f"finalizers remaining: {told}"),
            ],
        }


def _condition(kind: str, message: str, status: str = "True") -> Json:
    return {"type": kind, "status": status, "reason": "SomeRemain", "message": message}


def _without_version(made: Json) -> Json:
    plain = copy.deepcopy(made)
    plain["metadata"].pop("resourceVersion", None)
    return plain


@contextmanager
def kubernetes_stand_in() -> Generator[KubernetesStandIn]:
    """Serve, on a free port."""
    cluster = KubernetesStandIn()
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = False
    cluster.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield cluster
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


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


class _Handler(BaseHTTPRequestHandler):
    cluster: KubernetesStandIn

    def do_GET(self) -> None:
        request = f"{self.command} {self.path}"
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        self.cluster.requests.append(request)
        self.cluster.before(request)
        fault = _due(self.cluster, request)
        if fault in {"drop before", "reset"}:
            _break(self.connection, reset=fault == "reset")
            self.close_connection = True
        elif fault == "429":
            self._send(429, {"kind": "Status", "message": "not now"}, {"Retry-After": "1"})
        elif fault in {"500", "503"}:
            self._send(int(fault), {"kind": "Status", "message": "not now"})
        elif fault == "echo":
            self._send(422, {"kind": "Status", "message": f"denied: {json.dumps(body)}"})
        elif fault == "no json":
            self._send(200, "<html>a proxy's page</html>")
        else:
            self._answer(body, fault)

    do_POST = do_PATCH = do_DELETE = do_PUT = do_GET  # noqa: N815 (as above)

    def _answer(self, body: Json, fault: str) -> None:
        try:
            with self.cluster.lock:
                self.cluster.tidy()
                status, answer = Call(self.cluster, self.command, self.path, body).answer(
                    self.headers.get("Authorization", ""), self.headers.get("Content-Type", "")
                )
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body
        if "as=PartialObjectMetadata" in self.headers.get("Accept", ""):
            answer = _metadata_alone(answer)
        if fault == "drop after":
            _break(self.connection, reset=False)
            self.close_connection = True
        elif fault == "500 after":
            self._send(500, {"kind": "Status", "message": "afterwards"})
        else:
            self._send(status, answer, cut=5 if fault == "half a body" else 0)

    def _send(
        self, status: int, body: Any, headers: dict[str, str] | None = None, cut: int = 0
    ) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.cluster.answered.append(text)
        content = text.encode()
        self.send_response(status)
        for header, value in (headers or {}).items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - cut])
        self.close_connection = self.close_connection or bool(cut)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the terminal."""


def _metadata_alone(answer: Any) -> Any:
    if not isinstance(answer, dict) or answer.get("kind") == "Status":
        return answer
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": answer["metadata"],
    }


def _due(cluster: KubernetesStandIn, call: str) -> str:
    with cluster.lock:
        for fault in cluster.faults:
            if fault.fired < fault.times and re.search(fault.at, call):
                fault.fired += 1
                return fault.kind
    return ""


def _break(connection: socket.socket, *, reset: bool) -> None:
    if reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    else:
        connection.shutdown(socket.SHUT_RDWR)


class Call:
    """One call of the API."""

    def __init__(self, cluster: KubernetesStandIn, method: str, path: str, body: Json) -> None:
        parts = urlsplit(path)
        self.cluster = cluster
        self.method = method
        self.path = parts.path
        self.query = parse_qs(parts.query)
        self.body = body

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

    def _create(self) -> tuple[int, Any]:
        if (self.group, self.plural) == _REVIEWS:
            return self._review()
        self.name = self.body["metadata"]["name"]
        self._admit_new()
        if self.cluster.find(self.plural, self.namespace, self.name):
            raise Refusal(409, "AlreadyExists", f'{self.plural} "{self.name}" already exists')
        return 201, self.cluster.store(self.plural, self.namespace, self.name, self.body)

    def _apply(self) -> tuple[int, Any]:
        """Server-side apply, by force: each key of `data` and `spec` belongs to who set it."""
        self._admit("patch")
        manager = self.query["fieldManager"][0]
        found = self.cluster.find(self.plural, self.namespace, self.name)
        if found is None:
            self._admit_new()
        self._check_type(found)
        made = copy.deepcopy(found or {"metadata": {}})
        owners = _owners(made)
        given = set(self.body.get("data", {}))
        lost = owners.pop(manager, set()) - given - set().union(*owners.values(), set())
        data = {key: it for key, it in made.get("data", {}).items() if key not in lost}
        rest = {key: it for key, it in self.body.items() if key not in {"metadata", "data"}}
        made |= rest | {"data": data | self.body.get("data", {})}
        made["metadata"] = merged(made["metadata"], self.body["metadata"])
        left = {name: keys - given for name, keys in owners.items()}
        made["metadata"]["managedFields"] = _managed({**left, manager: given})
        stored = self.cluster.store(self.plural, self.namespace, self.name, made)
        return (200 if found else 201), stored

    def _check_type(self, found: Json | None) -> None:
        """Refuse another type for a Secret than it has, and one without what its type needs."""
        if self.plural != "secrets":
            return
        wanted = self.body.get("type", "Opaque")
        if wanted != (found or {"type": wanted}).get("type", "Opaque"):
            raise Refusal(422, "Invalid", f"Secret {self.name} is invalid: type is immutable")
        if "dockerconfigjson" in wanted and ".dockerconfigjson" not in self.body["data"]:
            raise Refusal(422, "Invalid", f"Secret {self.name} is invalid: data is required")

    def _merge(self) -> tuple[int, Any]:
        self._admit("patch")
        found = self._found()
        for part in ("uid", "resourceVersion"):
            if found["metadata"][part] != self.body.get("metadata", {}).get(
                part, found["metadata"][part]
            ):
                raise Refusal(409, "Conflict", "the object has been modified")
        made = merged(found, self.body)
        owners = _owners(made)
        keys = set(made.get("data", {}))
        if owners:
            owners = {name: mine & keys for name, mine in owners.items()}
            made["metadata"]["managedFields"] = _managed(owners)
        return 200, self.cluster.store(self.plural, self.namespace, self.name, made)

    def _delete(self) -> tuple[int, Any]:
        self._admit("delete")
        found = self._found()
        for part, value in self.body.get("preconditions", {}).items():
            if found["metadata"][part] != value:
                raise Refusal(409, "Conflict", f"Precondition failed: {part}")
        if self.plural == "namespaces":
            gone = copy.deepcopy(found)
            gone["metadata"].setdefault("deletionTimestamp", _now())
            gone["status"] = {"phase": "Terminating"}
            return 200, self.cluster.store("namespaces", "", self.name, gone)
        if found["metadata"].get("finalizers"):
            found["metadata"].setdefault("deletionTimestamp", _now())
        else:
            del self.cluster.objects[self.plural, self.namespace, self.name]
        if self.body.get("propagationPolicy") == "Orphan":
            for key, each in self.cluster.objects.items():
                if key[1] == self.namespace:
                    each["metadata"].pop("ownerReferences", None)
        return 200, {"kind": "Status", "status": "Success"}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _owners(made: Json) -> dict[str, set[str]]:
    """Return which manager set which keys of an object's data."""
    owners: dict[str, set[str]] = {}
    for each in made["metadata"].get("managedFields", []):
        keys = {it.removeprefix("f:") for it in each["fieldsV1"].get("f:data", {})}
        owners.setdefault(each["manager"], set()).update(keys)
    return owners


def _managed(owners: dict[str, set[str]]) -> list[Json]:
    return [
        {"manager": name, "fieldsV1": {"f:data": {f"f:{key}": {} for key in sorted(keys)}}}
        for name, keys in owners.items()
    ]


def merged(there: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    made = copy.deepcopy(there) if isinstance(there, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made
