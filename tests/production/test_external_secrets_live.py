"""Secrets that the real External Secrets fetches, out of Secrets of another namespace.

It has to run in the cluster beside the other real servers. Its intervals are not waited for: where
one would have passed, an administrator's annotation has everything fetched, as it is documented.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.argocd_world import CONVENTIONS, PLACEMENT, QUICK, given
from tests.contracts.clusters import account_of, live_http
from tests.edges.platform import Scene, a_scene, without
from tests.journeys.installation import wait_until
from tests.production.narrow import make_project
from tests.production.vault import REASON, SET, Applied, Vault
from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.engine import ArgoCdEngine
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.adapters.kubernetes import ExternalStore, KubernetesCluster
from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.kubernetes.doctor import check_cluster
from thinkube_catalog.adapters.kubernetes.survey import survey_cluster
from thinkube_catalog.adapters.memory.runs import MemoryRuns
from thinkube_catalog.domain.deployments import Deployment, RunKind, RunState, State
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import changes, runs, watch
from thinkube_catalog.wiring.doctor import _EXTERNAL_SECRETS

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not SET, reason=REASON),
]

NAME = "fetched"
SPACE = f"{PLACEMENT.prefix}{NAME}"
SECRET, KEY = f"{NAME}-secrets", f"{NAME}/HF_TOKEN"
ORGANISATION = PROJECT = "thinkube-fetched"
CANARY, OTHER = "canary-of-the-store-1", "canary-of-the-store-2"
OURS = "canary-of-the-catalog"


@dataclass
class World:
    scene: Scene
    http: httpx.Client
    access: ClusterAccess
    vault: Vault
    forge: GiteaForge
    applied: Applied

    def deploy(self) -> Deployment:
        """Deploy; what happens to be kept here under its key is not what it is to get."""
        self.scene.secrets.put(KEY, SecretValue(OURS))
        body = {
            "template": "tkt-guarded",
            "name": NAME,
            "answers": {"greeting": "Hello"},
            "secrets": {"HF_TOKEN": {"stored": KEY}},
        }
        answer = self.scene.client().post("/api/v1/deployments", json=body)
        assert answer.status_code == 202, answer.text
        return self.scene.platform.deployments.get(NAME)

    def remove(self) -> None:
        run = changes.remove(self.scene.platform, NAME, volumes=True, repository=True)
        ended = self.scene.platform.deployments.run(run.id)
        while ended.state is RunState.FAILED:
            run = changes.retry(self.scene.platform, NAME)
            ended = self.scene.platform.deployments.run(run.id)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as opened:
        http = opened.enter_context(live_http())
        access = account_of(http)
        make_project(PROJECT, ORGANISATION, SPACE)
        vault = Vault(http, f"tkt-test-vault-{uuid.uuid4().hex[:6]}")
        opened.callback(vault.remove)
        vault.make()
        scene = a_scene(tmp_path / "scene", carried_out=False)
        carrying = MemoryRuns(time.sleep, inline=True)
        token = given("GITEA_TOKEN")
        forge = GiteaForge(tmp_path / "mirrors", given("GITEA_URL"), token, seconds=60)
        opened.enter_context(closing(forge))
        store = ExternalStore(vault.name, entries="deployment")
        cluster = KubernetesCluster(access, b"k" * 32, store)
        placement = replace(PLACEMENT, project=PROJECT, repositories=f"{given('GITEA_URL')}/")
        options = replace(QUICK, placement=placement, read_token=token, branch=0.5, removal=90.0)
        client = ArgoCdClient(given("ARGOCD_URL"), given("ARGOCD_TOKEN"), 30.0)
        engine = ArgoCdEngine(client, cluster, scene.secrets, forge.head, options, cluster.close)
        engine.start()
        opened.callback(engine.stop)
        parts = {
            "forge": forge,
            "engine": engine,
            "conventions": CONVENTIONS,
            "runs": carrying,
            "secret_store": f"the ClusterSecretStore {vault.name}",
            "deployments_owner": ORGANISATION,
        }
        opened.enter_context(without(scene.platform, **parts))
        carrying.launch(partial(runs.proceed, scene.platform))
        made = World(scene, http, access, vault, forge, Applied(http, SPACE, SECRET))
        yield made
        if any(each.name == NAME for each in scene.platform.deployments.page(limit=10)):
            made.remove()


def test_values_come_from_the_store_and_from_nowhere_else(world: World) -> None:
    world.vault.put(NAME, "HF_TOKEN", CANARY)
    deployment = world.deploy()
    assert (deployment.state, deployment.problems) == (State.HEALTHY, ())
    assert world.applied.values() == {"HF_TOKEN": CANARY}
    application = httpx.get(
        f"{given('ARGOCD_URL')}/api/v1/applications/{SPACE}",
        headers={"Authorization": f"Bearer {given('ARGOCD_TOKEN')}"},
        timeout=30,
    ).text
    files = world.forge.files(Repository(ORGANISATION, NAME), deployment.commit)
    texts = [
        application,
        repr(world.scene.platform.deployments.events(NAME, 0)),
        *(each.content.decode() for each in files.values()),
    ]
    assert not any(word in text for word in (CANARY, OURS) for text in texts)

    world.remove()
    assert world.applied.is_gone()


def test_what_nobody_named_is_fetched_from_the_shared_ones(world: World) -> None:
    world.vault.put("shared", "HF_TOKEN", CANARY)
    body = {"template": "tkt-guarded", "name": NAME, "answers": {"greeting": "Hello"}}
    world.scene.client().post("/api/v1/deployments", json=body).raise_for_status()
    assert world.scene.platform.deployments.get(NAME).state is State.HEALTHY
    assert world.applied.values() == {"HF_TOKEN": CANARY}


def test_what_the_store_lacks_is_named_and_fetched_once_it_is_there(world: World) -> None:
    failed = world.deploy()
    assert failed.state is State.FAILED
    (problem,) = failed.problems
    assert f"the secret HF_TOKEN (entry {NAME}, field HF_TOKEN)" in problem.message
    assert f"ClusterSecretStore {world.vault.name} does not have" in problem.message
    assert problem.mend == "put it there, then: tkt retry"
    world.vault.put(NAME, "HF_TOKEN", CANARY)
    changes.retry(world.scene.platform, NAME)
    assert world.scene.platform.deployments.get(NAME).state is State.HEALTHY
    assert world.applied.values() == {"HF_TOKEN": CANARY}


def test_a_value_that_changes_in_the_store_replaces_what_runs(world: World) -> None:
    platform = world.scene.platform
    world.vault.put(NAME, "HF_TOKEN", CANARY)
    world.deploy()
    before = world.applied.pods()
    assert before
    watch.observe(platform)
    assert [run.kind for run in platform.deployments.runs(NAME)] == [RunKind.DEPLOY]

    world.vault.put(NAME, "HF_TOKEN", OTHER)
    world.applied.let_the_interval_pass()
    wait_until(lambda: bool(watch.observe(platform)), "the change is seen", 60)
    run = platform.deployments.runs(NAME)[0]
    assert (run.kind, run.state) == (RunKind.RENEW, RunState.SUCCEEDED)
    assert world.applied.values() == {"HF_TOKEN": OTHER}
    wait_until(lambda: before.isdisjoint(world.applied.pods()), "others have taken over", 150)
    assert watch.observe(platform) == 0

    between = world.applied.pods()
    world.vault.put(NAME, "HF_TOKEN", CANARY)
    changes.renew(platform, NAME)  # waits for no interval
    assert world.applied.values() == {"HF_TOKEN": CANARY}
    wait_until(lambda: between.isdisjoint(world.applied.pods()), "others have taken over", 150)


def test_a_value_that_leaves_the_store_leaves_what_runs(world: World) -> None:
    platform = world.scene.platform
    world.vault.put(NAME, "HF_TOKEN", CANARY)
    world.deploy()
    world.http.delete(f"{world.vault.place}/secrets/{NAME}").raise_for_status()
    run = changes.renew(platform, NAME)
    assert platform.deployments.run(run.id).state is RunState.SUCCEEDED
    assert world.applied.values() == {"HF_TOKEN": CANARY}


def test_the_doctor_finds_everything_in_order_and_what_is_not(world: World) -> None:
    store = world.vault.name
    checks = [
        *check_cluster(world.access),
        *survey_cluster(world.access, PLACEMENT.prefix, [_EXTERNAL_SECRETS], store),
    ]
    assert [each for each in checks if not each.good] == []
    assert {"cluster ExternalSecret", "cluster secret store"} <= {each.name for each in checks}
    absent = survey_cluster(world.access, PLACEMENT.prefix, [], f"{store}-absent")
    assert [each.name for each in absent if not each.good] == ["cluster secret store"]
