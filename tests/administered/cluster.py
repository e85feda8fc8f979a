"""A cluster that stands in, as its administrator sees it: any objects, tokens, discovery."""

from __future__ import annotations

import base64
import copy
import json
import re
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.administered.argocd import jwt
from tests.faulty import Faulty, FaultyHandler, Reply, serving

ADMINISTRATOR = "administrator-token"
ACCOUNT = "system:serviceaccount:thinkube-catalog:thinkube-catalog"
Json = dict[str, Any]


@dataclass(kw_only=True)
class AdministeredCluster(Faulty):
    """Its objects by path, for tests to look at and to change as somebody else would."""

    objects: dict[str, Json] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # to whose they are
    allowed: set[tuple[str, str, str]] | None = None  # verb, group, resource; None: as granted
    groups: dict[str, list[str]] = field(default_factory=dict)
    version: tuple[str, str] = ("1", "35")
    nodes: list[Json] = field(default_factory=list)
    sees_nodes: bool = False

    def webhook_secret(self) -> str:
        found = self.objects.get("/api/v1/namespaces/argocd/secrets/argocd-secret", {})
        encoded = found.get("data", {}).get("webhook.gogs.secret", "")
        return base64.b64decode(encoded).decode()

    def argocd_policies(self) -> str:
        """Return the rights that Argo CD reads from its ConfigMap: all of its policies."""
        found = self.objects.get("/api/v1/namespaces/argocd/configmaps/argocd-rbac-cm", {})
        return "\n".join(text for _, text in sorted(found.get("data", {}).items()))

    def install_argocd(self) -> None:
        """Put there what every Argo CD has."""
        self.objects["/api/v1/namespaces/argocd"] = {"metadata": {"name": "argocd"}}
        self.objects["/api/v1/namespaces/argocd/secrets/argocd-secret"] = {
            "metadata": {"name": "argocd-secret"},
            "data": {"server.secretkey": base64.b64encode(b"of Argo CD").decode()},
        }
        self.objects["/api/v1/namespaces/argocd/configmaps/argocd-rbac-cm"] = {
            "metadata": {"name": "argocd-rbac-cm"},
            "data": {"policy.csv": "g, somebody, role:admin"},
        }

    def kubeconfig(self, folder: Path, token: str = ADMINISTRATOR) -> Path:
        """Write the file that its administrator has."""
        content = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "it", "user": "me"}}],
            "clusters": [{"name": "it", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": token}}],
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(content))
        return path

    def granted(self) -> set[tuple[str, str, str]]:
        """Return what the roles there give."""
        roles = [it for it in self.objects.values() if it.get("kind") == "ClusterRole"]
        return {
            (verb, group, resource)
            for role in roles
            for rule in role["rules"]
            for verb in rule["verbs"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
        }

    def state(self) -> object:
        return copy.deepcopy(self.objects)


@contextmanager
def administered_cluster() -> Generator[AdministeredCluster]:
    """Serve, on a free port."""
    cluster = AdministeredCluster()
    with serving(cluster, _Handler):
        yield cluster


class _Handler(FaultyHandler):
    stand_in: AdministeredCluster

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        with self.stand_in.lock:
            self.send(self._reply(urlsplit(self.path).path, body))

    def _reply(self, path: str, body: Any) -> Reply:  # noqa: PLR0911 (a line for each call)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        caller = "admin" if token == ADMINISTRATOR else self.stand_in.tokens.get(token, "")
        if not caller:
            return _refused(401, "Unauthorized")
        if path == "/version":
            return Reply(200, dict(zip(("major", "minor"), self.stand_in.version, strict=True)))
        if path.endswith("/selfsubjectaccessreviews"):
            return Reply(201, {"status": {"allowed": self._allowed(body, caller)}})
        if path.removeprefix("/apis/") in self.stand_in.groups:
            plurals = self.stand_in.groups[path.removeprefix("/apis/")]
            return Reply(200, {"resources": [{"name": each} for each in plurals]})
        if re.fullmatch(r"/apis/[^/]+/[^/]+", path):
            return Reply(404, "404 page not found")  # in plain text, as the real one
        if path == "/api/v1/nodes":
            seen = self.stand_in.sees_nodes
            return Reply(200, {"items": self.stand_in.nodes}) if seen else _refused(403, "no")
        if path == "/api/v1/namespaces" and "dryRun=All" in self.path:
            return self._dry_run(caller, body["metadata"])
        if caller != "admin":
            return _refused(403, f"{caller} may not do this")
        return self._administer(path, body)

    def _allowed(self, body: Any, caller: str) -> bool:
        asked = body["spec"]["resourceAttributes"]
        wanted = (asked["verb"], asked.get("group", ""), asked["resource"])
        given = self.stand_in.allowed
        return caller == "admin" or wanted in (self.stand_in.granted() if given is None else given)

    def _dry_run(self, caller: str, metadata: Json) -> Reply:
        """Answer as the admission policy has it; without it, everything is admitted."""
        if ("create", "", "namespaces") not in self.stand_in.granted() and caller != "admin":
            return _refused(403, f"{caller} may not create namespaces")
        root = "/apis/admissionregistration.k8s.io/v1"
        policy = self.stand_in.objects.get(f"{root}/validatingadmissionpolicies/thinkube-catalog")
        binding = f"{root}/validatingadmissionpolicybindings/thinkube-catalog"
        if policy is None or binding not in self.stand_in.objects:
            return Reply(201, {"metadata": metadata})
        variables = {it["name"]: it["expression"] for it in policy["spec"]["variables"]}
        if not metadata["name"].startswith(json.loads(variables["prefix"])):
            return _refused(422, "ValidatingAdmissionPolicy 'thinkube-catalog' denied request")
        return Reply(201, {"metadata": metadata})

    def _administer(self, path: str, body: Any) -> Reply:
        objects = self.stand_in.objects
        if path.endswith("/tokenreviews"):
            whose = self.stand_in.tokens.get(body["spec"]["token"])
            told = {"authenticated": True, "user": {"username": whose}} if whose else {}
            return Reply(201, {"status": told})
        if path.endswith("/token"):
            end = int(time.time()) + body["spec"]["expirationSeconds"]
            token = jwt(sub=ACCOUNT, exp=end, jti=secrets.token_hex(4))
            self.stand_in.tokens[token] = ACCOUNT
            return Reply(201, {"status": {"token": token}})
        if self.command == "GET":
            return Reply(200, objects[path]) if path in objects else _refused(404, "not found")
        applied = "apply-patch" in self.headers.get("Content-Type", "")
        if not applied and path not in objects:
            return _refused(404, "not found")
        if "/namespaces/" in path and path.count("/") > 4 and not self._has_namespace(path):
            return _refused(404, "no such namespace")
        there = objects.setdefault(path, {})
        _merge(there, body)
        data = there.pop("stringData", {})
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        there.update({"data": {**there.get("data", {}), **encoded}} if encoded else {})
        return Reply(200, there)

    def _has_namespace(self, path: str) -> bool:
        return "/".join(path.split("/")[:5]) in self.stand_in.objects


def _merge(there: Json, patch: Json) -> None:
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(there.get(key), dict):
            _merge(there[key], value)
        else:
            there[key] = copy.deepcopy(value)


def _refused(status: int, message: str) -> Reply:
    return Reply(status, {"kind": "Status", "message": message, "code": status})
