"""What a stand-in for a cluster makes of the objects in `k8s/`, as the real controllers would."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import yaml

from thinkube_catalog.domain.rendering import FileTree

FAULT = "thinkube.dev/test-fault"
"""A label or annotation of a pod: image-pull, crash-loop, not-ready, unschedulable, quota."""

_WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}
RESTARTED = "kubectl.kubernetes.io/restartedAt"


class Refused(Exception):  # noqa: N818 (the cluster's answer)
    """The cluster does not take an object."""


def stamp() -> str:
    """The time as Kubernetes writes it: whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def objects_in(files: FileTree, namespace: str | None) -> list[dict[str, Any]]:
    """Read the objects of a repository as kustomize does, but for the changes of tags."""
    if namespace and "k8s/kustomization.yaml" not in files:
        raise Refused("Manifest generation error: kustomize: no kustomization file found")
    found: list[dict[str, Any]] = []
    for path in sorted(files):
        if path.startswith("k8s/") and path.endswith(".yaml"):
            documents = yaml.safe_load_all(files.text(path))
            found += [each for each in documents if each and each["kind"] != "Kustomization"]
    for each in found if namespace else ():
        each["metadata"]["namespace"] = namespace
    return found


def check(wanted: Mapping[str, Any], namespaces: Iterable[str]) -> None:
    """Refuse what the API server would."""
    if wanted["metadata"]["namespace"] not in namespaces:
        raise Refused(f'namespaces "{wanted["metadata"]["namespace"]}" not found')
    kind, name = wanted["kind"], wanted["metadata"]["name"]
    for place, port in _ports(wanted):
        if not isinstance(port, int | str) or (isinstance(port, str) and "Port" in place):
            raise Refused(
                f"failed to create typed patch object ({name}; v1, Kind={kind}): "
                f".{place}: expected numeric (int or float), got string"
            )
    denied = wanted["metadata"].get("annotations", {}).get("thinkube.dev/test-denied")
    if denied:
        raise Refused(f'admission webhook "policy.example.org" denied the request: {denied}')


def _ports(found: Any, place: str = "spec") -> Iterator[tuple[str, Any]]:
    if isinstance(found, dict):
        for key, value in found.items():
            if key == "containerPort":
                yield f"{place}.{key}", value
            yield from _ports(value, f"{place}.{key}")
    elif isinstance(found, list):
        for value in found:
            yield from _ports(value, place)


