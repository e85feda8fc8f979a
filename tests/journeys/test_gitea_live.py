"""The journey with a real Gitea: told pushes, images built by a workflow, statuses on commits."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.builds.runner import Runner
from tests.journeys.installation import Installation, ask, wait_until
from thinkube_catalog.domain.builds import WORKFLOW_PATH

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


class AtGitea(Installation):
    """An installation whose repositories live in two organisations of its own, there."""

    @property
    def api(self) -> httpx.Client:
        token = os.environ["THINKUBE_TEST_GITEA_TOKEN"]
        headers = {"Authorization": f"token {token}"}
        url = f"{os.environ['THINKUBE_TEST_GITEA_URL']}/api/v1/"
        return httpx.Client(base_url=url, headers=headers, timeout=30)

    def of(self, name: str, path: str) -> Any:
        with self.api as api:
            place = f"repos/{self.extra['THINKUBE_GITEA_ORG']}/{name}/{path}"
            return api.get(place).raise_for_status().json()

    def clear(self) -> None:
        with self.api as api:
            for setting in ("THINKUBE_GITEA_ORG", "THINKUBE_TEMPLATES_ORG"):
                owner = self.extra[setting]
                for each in api.get(f"orgs/{owner}/repos").json():
                    api.delete(f"repos/{owner}/{each['name']}")
                api.delete(f"orgs/{owner}")


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[AtGitea]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    mark = uuid4().hex[:8]
    token = os.environ["THINKUBE_TEST_GITEA_TOKEN"]
    made = AtGitea(
        tmp_path,
        {
            "THINKUBE_FORGE": "gitea",
            "THINKUBE_GITEA_URL": os.environ["THINKUBE_TEST_GITEA_URL"],
            "THINKUBE_GITEA_TOKEN": token,
            "THINKUBE_GITEA_ORG": f"apps-{mark}",
            "THINKUBE_TEMPLATES_ORG": f"templates-{mark}",
            "THINKUBE_PORT": str(port),
            "THINKUBE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "THINKUBE_BUILD_USER": "builder",
            "THINKUBE_BUILD_TOKEN": token,
        },
    )
    yield made
    made.stop()
    made.clear()


def test_a_deployment_is_built_becomes_healthy_and_follows_what_is_pushed(
    installation: AtGitea, tmp_path: Path
) -> None:
    begun = installation.tkt("deploy", "tkt-hello", "hello", "-d", "greeting=hi", "-l")
    assert begun.returncode == 0, begun.stdout + begun.stderr
    wait_until(lambda: "building the images of" in _said(installation), "the build is told")
    commit = installation.deployment("hello")["commit"]
    (hook,) = installation.of("hello", "hooks")
    assert hook["config"]["url"].startswith(installation.extra["THINKUBE_PUBLIC_URL"])

    assert _runner(installation, tmp_path, commit)
    wait_until(lambda: installation.deployment("hello")["state"] == "healthy", "it is healthy")
    deployment = installation.deployment("hello")
    assert deployment["commit"] != commit
    assert ask(deployment["url"])["greeting"] == "hi"
    assert _state(installation, deployment["commit"]) == "success"

    folder = _clone(installation)
    app = folder / "app.py"
    app.write_text(app.read_text().replace("VERSION = 1", "VERSION = 2"))
    pushed = installation.push(folder, "Second version [skip ci]")
    wait_until(lambda: ask(deployment["url"])["version"] == 2, "version 2 serves")
    wait_until(lambda: _state(installation, pushed) == "success", "its commit says so")

    removed = installation.tkt("remove", "hello", "--yes")
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert installation.of("hello", "hooks") == []
    assert installation.of("hello", "actions/secrets") == []
    assert installation.of("hello", "branches/main")["commit"]["id"] == pushed


def _said(installation: AtGitea) -> str:
    return " ".join(str(each["message"]) for each in installation.events("hello"))


def _runner(installation: AtGitea, root: Path, commit: str) -> bool:
    """Do the work of Gitea's runner, of which there is none here."""
    token = os.environ["THINKUBE_TEST_GITEA_TOKEN"]
    names = ("GITEA_TOKEN", "BUILD_USER", "BUILD_TOKEN", "REGISTRY_USER", "REGISTRY_TOKEN")
    repository = f"{installation.extra['THINKUBE_GITEA_ORG']}/hello"
    runner = Runner(
        root / "runner",
        os.environ["THINKUBE_TEST_GITEA_URL"],
        repository,
        dict.fromkeys(names, token),
    )
    return runner.run((_clone(installation) / WORKFLOW_PATH).read_text(), commit)


def _clone(installation: AtGitea) -> Path:
    token = os.environ["THINKUBE_TEST_GITEA_TOKEN"]
    url = os.environ["THINKUBE_TEST_GITEA_URL"].replace("://", f"://somebody:{token}@")
    folder = installation.root / "work" / uuid4().hex
    address = f"{url}/{installation.extra['THINKUBE_GITEA_ORG']}/hello.git"
    installation.git("clone", "-q", address, str(folder))
    return folder


def _state(installation: AtGitea, commit: str) -> str:
    statuses = installation.of("hello", f"commits/{commit}/status")["statuses"] or []
    states = {each["context"]: str(each["status"]) for each in statuses}
    return states.get("thinkube/deploy", "")
