"""What a cluster holds, for tests to look at and to change as somebody else would."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

RIGHTS_FILE = Path(__file__).parents[2] / "deploy" / "base" / "rights.yaml"
TOKEN = "the-token-of-the-account"
_KINDS = {
    "namespaces": "Namespace",
    "secrets": "Secret",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "externalsecrets": "ExternalSecret",
    "clustersecretstores": "ClusterSecretStore",
    "events": "Event",
}
REVIEWS = ("authorization.k8s.io", "selfsubjectaccessreviews")

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
    groups: set[str] = field(default_factory=lambda: {"", "external-secrets.io", REVIEWS[0]})
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
                self.objects[key]["metadata"].setdefault("deletionTimestamp", now())
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


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
