"""The same whole life on real servers, each behind a proxy at which things go wrong."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.argocd_world import CONVENTIONS, PLACEMENT, QUICK, given
from tests.builders import A_MOMENT
from tests.edges.platform import Scene, a_scene, without
from tests.fault_proxy import FaultProxy, fault_proxy
from tests.faulty import Fault
from tests.journeys.installation import wait_until
from tests.production.narrow import make_project
from tests.production.test_whole_lives import ARGOCD, CANARY, CLUSTER, GITEA, KINDS, LEAVING, RECORD
from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.engine import ArgoCdEngine
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.adapters.kubernetes import KubernetesCluster, cluster_access
from thinkube_catalog.adapters.memory.runs import MemoryRuns
from thinkube_catalog.domain.deployments import Deployment, RunState, State
from thinkube_catalog.domain.forge import Repository, Signature
from thinkube_catalog.domain.rendering import File
from thinkube_catalog.operations import changes, deploy, remaking, runs, watch
from thinkube_catalog.operations.deploy import DeploymentRequest
from thinkube_catalog.operations.platform import Platform

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

ORGANISATION = "whole-lives"
CHAT = Repository(ORGANISATION, "chat")
PROJECT = "thinkube-whole-lives"


@dataclass
class World:
    scene: Scene
    gitea: FaultProxy
    argocd: FaultProxy
    cluster: FaultProxy

    def fail(self, kind: str, server: FaultProxy, calls: dict[str, str]) -> dict[str, Fault]:
        named = {
            what: call.replace("thinkube-deployments", ORGANISATION) for what, call in calls.items()
        }
        return {what: server.fault(kind, call) for what, call in named.items()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    make_project(PROJECT, ORGANISATION, RECORD)
    scene = a_scene(tmp_path / "scene", carried_out=False)
    carrying = MemoryRuns(time.sleep, inline=True)
    with (
        fault_proxy(given("GITEA_URL")) as gitea,
        fault_proxy(given("ARGOCD_URL")) as argocd,
        fault_proxy(given("KUBERNETES_URL"), Path(given("KUBERNETES_CA"))) as api,
    ):
        token = given("GITEA_TOKEN")
        forge = GiteaForge(tmp_path / "mirrors", gitea.url, token, seconds=60)
        access = cluster_access(api.url, given("KUBERNETES_TOKEN"), None)
        cluster = KubernetesCluster(access, b"k" * 32)
        placement = replace(PLACEMENT, project=PROJECT, repositories=f"{given('GITEA_URL')}/")
        options = replace(QUICK, placement=placement, read_token=token, branch=0.5, removal=90.0)
        client = ArgoCdClient(argocd.url, given("ARGOCD_TOKEN"), 30.0)
        engine = ArgoCdEngine(client, cluster, scene.secrets, forge.head, options, cluster.close)
        engine.start()
        parts = {
            "forge": forge,
            "engine": engine,
            "conventions": CONVENTIONS,
            "runs_objects": True,
            "runs": carrying,
            "deployments_owner": ORGANISATION,
        }
        try:
            with without(scene.platform, **parts):
                carrying.launch(partial(runs.proceed, scene.platform))
                yield World(scene, gitea, argocd, api)
        finally:
            engine.stop()
            forge.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_life_converges_on_real_servers_too(world: World, kind: str) -> None:
    platform = world.scene.platform
    calls = {what: call for what, call in GITEA.items() if what != "make the organisation"}
    fired = world.fail(kind, world.gitea, calls)
    fired |= world.fail(kind, world.argocd, ARGOCD) | world.fail(kind, world.cluster, CLUSTER)
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
    assert len(platform.forge.history(CHAT)) == 1
    assert list(platform.engine.names()) == ["chat"]

    gone = ("delete the application", "take credentials back")
    fired |= world.fail(kind, world.argocd, {what: LEAVING[what] for what in gone})
    for server, what in (
        (world.cluster, "delete the namespace"),
        (world.gitea, "delete the repository"),
    ):
        fired |= world.fail(kind, server, {what: LEAVING[what]})
    run = changes.remove(platform, "chat", volumes=True, repository=True)
    ended = platform.deployments.run(run.id)
    while ended.state is RunState.FAILED and changes.left_behind(platform, ended):
        run = changes.retry(platform, "chat")
        ended = platform.deployments.run(run.id)
    assert (ended.state, ended.problems) == (RunState.SUCCEEDED, ())
    assert {what: fault.fired for what, fault in fired.items()} == dict.fromkeys(fired, 1)
    assert list(platform.engine.names()) == []
    assert CANARY not in repr(platform.deployments.events("chat", 0))


def test_what_is_changed_in_the_descriptor_is_said_and_reaches_the_cluster(world: World) -> None:
    platform = world.scene.platform
    deploy.request(platform, DeploymentRequest("tkt-chat", "chat"))
    first = platform.deployments.get("chat")
    assert (first.state, first.problems) == (State.HEALTHY, ())
    files = platform.forge.files(CHAT, first.commit)
    larger = files.text("thinkube.yaml").replace("size: small", "size: medium")
    person = Signature("A person", "person@example.org", A_MOMENT)
    pushed = files.with_files({"thinkube.yaml": File(larger.encode())})
    commit = platform.forge.publish(CHAT, pushed, "More of it", person).id
    _observe_until(platform, lambda now: now.healthy_commit == commit)
    assert [each.file for each in watch.look(platform, "chat").warnings] == ["thinkube.yaml"]
    before = _told(world)

    run = remaking.request(platform, "chat")
    assert platform.deployments.run(run.id).state is RunState.SUCCEEDED
    assert watch.look(platform, "chat").warnings == ()
    assert _told(world) != before
    assert list(platform.forge.proposals(CHAT, remaking.BRANCHES)) == []

    changes.remove(platform, "chat", volumes=True, repository=True)
    assert list(platform.engine.names()) == []


def _observe_until(platform: Platform, fits: Callable[[Deployment], bool]) -> None:
    def seen() -> bool:
        watch.observe(platform)
        return fits(platform.deployments.get("chat"))

    wait_until(seen, "it is noticed", 120)


def _told(world: World) -> object:
    """Return what the cluster itself was told that the application may use."""
    address = f"{given('KUBERNETES_URL')}/apis/apps/v1/namespaces/{RECORD}/deployments"
    headers = {"Authorization": f"Bearer {given('KUBERNETES_TOKEN')}"}
    trust = ssl.create_default_context(cafile=given("KUBERNETES_CA"))
    found = httpx.get(address, headers=headers, verify=trust, timeout=30).raise_for_status().json()
    (workload,) = found["items"]
    return workload["spec"]["template"]["spec"]["containers"][0]["resources"]
