"""A deployment's whole life while each of the three servers fails at each of its calls.

Gitea, Argo CD and the cluster's API stand in, each over the adapter that talks to the real one.
Whatever happens on the way, there is one repository, one application, one namespace, one record;
and nothing of them after the removal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.argocd_controller import ArgoCdStandIn
from tests.argocd_stand_in import argocd_stand_in
from tests.argocd_world import CONVENTIONS, PLACEMENT, QUICK
from tests.contracts.clusters import REVISION_KEY
from tests.edges.platform import Scene, a_scene, without
from tests.faulty import Fault
from tests.gitea_stand_in import GiteaStandIn, gitea_stand_in
from tests.kubernetes_stand_in import TOKEN, KubernetesStandIn, kubernetes_stand_in
from tests.kubernetes_stand_in import Fault as ClusterFault
from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.cluster import Delivery, Supply
from thinkube_catalog.adapters.argocd.engine import ArgoCdEngine
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.adapters.kubernetes import KubernetesCluster, cluster_access
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.domain.deployments import RunState, State
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.operations import changes

KINDS = ("drop before", "drop after", "delay", "500", "500 after", "429", "half a body", "reset")
CHAT = Repository("thinkube-deployments", "chat")
RECORD = "tkt-chat"
CANARY = "canary-of-a-whole-life"
GITEA = {
    "look for the repository": r"GET /api/v1/repos/thinkube-deployments/chat$",
    "make the organisation": r"POST /api/v1/orgs$",
    "make the repository": r"POST /api/v1/orgs/thinkube-deployments/repos",
    "push": r"POST /thinkube-deployments/chat.git/git-receive-pack",
    "protect the branch": r"POST /api/v1/repos/thinkube-deployments/chat/branch_protections",
}
ARGOCD = {
    "look for the application": rf"GET /api/v1/applications/{RECORD}\?project",
    "give credentials": r"POST /api/v1/repositories",
    "make the application": r"POST /api/v1/applications\?",
}
CLUSTER = {
    "look for the namespace": rf"GET /api/v1/namespaces/{RECORD}$",
    "make the namespace": r"POST /api/v1/namespaces$",
    "deliver the secret": rf"PATCH /api/v1/namespaces/{RECORD}/secrets",
}
LEAVING = {
    "delete the application": rf"DELETE /api/v1/applications/{RECORD}\?",
    "take credentials back": r"DELETE /api/v1/repositories",
    "delete the namespace": rf"DELETE /api/v1/namespaces/{RECORD}$",
    "delete the repository": r"DELETE /api/v1/repos/thinkube-deployments/chat$",
}


class BothClusters(MemoryCluster):
    """What the adapter does to the cluster's API, and what Argo CD's stand-in sees of it."""

    def __init__(self, real: KubernetesCluster) -> None:
        super().__init__()
        self._real = real

    def ensure_namespace(self, name: str, marker: str, labels: Mapping[str, str]) -> None:
        self._real.ensure_namespace(name, marker, labels)
        super().ensure_namespace(name, marker, labels)

    def deliver(
        self, namespace: str, name: str, supplies: Mapping[str, Supply], marker: str
    ) -> Delivery:
        delivered = self._real.deliver(namespace, name, supplies, marker)
        super().deliver(namespace, name, supplies, marker)
        return delivered

    def remove_namespace(self, name: str, marker: str) -> list[str]:
        left = self._real.remove_namespace(name, marker)
        return [*left, *super().remove_namespace(name, marker)]


@dataclass
class World:
    """The servers, and the platform on them."""

    scene: Scene
    gitea: GiteaStandIn
    argocd: ArgoCdStandIn
    cluster: KubernetesStandIn

    def fail(
        self, kind: str, at: Mapping[str, Mapping[str, str]]
    ) -> dict[str, Fault | ClusterFault]:
        """Have each of the named calls go wrong once."""
        servers: dict[str, GiteaStandIn | ArgoCdStandIn | KubernetesStandIn] = {
            "gitea": self.gitea,
            "argocd": self.argocd,
            "cluster": self.cluster,
        }
        return {
            f"{server}: {what}": servers[server].fault(kind, call)
            for server, calls in at.items()
            for what, call in calls.items()
        }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    scene = a_scene(tmp_path / "scene")
    with gitea_stand_in(tmp_path / "gitea") as gitea, kubernetes_stand_in() as api:
        forge = GiteaForge(tmp_path / "mirrors", gitea.url, "the-token", seconds=10)
        theirs = GiteaForge(tmp_path / "argocd", gitea.url, "the-token", seconds=10)
        real = KubernetesCluster(cluster_access(api.url, TOKEN, None), REVISION_KEY, seconds=10)
        cluster = BothClusters(real)
        placement = replace(PLACEMENT, repositories=f"{gitea.url}/")
        with argocd_stand_in(theirs, cluster) as argocd:
            client = ArgoCdClient(argocd.url, "the-token", 10.0)
            options = replace(QUICK, placement=placement)
            engine = ArgoCdEngine(client, cluster, scene.secrets, forge.head, options)
            engine.start()
            try:
                with without(scene.platform, forge=forge, engine=engine, conventions=CONVENTIONS):
                    yield World(scene, gitea, argocd, api)
            finally:
                engine.stop()
                real.close()
                forge.close()
                theirs.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_life_converges_whatever_goes_wrong_at_every_call(world: World, kind: str) -> None:
    platform = world.scene.platform
    arriving = world.fail(kind, {"gitea": GITEA, "argocd": ARGOCD, "cluster": CLUSTER})
    body = {
        "template": "tkt-guarded",
        "name": "chat",
        "answers": {"greeting": "Hello"},
        "secrets": {"HF_TOKEN": {"value": CANARY}},
    }
    answer = world.scene.client().post("/api/v1/deployments", json=body)
    assert answer.status_code == 202, answer.text
    deployment = platform.deployments.get("chat")
    assert (deployment.state, deployment.problems) == (State.HEALTHY, ())
    assert {what: fault.fired for what, fault in arriving.items()} == dict.fromkeys(arriving, 1)
    (repository,) = world.gitea.repositories
    assert (repository.name, len(repository.branch_protections)) == ("chat", 1)
    assert len(platform.forge.history(CHAT)) == 1
    assert list(world.argocd.records) == [RECORD]
    assert world.cluster.find("namespaces", "", RECORD) is not None
    assert len(platform.deployments.runs("chat")) == 1

    leaving = world.fail(
        kind,
        {
            "argocd": {what: LEAVING[what] for what in list(LEAVING)[:2]},
            "cluster": {"delete the namespace": LEAVING["delete the namespace"]},
            "gitea": {"delete the repository": LEAVING["delete the repository"]},
        },
    )
    run = changes.remove(platform, "chat", volumes=True, repository=True)
    ended = platform.deployments.run(run.id)
    assert (ended.state, ended.problems) == (RunState.SUCCEEDED, ())
    assert {what: fault.fired for what, fault in leaving.items()} == dict.fromkeys(leaving, 1)
    assert changes.left_behind(platform, ended) == []
    assert (world.gitea.repositories, world.argocd.records) == ([], {})
    assert world.cluster.find("namespaces", "", RECORD) is None
    events = platform.deployments.events("chat", 0)
    assert CANARY not in repr(events)
    assert len({event.cursor for event in events}) == len(events)
