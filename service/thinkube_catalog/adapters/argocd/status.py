"""From what Argo CD says to what we say: one mapping, told nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from thinkube_catalog.adapters.argocd.answers import ArgoApplication, Node, Tree
from thinkube_catalog.adapters.argocd.cluster import Arrival
from thinkube_catalog.adapters.argocd.desired import DELIVERED, NAME, SERVING, missing_of
from thinkube_catalog.adapters.argocd.progress import Progress, Stage, progress
from thinkube_catalog.domain.gitops import (
    ApplicationStatus,
    Cause,
    CauseKind,
    ContainerStatus,
    Health,
)

COMPONENT = "app.kubernetes.io/component"
"""The label that says which container of the descriptor a pod runs."""

_HEALTH = {
    "Healthy": Health.HEALTHY,
    "Progressing": Health.PROGRESSING,
    "Degraded": Health.DEGRADED,
    "Suspended": Health.SUSPENDED,
    "Missing": Health.MISSING,
}
_WORST_FIRST = (
    Health.DEGRADED,
    Health.MISSING,
    Health.UNKNOWN,
    Health.PROGRESSING,
    Health.SUSPENDED,
    Health.HEALTHY,
)
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_OWNERS = {"ReplicaSet", "StatefulSet", "DaemonSet"}
_ROUTES = {"HTTPRoute", "Ingress", "Route"}
_FINAL = {CauseKind.INVALID_OBJECT, CauseKind.ADMISSION_DENIED, CauseKind.QUOTA}
"""Kinds of causes that only another commit mends, where the repository cannot be read."""


@dataclass(frozen=True)
class Details:
    """What the record itself does not say. Empty where nobody could or had to ask."""

    tree: Tree = field(default_factory=Tree)
    causes: tuple[Cause, ...] = ()
    arrival: Arrival = field(default_factory=Arrival)


def status_of(
    there: ArgoApplication, details: Details, address: str, head: str = ""
) -> ApplicationStatus:
    """Say how an application is. `address` is where people would reach its routes.

    `head` is the branch's newest commit: Argo CD names none that it cannot read.
    """
    now = progress(there)
    now = now if now.wanted else replace(now, wanted=head)
    missing = missing_of(there) if now.wanted else []
    arrival = details.arrival if now.wanted else Arrival()
    if arrival.awaited:  # what reads its secrets has never run with this commit
        now = replace(now, serving=there.metadata.annotations.get(SERVING, ""))
    causes = (*map(_missing_secret, missing), *_with_arrival(details.causes, arrival))
    lacking = bool(missing) or (arrival.awaited and arrival.lacking)
    causes = () if now.healthy and not missing and not arrival.awaited else causes
    failed = _has_failed(now, causes) or lacking
    health = Health.DEGRADED if lacking else _health(now, failed=failed)
    if health is Health.HEALTHY and arrival.awaited:
        health = Health.PROGRESSING  # nothing in it reads them yet
    now = now if now.healthy or _answers(details.tree) else replace(now, serving="")
    return ApplicationStatus(
        name=there.metadata.annotations.get(NAME, there.metadata.name),
        health=health,
        wanted=now.wanted,
        serving=now.serving,
        failed=failed,
        url=_url(there, address) if now.serving else "",
        message=_message(now, causes, health),
        causes=causes,
        containers=tuple(_containers(details.tree, now)),
        outdated=arrival.revision not in {"", there.metadata.annotations.get(DELIVERED, "")},
    )


def _with_arrival(causes: Sequence[Cause], arrival: Arrival) -> Sequence[Cause]:
    """Return the causes with those of secrets that have not come: that pods miss them follows."""
    if not arrival.awaited:
        return causes
    others = [each for each in causes if each.kind is not CauseKind.MISSING_SECRET]
    return [*arrival.causes, *others]


def _has_failed(now: Progress, causes: Sequence[Cause]) -> bool:
    match now.stage:
        case Stage.REFUSED | Stage.NOTHING:
            return True
        case Stage.RUNNING:
            return now.health == "Degraded"
        case Stage.UNREADABLE:
            return any(each.kind in _FINAL for each in causes)
    return False


def _health(now: Progress, *, failed: bool) -> Health:
    told = _HEALTH.get(now.health, Health.UNKNOWN)
    if failed:
        return Health.DEGRADED
    if now.stage is Stage.RUNNING:
        return told
    if now.stage is Stage.UNREADABLE:
        return Health.UNKNOWN  # it says nothing about what runs
    if not now.wanted:
        return Health.MISSING
    again = now.stage in {Stage.SYNCING, Stage.SETTLING} and now.wanted == now.serving
    return told if again else Health.PROGRESSING  # again: it is only put right


def _answers(tree: Tree) -> bool:
    """Whether each workload has a pod that is well, as far as anybody has seen pods.

    What scales to nothing has none, and answers all the same.
    """
    pods = [node for node in tree.of_kind("Pod") if _OWNERS & {it.kind for it in node.parent_refs}]
    if not pods:
        scales = any("knative" in node.group for node in tree.nodes)
        return scales or not tree.of_kind(*_WORKLOADS)
    by_component = _by_component(pods).values()
    return all(any(node.health.status == "Healthy" for node in nodes) for nodes in by_component)


def _message(now: Progress, causes: Sequence[Cause], health: Health) -> str:
    commit = now.wanted[:7]
    why = "; ".join(each.message for each in causes)
    if health is Health.HEALTHY:
        return "healthy"
    if health is Health.DEGRADED:
        still = f"; {now.serving[:7]} still serves" if now.serving not in {"", now.wanted} else ""
        return f"{commit} failed: {why or 'Argo CD says no more'}{still}"
    told = {
        Stage.REMOVING: "being removed",
        Stage.WAITING: "Argo CD has not looked at the repository yet",
        Stage.NO_COMMIT: "the repository has no commit yet",
        Stage.UNREADABLE: "the repository cannot be read",
        Stage.SYNCING: f"applying {commit}",
        Stage.SETTLING: f"{commit} is applied",
        Stage.UNCONFIRMED: f"{commit} is to be applied",
    }.get(now.stage, _starting(now) if now.health == "Progressing" else str(health))
    if now.retries:
        told = f"{told}, attempt {now.retries + 1}"
    return f"{told}: {why}" if why else told


def _starting(now: Progress) -> str:
    if now.serving == now.wanted:
        return f"{now.wanted[:7]} is started once more, and still serves"
    still = f"; {now.serving[:7]} still serves" if now.serving else ""
    return f"{now.wanted[:7]} is starting{still}"


def _missing_secret(name: str) -> Cause:
    return Cause(
        CauseKind.MISSING_SECRET,
        f"no value is stored for the secret {name}",
        f"store it with: tkt secret set {name}, then tkt retry",
    )


def _url(there: ArgoApplication, address: str) -> str:
    if any(each.kind in _ROUTES for each in there.status.resources):
        return address
    if any("knative" in each.group for each in there.status.resources):
        return address
    return next(iter(there.status.summary.external_urls), "")


def _containers(tree: Tree, now: Progress) -> Iterator[ContainerStatus]:
    for name, nodes in sorted(_serving_pods(tree, now).items()):
        found = [_HEALTH.get(node.health.status, Health.UNKNOWN) for node in nodes]
        started = [node.created_at for node in nodes if node.created_at]
        yield ContainerStatus(
            name=name,
            health=next(each for each in _WORST_FIRST if each in found),
            restarts=sum(_number(node.told("Restart Count")) for node in nodes),
            started_at=min(started, default=None),
            message="; ".join(_distinct(node.health.message for node in nodes)),
        )


def _serving_pods(tree: Tree, now: Progress) -> dict[str, list[Node]]:
    """Return the pods of the version that serves, by the descriptor's container."""
    newest = _by_component(newest_pods(tree))
    if now.serving in {"", now.wanted}:
        return newest
    new = {node.uid for nodes in newest.values() for node in nodes}
    older = [node for node in tree.of_kind("Pod") if node.uid not in new]
    return {**newest, **_by_component(node for node in older if node.health.status == "Healthy")}


