"""An Argo CD that stands in, as its administrator sees it: projects, tokens, credentials.

It answers as Argo CD 3.5 does, also where that is surprising. Its webhooks are checked by what the
cluster's Secret holds.
"""

from __future__ import annotations

import base64
import copy
import fnmatch
import hashlib
import hmac
import json
import queue
import secrets
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.faulty import Faulty, FaultyHandler, Reply, serving

PASSWORD = "admin-password"
Json = dict[str, Any]


def jwt(**claims: Any) -> str:
    """Return a token that says this of itself."""
    parts = [{"alg": "HS256"}, claims, secrets.token_hex(8)]
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in encoded)


def in_cluster(status: str = "Successful", message: str = "") -> Json:
    """Return the cluster that Argo CD runs in, as it shows it."""
    state = {"status": status, "message": message}
    version = {"serverVersion": "v1.35.5"} if status == "Successful" else {}
    server = "https://kubernetes.default.svc"
    return {"server": server, "name": "in-cluster", "connectionState": state, **version}


@dataclass(kw_only=True)
class AdministeredArgoCd(Faulty):
    """Its content, for tests to look at and to change as somebody else would."""

    version: str = "v3.5.1+109ca7c"
    projects: dict[str, Json] = field(default_factory=dict)
    credentials: dict[str, Json] = field(default_factory=dict)
    repositories: list[Json] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)  # token to subject
    clusters: list[Json] = field(default_factory=lambda: [in_cluster()])
    policies: Callable[[], str] = str  # those of everybody, beside the projects' own
    applications: dict[str, Json] = field(default_factory=dict)
    unreadable: str = ""  # what is wrong with every repository
    webhook_secret: Callable[[], str] = str
    webhooks: list[Json] = field(default_factory=list)
    watchers: list[queue.Queue[Json]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    taken: int = 100

    def tokens(self, project: str, role: str) -> list[Json]:
        status = self.projects[project].setdefault("status", {})
        found: list[Json] = (
            status.setdefault("jwtTokensByRole", {}).setdefault(role, {}).setdefault("items", [])
        )
        return found

    def issue(self, project: str, role: str, id_: str, seconds: int) -> str:
        """Make a token of a role, as its administrator does."""
        now = int(time.time())
        end = {"exp": now + seconds} if seconds else {}
        token = jwt(sub=f"proj:{project}:{role}", jti=id_, iat=now, **end)
        self.tokens(project, role).append({"id": id_, "iat": now, **end})
        self.sessions[token] = f"proj:{project}:{role}"
        return token

    def good(self, token: str) -> bool:
        """Say whether a token is accepted: a withdrawn one is not."""
        subject = self.sessions.get(token)
        if subject is None or not subject.startswith("proj:"):
            return subject is not None
        _, project, role = subject.split(":")
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return any(each["id"] == claims["jti"] for each in self.tokens(project, role))

    def mark(self, page: str) -> None:
        """Ask for a refresh of the applications on a repository, by a mark that is soon gone."""
        for name, body in self.applications.items():
            if _comparable(body["spec"]["source"]["repoURL"]) == _comparable(page):
                mark = {"annotations": {"argocd.argoproj.io/refresh": "normal"}}
                marked = {**body, "metadata": {"name": name, **mark}}
                for events in self.watchers:
                    events.put({"type": "MODIFIED", "application": marked})
                    events.put({"type": "MODIFIED", "application": body})

    def state(self) -> object:
        """Return everything that there is, but for values."""
        return copy.deepcopy((self.projects, sorted(self.credentials), self.applications))


@contextmanager
def administered_argocd() -> Generator[AdministeredArgoCd]:
    """Serve, on a free port."""
    argocd = AdministeredArgoCd()
    with serving(argocd, _Handler):
        try:
            yield argocd
        finally:
            argocd.closed.set()


class _Handler(FaultyHandler):
    stand_in: AdministeredArgoCd

    def _answer(self, fault: str) -> None:
        if urlsplit(self.path).path == "/api/v1/stream/applications":
            self._stream()
        else:
            super()._answer(fault)

    def _stream(self) -> None:
        """Send an application as it is, and what changes at it, until nobody listens."""
        name = parse_qs(urlsplit(self.path).query)["name"][0]
        events: queue.Queue[Json] = queue.Queue()
        with self.stand_in.lock:
            there = copy.deepcopy(self.stand_in.applications.get(name))
            self.stand_in.watchers.append(events)
        self.close_connection = True
        try:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            if there is not None:
                self._event({"type": "ADDED", "application": there})
            while not self.stand_in.closed.is_set():
                try:
                    self._event(events.get(timeout=0.1))
                except queue.Empty:
                    self.wfile.write(b":\n\n")
        except OSError:
            return
        finally:
            self.stand_in.watchers.remove(events)

    def _event(self, event: Json) -> None:
        self.wfile.write(f"data: {json.dumps({'result': event})}\n\n".encode())

    def answer(self) -> None:
        path = urlsplit(self.path).path
        length = int(self.headers.get("Content-Length", 0))
        content = self.rfile.read(length)
        with self.stand_in.lock:
            if path == "/api/version":
                self.send(Reply(200, {"Version": self.stand_in.version}))
            elif path == "/api/webhook":
                self.send(self._webhook(content))
            else:
                self.send(self._call(path, json.loads(content or b"{}")))

    def _webhook(self, content: bytes) -> Reply:
        secret = self.stand_in.webhook_secret().encode()
        signature = hmac.new(secret, content, hashlib.sha256).hexdigest()
        if secret and self.headers.get("X-Gogs-Signature") != signature:
            return Reply(400, "Webhook processing failed")
        delivery = json.loads(content)
        self.stand_in.webhooks.append(delivery)
        self.stand_in.mark(delivery["repository"]["html_url"])
        return Reply(200)

    def _call(self, path: str, body: Any) -> Reply:  # noqa: PLR0911 (a line for each call)
        if self.command != "GET" and self.headers.get("Content-Type") != "application/json":
            return Reply(415, "Invalid content type")
        parts = [unquote(part) for part in path.split("/") if part][2:]
        if parts == ["session"]:
            return self._session(body)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.stand_in.good(token):
            return _refused(401, 16, "invalid session")
        subject = self.stand_in.sessions[token]
        if parts == ["session", "userinfo"]:
            return Reply(200, {"loggedIn": True, "username": subject, "iss": "argocd"})
        match parts:
            case ["account", "can-i", resource, action, *object_]:
                if "/" in action:
                    return _refused(400, 3, "no such action")
                may = self._may(subject, resource, action, "/".join(object_))
                return Reply(200, {"value": "yes" if may else "no"})
            case ["projects", *rest]:
                return self._project(subject, rest, body)
            case ["repocreds"]:
                return self._credentials(subject, body)
            case ["repositories", *rest]:
                return self._repositories(rest, body)
        return self._used(subject, parts, body)

    def _repositories(self, rest: list[str], body: Any) -> Reply:
        mine = self.stand_in.repositories
        match self.command, rest:
            case "POST", []:
                mine.append({"repo": body["repo"], "project": body["project"]})
                return Reply(200, {"repo": body["repo"]})
            case "DELETE", [url]:
                mine[:] = [it for it in mine if it["repo"] != url]
                return Reply(200, {})
        return Reply(200, {"items": mine} if mine else {"metadata": {}})

    def _used(self, subject: str, parts: list[str], body: Any) -> Reply:
        """Answer what is asked for with a token of the role."""
        match parts:
            case ["clusters"]:
                return self._clusters(subject)
            case ["applications", *rest]:
                return self._applications(subject, rest, body)
        return _refused(404, 5, "not found")

    def _session(self, body: Any) -> Reply:
        if body != {"username": "admin", "password": PASSWORD}:
            return _refused(401, 16, "Invalid username or password")
        token = jwt(sub="admin:login", jti=secrets.token_hex(4))
        self.stand_in.sessions[token] = "admin"
        return Reply(200, {"token": token})

    def _may(self, subject: str, resource: str, action: str, object_: str) -> bool:
        if subject == "admin":
            return True
        if not subject.startswith("proj:"):
            return False
        _, project, role = subject.split(":")
        roles = self.stand_in.projects[project]["spec"].get("roles") or ()
        mine = [line for each in roles if each["name"] == role for line in each["policies"]]
        others = self.stand_in.policies().splitlines()
        for line in [*mine, *(each for each in others if each.startswith("p,"))]:
            fields = [field.strip() for field in line.split(",")]
            asked = (subject, resource, action, object_)
            wanted = zip(asked, fields[1:5], strict=True)
            if all(fnmatch.fnmatchcase(one, pattern) for one, pattern in wanted):
                return bool(fields[5] == "allow")
        return False

    def _clusters(self, subject: str) -> Reply:
        """List those that the query names and the caller may see: none is no error."""
        query = parse_qs(urlsplit(self.path).query)
        asked = {key: query[key][0] for key in ("server", "name") if key in query}
        seen = [
            it
            for it in self.stand_in.clusters
            if asked.items() <= it.items() and self._may(subject, "clusters", "get", it["server"])
        ]
        return Reply(200, {"metadata": {}, "items": seen or None})

    def _applications(self, subject: str, rest: list[str], body: Any) -> Reply:
        there = self.stand_in.applications
        match self.command, rest:
            case "GET", []:
                seen = self._may(subject, "applications", "get", f"{subject.split(':')[1]}/any")
                return Reply(200, {"metadata": {}, "items": [*there.values()] if seen else None})
            case "POST", []:
                return self._create(subject, body)
            case "GET", [name] if name in there:
                return Reply(200, there[name])
            case "DELETE", [name] if name in there:
                there.pop(name)
                return Reply(200, {})
        return _refused(404, 5, "not found")

    def _create(self, subject: str, body: Any) -> Reply:
        """Look for the cluster first, then for what the project allows; both are a 400."""
        name, spec = body["metadata"]["name"], body["spec"]
        if not self._may(subject, "applications", "create", f"{spec['project']}/{name}"):
            return _refused(403, 7, "permission denied")
        place = spec["destination"]
        place = {key: place[key] for key in ("server", "name") if key in place}
        if not any(place.items() <= it.items() for it in self.stand_in.clusters):
            return _refused(400, 3, _unknown(name, place))
        sources = self.stand_in.projects[spec["project"]]["spec"]["sourceRepos"]
        repository = spec["source"]["repoURL"]
        if not any(fnmatch.fnmatchcase(repository, pattern) for pattern in sources):
            told = f"application repo {repository} is not permitted in project '{spec['project']}'"
            return _refused(400, 3, f"application spec for {name} is invalid: {told}")
        told = self.stand_in.unreadable
        complaints = [{"type": "ComparisonError", "message": told}] if told else []
        status = {"reconciledAt": "2030-01-01T00:00:00Z", "conditions": complaints}
        self.stand_in.applications[name] = {**body, "status": status}
        return Reply(200, body)

    def _project(self, subject: str, rest: list[str], body: Any) -> Reply:  # noqa: PLR0911 (a line for each call)
        projects = self.stand_in.projects
        administrator = subject == "admin"
        match self.command, rest:
            case "GET", [name] if administrator or subject.startswith(f"proj:{name}:"):
                return Reply(200, projects[name]) if name in projects else _refused(404, 5, "no")
            case "POST", [] if administrator:
                project = body["project"]
                name = project["metadata"]["name"]
                if name in projects:
                    return _refused(400, 3, "existing project spec is different")
                return self._stored(name, project)
            case "PUT", [name] if administrator:
                version = projects[name]["metadata"]["resourceVersion"]
                if body["project"]["metadata"].get("resourceVersion") != version:
                    return _refused(409, 10, "the object has been modified")
                return self._stored(name, body["project"])
            case "POST", [name, "roles", role, "token"] if administrator:
                if any(each["id"] == body["id"] for each in self.stand_in.tokens(name, role)):
                    return _refused(400, 3, "Token id already exists")
                token = self.stand_in.issue(name, role, body["id"], body["expiresIn"])
                self._touch(name)
                return Reply(200, {"token": token})
            case "DELETE", [name, "roles", role, "token", iat] if administrator:
                id_ = parse_qs(urlsplit(self.path).query)["id"][0]
                there = self.stand_in.tokens(name, role)
                there[:] = [it for it in there if (it["id"], str(it["iat"])) != (id_, iat)]
                self._touch(name)
                return Reply(200, {})
        return _refused(403, 7, "permission denied")

    def _stored(self, name: str, project: Json) -> Reply:
        kept = json.loads(json.dumps(project))
        kept["spec"] = {key: value for key, value in kept["spec"].items() if value != []}
        self.stand_in.projects[name] = kept
        self._touch(name)
        return Reply(200, kept)

    def _touch(self, name: str) -> None:
        self.stand_in.taken += 1
        self.stand_in.projects[name]["metadata"]["resourceVersion"] = str(self.stand_in.taken)

    def _credentials(self, subject: str, body: Any) -> Reply:
        there = self.stand_in.credentials
        if subject != "admin":
            return Reply(200, {"metadata": {}})
        if self.command == "POST":
            there[body["url"]] = body
            return Reply(200, {"url": body["url"]})
        shown = [{"url": it["url"], "username": it["username"]} for it in there.values()]
        return Reply(200, {"items": shown} if shown else {"metadata": {}})


def _comparable(url: str) -> str:
    """Return what of a repository's address Argo CD compares: neither scheme nor port."""
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path.removesuffix('.git')}".lower()


def _unknown(name: str, place: Json) -> str:
    server = place.get("server")
    told = f"there are no clusters with this name: {place.get('name')}"
    if server:
        reason = f'rpc error: code = NotFound desc = cluster "{server}" not found'
        told = f'error getting cluster by server "{server}": {reason}'
    return f"application destination spec for {name} is invalid: {told}"


def _refused(status: int, code: int, message: str) -> Reply:
    body = {"error": message, "message": message, "code": code, "details": []}
    return Reply(status, body)
