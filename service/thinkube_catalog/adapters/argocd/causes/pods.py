"""What keeps one pod from being well, from its own state and what was told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from thinkube_catalog.adapters.argocd.causes.evidence import (
    Evidence,
    Seen,
    items,
    mapping,
    time_of,
)
from thinkube_catalog.adapters.argocd.causes.scheduling import scheduling_causes
from thinkube_catalog.adapters.argocd.causes.texts import shortened
from thinkube_catalog.adapters.argocd.status import component_of
from thinkube_catalog.domain.forge import BuildState
from thinkube_catalog.domain.gitops import Cause, CauseKind

_PULL = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
    "ImageInspectError",
}
_CONFIG = {"CreateContainerConfigError", "CreateContainerError"}
_CRASH = {"CrashLoopBackOff", "RunContainerError", "StartError"}
_ABSENT = re.compile(r"(secret|configmap) \"?([^\s\"]+)\"? not found|couldn't find key (\S+)")
_KILLED = 137


def pod_causes(seen: Seen, evidence: Evidence) -> Iterator[Cause]:
    """Name what keeps a pod from being well."""
    container = component_of(seen.node)
    unscheduled = _unscheduled(seen)
    if unscheduled:
        yield from scheduling_causes(seen.manifest, unscheduled, container)
        return
    states = [
        *items(seen.status.get("initContainerStatuses")),
        *items(seen.status.get("containerStatuses")),
    ]
    found = [each for state in states for each in _container_causes(seen, state, evidence)]
    yield from found or _volume_causes(seen, container)
    if not found and seen.status.get("reason") in {"Evicted", "NodeLost", "NodeAffinity"}:
        told = shortened(str(seen.status.get("message", "")))
        reason = str(seen.status["reason"])
        mend = "a new one is made by itself; ask for more memory or disk if it happens again"
        yield Cause(CauseKind.UNKNOWN, f"the node has put it out ({reason}: {told})", mend)


def _unscheduled(seen: Seen) -> str:
    for each in items(seen.status.get("conditions")):
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return str(each.get("message") or each.get("reason") or "no reason given")
    return ""


def _container_causes(seen: Seen, state: Mapping[str, Any], evidence: Evidence) -> Iterator[Cause]:
    name = component_of(seen.node)
    waiting = mapping(mapping(state.get("state")).get("waiting"))
    reason, told = str(waiting.get("reason", "")), shortened(str(waiting.get("message", "")))
    if reason in _PULL:
        yield _pull_cause(seen, state, evidence, told)
    elif reason in _CONFIG and _ABSENT.search(told):
        yield _absent_cause(told, name)
    elif reason in _CONFIG or reason in {"RunContainerError", "StartError"}:
        mend = "mend the container's command and settings in thinkube.yaml, and push"
        yield Cause(CauseKind.CRASH_LOOP, f"it cannot be started: {told}", mend, name)
    elif reason in _CRASH or (mapping(state.get("state")).get("terminated") and _ended_ill(state)):
        yield _crash_cause(seen, state, name)
    elif not state.get("ready") and mapping(state.get("state")).get("running"):
        yield _not_ready_cause(seen, state, evidence.now)


def _pull_cause(seen: Seen, state: Mapping[str, Any], evidence: Evidence, told: str) -> Cause:
    name, image = component_of(seen.node), str(state.get("image", ""))
    build = evidence.build
    if build is not None and build.state is BuildState.RUNNING:
        where = f" at {build.url}" if build.url else ""
        message = f"its image is still being built{where}"
        return Cause(CauseKind.BUILDING, message, "wait until the build has ended", name)
    if build is not None and build.state is BuildState.FAILED:
        where = f"; see {build.url}" if build.url else ""
        message = f"the build of its image has failed{where}"
        mend = "read the build's log, mend what failed, and push"
        return Cause(CauseKind.BUILD_FAILED, message, mend, name)
    event = seen.told("Failed")
    because = told or (shortened(event.message) if event else "")
    mend = "see that the image exists under that name and that the cluster may pull it"
    if image.endswith(":unbuilt"):
        mend = "have its image built: push to the repository, or see to the forge's runner"
    return Cause(CauseKind.IMAGE_PULL, f"the image {image} cannot be pulled: {because}", mend, name)


def _absent_cause(told: str, container: str) -> Cause:
    key = re.search(r"couldn't find key (\S+)", told)
    what = f"the value {key.group(1)}" if key else "something that it reads"
    mend = "store it with: tkt secret set, then: tkt retry"
    return Cause(CauseKind.MISSING_SECRET, f"{what} is missing: {told}", mend, container)


def _ended_ill(state: Mapping[str, Any]) -> bool:
    return mapping(mapping(state.get("state")).get("terminated")).get("exitCode") != 0


def _crash_cause(seen: Seen, state: Mapping[str, Any], name: str) -> Cause:
    ended = mapping(mapping(state.get("state")).get("terminated")) or mapping(
        mapping(state.get("lastState")).get("terminated")
    )
    code, reason = ended.get("exitCode"), str(ended.get("reason", ""))
    restarts = state.get("restartCount", 0)
    if reason == "OOMKilled":
        limit = _memory_limit(seen, str(state.get("name", "")))
        message = f"it was ended for using more memory than its limit{limit}"
        mend = "choose a larger size in thinkube.yaml, or use less"
        return Cause(CauseKind.CRASH_LOOP, message, mend, name, seen.lines)
    killed = seen.told("Unhealthy", "Killing")
    if code in {_KILLED, 143} and killed is not None:
        return _probe_cause(seen, killed.message, name)
    what = f"it ends with exit code {code}" if code is not None else "it ends again and again"
    mend = f"read its log with: tkt logs; it has been started {restarts + 1} times"
    return Cause(CauseKind.CRASH_LOOP, what, mend, name, seen.lines)


def _memory_limit(seen: Seen, container: str) -> str:
    for each in items(seen.spec.get("containers")):
        if each.get("name") == container:
            limit = mapping(mapping(each.get("resources")).get("limits")).get("memory")
            return f" of {limit}" if limit else ""
    return ""


def _not_ready_cause(seen: Seen, state: Mapping[str, Any], now: datetime) -> Cause:
    name = component_of(seen.node)
    spec = next(
        (it for it in items(seen.spec.get("containers")) if it.get("name") == state.get("name")),
        {},
    )
    probe = mapping(spec.get("startupProbe"))
    since = time_of(mapping(mapping(state.get("state")).get("running")).get("startedAt"))
    if probe and not state.get("started"):
        elapsed = (now - since).total_seconds() if since else 0.0
        return _still_starting(probe, elapsed, name)
    unhealthy = seen.told("Unhealthy")
    if unhealthy is not None:
        return _probe_cause(seen, unhealthy.message, name)
    return Cause(CauseKind.STILL_STARTING, "it runs and is not ready yet", "", name)


def _still_starting(probe: Mapping[str, Any], elapsed: float, name: str) -> Cause:
    first, period, times = (
        _count(probe, key, usual)
        for key, usual in (
            ("initialDelaySeconds", 0),
            ("periodSeconds", 10),
            ("failureThreshold", 3),
        )
    )
    budget = first + period * times
    message = f"it is still starting, for {_span(elapsed)} of at most {_span(budget)}"
    mend = "wait: a model is loaded on the first start; see how far it is with: tkt logs"
    return Cause(CauseKind.STILL_STARTING, message, mend, name)


def _probe_cause(seen: Seen, told: str, name: str) -> Cause:
    if "startup" in told.lower():
        message = f"it was not up in time: {shortened(told)}"
        mend = "see with tkt logs what it waits for; a larger model needs more time or memory"
    else:
        message = f"it does not answer that it is well: {shortened(told)}"
        mend = "see that it answers on its port at the health path of thinkube.yaml"
    return Cause(CauseKind.FAILED_PROBE, message, mend, name, seen.lines)


def _volume_causes(seen: Seen, container: str) -> Iterator[Cause]:
    failed = seen.told("FailedMount", "FailedAttachVolume")
    if failed is not None:
        told = shortened(failed.message)
        if _ABSENT.search(told):
            yield _absent_cause(told, container)
            return
        mend = "see whether another node still holds the volume, and whether its storage is well"
        message = f"its volume cannot be mounted: {told}"
        yield Cause(CauseKind.VOLUME_PENDING, message, mend, container)
        return
    sandbox = seen.told("FailedCreatePodSandBox")
    if sandbox is not None:
        mend = "have whoever looks after the cluster see to that node"
        message = f"its node cannot start pods: {shortened(sandbox.message)}"
        yield Cause(CauseKind.UNKNOWN, message, mend, container)
        return
    pulling = seen.told("Pulling", "Pulled")
    if pulling is not None and pulling.reason == "Pulling":
        mend = "wait: large images take a while the first time"
        yield Cause(CauseKind.STILL_STARTING, shortened(pulling.message), mend, container)


def _count(probe: Mapping[str, Any], key: str, usual: int) -> int:
    found = probe.get(key)
    return found if isinstance(found, int) else usual


def _span(seconds: float) -> str:
    span = timedelta(seconds=max(0, round(seconds)))
    return (
        f"{span.total_seconds():.0f} s"
        if span < timedelta(minutes=2)
        else (f"{span.total_seconds() / 60:.0f} minutes")
    )