@dataclass
class Pod:
    """One pod, its log and what was told of it."""

    owner: str
    component: str
    fault: str
    generation: int
    name: str = ""
    uid: str = field(default_factory=lambda: str(uuid4()))
    created_at: str = field(default_factory=stamp)
    looks: int = 1  # how often it is looked at before it is well
    lines: list[tuple[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str) -> None:
        now = datetime.now(UTC)
        nanoseconds = f"{now.microsecond:06d}{len(self.lines) % 1000:03d}".rstrip("0")
        self.lines.append((f"{now:%Y-%m-%dT%H:%M:%S}.{nanoseconds or 0}Z", text))

    @property
    def health(self) -> dict[str, str]:
        told = {
            "": ("Healthy", "") if not self.looks else ("Progressing", ""),
            "not-ready": ("Progressing", ""),
            "unschedulable": ("Progressing", "0/1 nodes are available: 1 Insufficient cpu."),
            "image-pull": ("Degraded", 'Back-off pulling image "web"'),
            "crash-loop": ("Degraded", "back-off 10s restarting failed container"),
        }
        status, message = told.get(self.fault, ("Progressing", ""))
        return {"status": status, **({"message": message} if message else {})}


@dataclass
class Live:
    """An object in the cluster."""

    manifest: dict[str, Any]
    applied: dict[str, Any]
    uid: str = field(default_factory=lambda: str(uuid4()))
    created_at: str = field(default_factory=stamp)
    generation: int = 1
    pods: list[Pod] = field(default_factory=list)
    failed: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.manifest["kind"], self.manifest["metadata"]["name"]

    @property
    def group(self) -> str:
        version = str(self.manifest["apiVersion"])
        return version.partition("/")[0] if "/" in version else ""

    @property
    def has_pods(self) -> bool:
        """Whether pods are made from its template; of Knative's Service, by a Revision."""
        return self.manifest["kind"] in _WORKLOADS or "knative" in self.group

    @property
    def kept(self) -> bool:
        options = self.manifest["metadata"].get("annotations", {})
        return "Delete=false" in options.get("argocd.argoproj.io/sync-options", "")

    @property
    def health(self) -> dict[str, str] | None:
        kind = self.manifest["kind"]
        if kind == "PersistentVolumeClaim":
            return {"status": "Healthy"}
        if kind == "Job":
            return {"status": "Degraded" if self.failed else "Healthy"}
        if not self.has_pods:
            return None
        if self.failed:
            return {"status": "Degraded", "message": "exceeded its progress deadline"}
        newest = [pod for pod in self.pods if pod.generation == self.generation]
        well = bool(newest) and all(pod.health["status"] == "Healthy" for pod in newest)
        return {"status": "Healthy" if well else "Progressing"}

    def apply(self, wanted: dict[str, Any]) -> None:
        """Take over what the repository says; what others have added stays."""
        before = self.applied
        self.applied = copy.deepcopy(wanted)
        if before.get("spec") != wanted.get("spec"):
            self.manifest["spec"] = copy.deepcopy(wanted.get("spec"))
            self.roll()

    def roll(self) -> None:
        """Begin a new generation of pods."""
        self.generation += 1
        self.start()

    def start(self) -> None:
        """Make pods; those before go once these are well."""
        if not self.has_pods:
            return
        template = self.manifest["spec"]["template"]
        metadata = template.get("metadata", {})
        labels = metadata.get("labels", {})
        fault = labels.get(FAULT) or metadata.get("annotations", {}).get(FAULT, "")
        pod = Pod(
            self.manifest["metadata"]["name"],
            labels.get("app.kubernetes.io/component", "web"),
            fault,
            self.generation,
        )
        pod.name = f"{pod.owner}-{self.generation}-{pod.uid[:5]}"
        if fault in {"", "not-ready", "crash-loop"}:
            pod.say("starting")
            pod.say(f"generation {self.generation} listens")
        _tell(pod)
        self.pods.append(pod)

    def look(self) -> bool:
        """Let time pass; say whether something has changed."""
        changed = False
        for pod in self.pods:
            if pod.looks:
                pod.looks -= 1
                changed = True
        newest = [pod for pod in self.pods if pod.generation == self.generation]
        if newest and all(pod.health["status"] == "Healthy" for pod in newest):
            changed |= len(newest) != len(self.pods)
            self.pods = newest
        return changed


def _tell(pod: Pod) -> None:
    told = {
        "image-pull": ("Failed", 'Failed to pull image "web": not found'),
        "crash-loop": ("BackOff", "Back-off restarting failed container"),
        "not-ready": (
            "Unhealthy",
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
        ),
        "unschedulable": ("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu."),
    }
    if pod.fault in told:
        reason, message = told[pod.fault]
        pod.events.append(
            {"type": "Warning", "reason": reason, "message": message, "lastTimestamp": stamp()}
        )


def pod_manifest(pod: Pod, live: Live) -> dict[str, Any]:
    """Return a pod as the API server has it."""
    spec = copy.deepcopy(live.manifest["spec"]["template"]["spec"])
    container = spec["containers"][0]
    state: dict[str, Any] = {
        "name": container["name"],
        "image": container["image"],
        "restartCount": 0,
        "ready": pod.health["status"] == "Healthy",
        "started": pod.fault != "starting",
        "state": {"running": {"startedAt": pod.created_at}},
    }
    conditions = [{"type": "PodScheduled", "status": "True"}]
    if pod.fault == "image-pull":
        waiting = {"reason": "ImagePullBackOff", "message": f"Back-off {container['image']}"}
        state["state"] = {"waiting": waiting}
    elif pod.fault == "crash-loop":
        waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting"}
        ended = {"exitCode": 3, "reason": "Error"}
        state |= {"state": {"waiting": waiting}, "lastState": {"terminated": ended}}
        state["restartCount"] = 4
    elif pod.fault == "unschedulable":
        message = pod.events[-1]["message"]
        conditions = [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": message,
            }
        ]
    states = [] if pod.fault == "unschedulable" else [state]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod.name, "uid": pod.uid},
        "spec": spec,
        "status": {"phase": "Pending", "conditions": conditions, "containerStatuses": states},
    }
