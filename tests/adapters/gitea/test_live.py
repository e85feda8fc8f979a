"""What the stand-in only claims: a real Gitea delivers, notes and keeps as it does.

It has to be allowed to call this machine (`ALLOWED_HOST_LIST = loopback`) and to have Actions on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.adapters.gitea.test_gitea_forge import US
from tests.builds.runner import Clone, Runner
from tests.builds.test_workflow_runs import WORKFLOW, a_project
from tests.edges.asgi import served
from tests.edges.platform import a_scene
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.gitea import Care, GiteaForge, Hook, heads
from thinkube_catalog.domain.forge import Build, BuildState, Repository, RolloutState
from thinkube_catalog.domain.kubernetes.kustomization import KUSTOMIZATION_PATH, read_images
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.secrets import SecretValue

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

MARKER = "deployment 1"


class Live:
    """A repository of its own at the real Gitea, a service that is told of pushes, and the API."""

    def __init__(self, root: Path, address: str) -> None:
        self.url, self.token = (os.environ[f"THINKUBE_TEST_GITEA_{it}"] for it in ("URL", "TOKEN"))
        self.repository = Repository("thinkube-deployments", f"live-{uuid4().hex[:12]}")
        self.root = root
        self.hook = f"{address}/api/v1/hooks/gitea"
        self.pushed: list[Repository] = []
        self.forge = self.another("first")

    def another(self, key: str, page: str = "") -> GiteaForge:
        hook = Hook(self.hook, lambda id_: self.secret(key, id_), lambda _secret: key)
        secrets = {"BUILD_USER": SecretValue("builder"), "BUILD_TOKEN": SecretValue("any")}
        return GiteaForge(
            self.root / f"mirrors-{key}",
            self.url,
            self.token,
            care=Care((hook,), secrets, lambda _repository: page),
            signed_by=lambda id_: [self.secret(key, id_)],
        )

    def secret(self, key: str, id_: int) -> SecretValue:
        return SecretValue(f"secret-of-{key}-{id_}")

    def receive(self, headers: Mapping[str, str], body: bytes) -> Repository | None:
        return self.forge.receive(headers, body)

    def ask(self, path: str) -> Any:
        place = f"{self.url}/api/v1/repos/{self.repository}/{path}"
        answer = httpx.get(place, headers={"Authorization": f"token {self.token}"}, timeout=30)
        return answer.raise_for_status().json()

    def clone(self) -> Clone:
        address = self.url.replace("://", f"://somebody:{self.token}@")
        return Clone(f"{address}/{self.repository}.git", self.root / "clone")

    def connected(self) -> None:
        self.forge.ensure_repository(self.repository, MARKER)
        self.forge.connect(self.repository, MARKER)


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setattr(heads, "INTERVAL", 3600.0)  # nothing is seen unless it is told
    made: list[Live] = []

    class Late:
        """The app is served before the forge can know its address."""

        def receive(self, headers: Mapping[str, str], body: bytes) -> Repository | None:
            return made[0].receive(headers, body)

    pushed: list[Repository] = []
    scene = a_scene(tmp_path / "scene", deliveries=Late(), pushed=pushed.append)
    with served(scene.app) as address:
        made.append(Live(tmp_path, address))
        made[0].pushed = pushed
        yield made[0]
        made[0].forge.remove_repository(made[0].repository, MARKER)
        made[0].forge.close()


def test_a_push_to_it_reaches_a_running_service_and_is_seen(live: Live) -> None:
    live.connected()
    first = live.forge.publish(live.repository, a_project("1"), "First", US)
    wait_until(lambda: live.pushed == [live.repository], "our own push is told")
    assert live.forge.head(live.repository) == first
    theirs = live.clone().push(FileTree({"notes.txt": File(b"2")}))
    wait_until(lambda: live.pushed == [live.repository] * 2, "the push is told")
    head = live.forge.head(live.repository)
    assert head is not None
    assert head.id == theirs


def test_webhooks_are_listed_changed_and_replaced_as_the_stand_in_says(live: Live) -> None:
    live.connected()
    live.connected()
    (hook,) = live.ask("hooks")
    assert hook["config"] == {"content_type": "json", "url": f"{live.hook}?key=first"}
    assert (hook["active"], hook["events"], hook["branch_filter"]) == (True, ["push"], "main")
    again = live.another("second")
    again.connect(live.repository, MARKER)
    (hook,) = live.ask("hooks")
    assert hook["config"]["url"] == f"{live.hook}?key=second"
    assert sorted(each["name"] for each in live.ask("actions/secrets")) == [
        "BUILD_TOKEN",
        "BUILD_USER",
    ]
    again.disconnect(live.repository, MARKER)
    again.disconnect(live.repository, MARKER)
    again.close()
    assert (live.ask("hooks"), live.ask("actions/secrets")) == ([], [])


def test_it_reads_our_workflow_and_waits_for_a_runner(live: Live) -> None:
    live.connected()
    commit = live.forge.publish(live.repository, a_project(), "First", US)
    found: list[Build | None] = [None]

    def begun() -> bool:
        found[0] = live.forge.build(live.repository, commit.id)
        return found[0] is not None

    wait_until(begun, "Gitea has begun with the workflow")
    assert found[0] is not None
    assert found[0].state is BuildState.RUNNING
    assert found[0].url.startswith(f"{live.url}/{live.repository}/actions/runs/")
    contexts = {each["context"] for each in live.ask(f"commits/{commit.id}/status")["statuses"]}
    assert contexts == {
        "Build images / backend (push)",
        "Build images / frontend (push)",
        "Build images / tags (push)",
    }


def test_how_a_deployment_stands_is_shown_and_is_no_build(live: Live) -> None:
    live.connected()
    files = FileTree({"main.py": File(b"1")})
    commit = live.forge.publish(live.repository, files, "First", US)
    for state in (RolloutState.PENDING, RolloutState.FAILED, RolloutState.SUCCEEDED):
        live.forge.show_rollout(live.repository, commit.id, state, f"it is {state}")
    combined = live.ask(f"commits/{commit.id}/status")
    assert [(each["context"], each["status"]) for each in combined["statuses"]] == [
        ("thinkube/deploy", "success")
    ]
    assert live.forge.build(live.repository, commit.id) is None


def test_the_tags_of_a_build_land_on_its_protected_branch_and_begin_no_other(
    live: Live, tmp_path: Path
) -> None:
    live.connected()
    commit = live.forge.publish(live.repository, a_project(), "First", US)
    secrets = {"GITEA_TOKEN": live.token, "BUILD_USER": "builder", "BUILD_TOKEN": live.token}
    secrets |= {"REGISTRY_USER": "builder", "REGISTRY_TOKEN": "any"}
    runner = Runner(tmp_path / "runner", live.url, str(live.repository), secrets)
    assert runner.run(WORKFLOW, commit.id), runner.printed
    wait_until(lambda: len(live.pushed) == 2, "the push of the tags is told")
    head = live.forge.head(live.repository)
    assert head is not None
    assert head.id != commit.id
    tree = live.forge.files(live.repository, head.id)
    assert set(read_images(tree).values()) == {commit.id}
    assert tree.text(KUSTOMIZATION_PATH).count("unbuilt") == 0
    wait_until(
        lambda: live.forge.build(live.repository, commit.id) is not None, "the first is noted"
    )
    assert live.forge.build(live.repository, head.id) is None