def _by_component(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for node in nodes:
        found.setdefault(component_of(node), []).append(node)
    return found


def newest_pods(tree: Tree) -> list[Node]:
    """Return the pods of each workload's newest generation that has any; older ones are to end.

    Generations are told by the ReplicaSet that a pod belongs to.
    """
    pods = tree.of_kind("Pod")
    parents = {owner.uid for pod in pods for owner in pod.parent_refs}
    sets = {node.uid: node for node in tree.of_kind("ReplicaSet") if node.uid in parents}
    newest: dict[str, int] = {}
    for node in sets.values():
        for owner in node.parent_refs:
            newest[owner.uid] = max(newest.get(owner.uid, 0), _generation(node))
    found = []
    for pod in pods:
        made_by = [sets[each.uid] for each in pod.parent_refs if each.uid in sets]
        owners = [(node, owner) for node in made_by for owner in node.parent_refs]
        if all(_generation(node) == newest[owner.uid] for node, owner in owners):
            found.append(pod)
    return found


def component_of(node: Node) -> str:
    """Return the name of the descriptor's container that a pod runs, or the pod's own."""
    return node.networking_info.labels.get(COMPONENT, node.name)


def _generation(node: Node) -> int:
    return _number(node.told("Revision").removeprefix("Rev:"))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))
