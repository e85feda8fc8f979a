"""A deployment's whole life, from the request over the API to its removal, on Argo CD."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.argocd_controller import ArgoCdStandIn
from tests.argocd_stand_in import argocd_stand_in
from tests.argocd_world import CONVENTIONS, PREFIX, QUICK
from tests.edges.platform import Scene, a_scene, without
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.engine import ArgoCdEngine
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.domain.deployments import Deployment, RunState, State
from thinkube_catalog.domain.forge import Commit, Repository, Signature
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations import changes, watch

OWNER = "thinkube-deployments"


class Stage:
    """The API on a platform whose engine is Argo CD."""

    def __init__(self, scene: Scene, argocd: ArgoCdStandIn, cluster: MemoryCluster) -> None:
        self.scene, self.argocd, self.cluster = scene, argocd, cluster
        self.platform = scene.platform

    def deploy(self, name: str, **body: object) -> None:
        asked = {"template": "tkt-chat", "name": name, **body}
        answer = self.scene.client().post("/api/v1/deployments", json=asked)
        assert answer.status_code == 202, answer.text

    def push(self, name: str, path: str, text: str) -> Commit:
        """Change one file, as a person does."""
        repository, forge = Repository(OWNER, name), self.platform.forge
        head = forge.head(repository)
        assert head is not None
        files = FileTree({**forge.files(repository, head.id), path: File(text.encode())})
        signature = Signature("Ada", "ada@example.org", datetime.now(UTC))
        return forge.publish(repository, files, "Change", signature)

    def observed(self, name: str) -> Deployment:
        watch.observe(self.platform)
        return self.platform.deployments.get(name)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    scene, cluster = a_scene(tmp_path), MemoryCluster()
    platform = scene.platform
    with argocd_stand_in(platform.forge, cluster) as argocd:
        client = ArgoCdClient(argocd.url, "the-token", 10.0)
        engine = ArgoCdEngine(client, cluster, scene.secrets, platform.forge.head, QUICK)
        engine.start()
        try:
            with without(platform, engine=engine, conventions=CONVENTIONS):
                yield Stage(scene, argocd, cluster)
        finally:
            engine.stop()


def test_a_deployment_becomes_healthy_is_rolled_back_and_leaves_nothing(stage: Stage) -> None:
    stage.deploy("chat", answers={"greeting": "Hello"})
    deployment = stage.platform.deployments.get("chat")
    assert (deployment.state, deployment.url) == (State.HEALTHY, "https://chat.apps.example")
    first = deployment.commit
    files = stage.platform.forge.files(Repository(OWNER, "chat"), first)
    assert f"namespace: {PREFIX}chat" in files.text("k8s/deployments.yaml")

    pushed = stage.push("chat", "greeting.txt", "Good day")
    wait_until(lambda: stage.observed("chat").healthy_commit == pushed.id, "it is followed", 30)
    changes.rollback(stage.platform, "chat")
    rolled_back = stage.platform.deployments.get("chat")
    assert rolled_back.state is State.HEALTHY
    assert rolled_back.commit not in {first, pushed.id}

    watch.observe(stage.platform)
    before = len(stage.platform.deployments.events("chat", 0))
    watch.observe(stage.platform)
    assert len(stage.platform.deployments.events("chat", 0)) == before

    run = changes.remove(stage.platform, "chat", volumes=True, repository=True)
    ended = stage.platform.deployments.run(run.id)
    assert ended.state is RunState.SUCCEEDED
    assert changes.left_behind(stage.platform, ended) == []
    assert (stage.argocd.records, stage.cluster.namespaces) == ({}, {})


def test_the_service_keeps_on_asking_an_argo_cd_that_is_away_for_a_while(stage: Stage) -> None:
    fault = stage.argocd.fault("500", r"POST /api/v1/applications\?", times=3)
    stage.deploy("chat", answers={"greeting": "Hello"})
    assert fault.fired == 3
    assert stage.platform.deployments.get("chat").state is State.HEALTHY
    assert len(stage.argocd.records) == 1
