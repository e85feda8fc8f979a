"""Why no node takes a pod: the scheduler's words, told apart by what is lacking."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from thinkube_catalog.adapters.argocd.causes.evidence import items, mapping
from thinkube_catalog.adapters.argocd.causes.texts import shortened
from thinkube_catalog.domain.gitops import Cause, CauseKind

_GPU = "nvidia.com/gpu"

_LACKS = (
    (
        re.compile(r"unbound immediate PersistentVolumeClaims|volume node affinity conflict"),
        CauseKind.VOLUME_PENDING,
        "its volume is not there, and no node takes it without",
        "see whether the cluster has a storage class that makes volumes of this kind",
    ),
    (
        re.compile(rf"Insufficient {re.escape(_GPU)}"),
        CauseKind.UNSCHEDULABLE,
        "no node has {gpus} free",
        "wait for one, stop what uses them, or ask for fewer",
    ),
    (
        re.compile(r"didn't match Pod's node affinity/selector"),
        CauseKind.UNSCHEDULABLE,
        "no node is of the kind that it asks for{gpu_memory}",
        "{ask_otherwise}, or add such a node",
    ),
    (
        re.compile(r"Insufficient memory"),
        CauseKind.UNSCHEDULABLE,
        "no node has {request_memory} of memory free",
        "choose a smaller size in thinkube.yaml, or stop something",
    ),
    (
        re.compile(r"Insufficient cpu"),
        CauseKind.UNSCHEDULABLE,
        "no node has {request_cpu} of processor time free",
        "choose a smaller size in thinkube.yaml, or stop something",
    ),
    (
        re.compile(r"Insufficient ephemeral-storage"),
        CauseKind.UNSCHEDULABLE,
        "no node has enough disk space of its own left",
        "free some on the nodes",
    ),
    (
        re.compile(r"Too many pods"),
        CauseKind.UNSCHEDULABLE,
        "every node has as many pods as it may",
        "stop something, or add a node",
    ),
    (
        re.compile(r"untolerated taint"),
        CauseKind.UNSCHEDULABLE,
        "every node keeps pods like this one away, by a taint",
        "have the taint removed: a node that is not ready has one too",
    ),
    (
        re.compile(r"no nodes available"),
        CauseKind.UNSCHEDULABLE,
        "the cluster has no node",
        "add one, or see why they are gone",
    ),
)


def scheduling_causes(pod: Mapping[str, Any], text: str, container: str) -> Iterator[Cause]:
    """Name everything that the scheduler says is lacking."""
    values = _asked(pod)
    found = False
    for pattern, kind, message, mend in _LACKS:
        if pattern.search(text):
            found = True
            told = f"{message.format(**values)} ({shortened(text)})"
            yield Cause(kind, told, mend.format(**values), container)
            if kind is CauseKind.VOLUME_PENDING:
                return
    if not found:
        mend = "see what it asks for in k8s/, and what the nodes have"
        yield Cause(
            CauseKind.UNSCHEDULABLE, f"no node takes it ({shortened(text)})", mend, container
        )


def _asked(pod: Mapping[str, Any]) -> dict[str, str]:
    requests: dict[str, list[str]] = {}
    for container in items(mapping(pod.get("spec")).get("containers")):
        resources = mapping(container.get("resources"))
        asked = {**mapping(resources.get("limits")), **mapping(resources.get("requests"))}
        for name, amount in asked.items():
            requests.setdefault(str(name), []).append(str(amount))
    gpus = "+".join(requests.get(_GPU, ["1"]))
    gpu_memory = _gpu_memory(pod)
    fewer = "ask for less GPU memory in thinkube.yaml"
    return {
        "gpus": "1 GPU" if gpus == "1" else f"{gpus} GPUs",
        "gpu_memory": gpu_memory,
        "ask_otherwise": fewer if gpu_memory else "ask for other nodes in k8s/",
        "request_memory": "+".join(requests.get("memory", ["enough"])),
        "request_cpu": "+".join(requests.get("cpu", ["enough"])),
    }


def _gpu_memory(pod: Mapping[str, Any]) -> str:
    affinity = mapping(mapping(pod.get("spec")).get("affinity")).get("nodeAffinity")
    required = mapping(affinity).get("requiredDuringSchedulingIgnoredDuringExecution")
    for term in items(mapping(required).get("nodeSelectorTerms")):
        for each in items(term.get("matchExpressions")):
            if each.get("key") == "nvidia.com/gpu.memory" and each.get("values"):
                mib = str(each["values"][0])
                if mib.isdecimal():
                    return f": a GPU with {(int(mib) + 1) / 1024:.3g} GiB of memory"
    return ""
