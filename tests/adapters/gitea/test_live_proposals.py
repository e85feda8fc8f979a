"""What a template's changelog does in a real Gitea, where it names people and issues: nothing.

Beside each look stands the same text as a person would write it, which does: so what is not there
is not merely late.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.builders import A_MOMENT
from tests.edges.releases import NAME, TEMPLATE, a_scene_of_releases
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.domain.forge import Change, Commit, Repository, Signature
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations import upgrade
from thinkube_catalog.operations.upgrade import UpgradeRequest
from thinkube_catalog.operations.upgrade.describing import description

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

US = Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT)
OLD, NEW = (FileTree({"app": File(text)}) for text in (b"1\n", b"2\n"))
PATIENCE_SECONDS = 60.0


@dataclass
class Gitea:
    """A repository with two issues, and a member of it who may be mentioned."""

    url: str
    forge: GiteaForge
    here: Repository
    http: httpx.Client
    member: httpx.Client

    def issue(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/issues/{number}").raise_for_status().json()
        return found

    def mentioned(self) -> list[str]:
        """Name what the member was told of."""
        told = self.member.get("/notifications", params={"all": True}).raise_for_status().json()
        here = str(self.here)
        return [it["subject"]["title"] for it in told if it["repository"]["full_name"] == here]

    def changelog(self, issue: int) -> str:
        """Write what mentions the member and closes an issue, in every way that Gitea knows."""
        name = os.environ["THINKUBE_TEST_GITEA_USER"]
        place = f"{self.url}/{self.here}/issues/{issue}"
        return (
            f"- thanks, @{name}\n- fixes #{issue}\n- closes {self.here}#{issue}\n- closes {place}\n"
        )


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[Gitea]:
    url, token, user, theirs = (
        os.environ[f"THINKUBE_TEST_GITEA_{name}"] for name in ("URL", "TOKEN", "USER", "USER_TOKEN")
    )
    here = Repository(f"changelogs-{uuid4().hex[:8]}", "chat")
    with (
        httpx.Client(base_url=f"{url}/api/v1", timeout=60) as at,
        httpx.Client(base_url=f"{url}/api/v1/repos/{here}", timeout=60) as http,
    ):
        http.headers["Authorization"] = f"token {token}"
        at.headers["Authorization"] = f"token {theirs}"
        forge = GiteaForge(tmp_path / "mirrors", url, token)
        forge.ensure_repository(here, "deployment 1")
        http.patch("", json={"has_issues": True}).raise_for_status()
        http.put(f"/collaborators/{user}", json={"permission": "write"}).raise_for_status()
        for title in ("First", "Second"):
            http.post("/issues", json={"title": title}).raise_for_status()
        yield Gitea(url, forge, here, http, at)
        forge.close()
        http.delete("")
        http.delete(f"{url}/api/v1/orgs/{here.owner}")


@pytest.fixture
def first(gitea: Gitea) -> Commit:
    return gitea.forge.publish(gitea.here, OLD, "First", US)


def text_of(root: Path, notes: str) -> str:
    offered = replace(TEMPLATE, changelog=f"## 1.1.0\n\n{notes}\n## 1.0.0\n")
    scene = a_scene_of_releases(root, offered)
    return description(upgrade.plan(scene.platform, UpgradeRequest(NAME)))


def until(fits: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not fits():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_changelog_mentions_nobody(gitea: Gitea, first: Commit, tmp_path: Path) -> None:
    notes = gitea.changelog(1)
    change = Change(NEW, "Upgrade to v2", US, text_of(tmp_path, notes))
    gitea.forge.propose(gitea.here, change, "catalog/upgrade-v2", first.id)
    gitea.http.post("/issues", json={"title": "By hand", "body": notes}).raise_for_status()
    until(lambda: "By hand" in gitea.mentioned())
    assert gitea.mentioned() == ["By hand"]


@pytest.mark.parametrize("how", ["merge", "squash"])
def test_a_changelog_closes_nothing_when_it_is_merged(
    gitea: Gitea, first: Commit, tmp_path: Path, how: str
) -> None:
    """As Gitea's page merges: what is squashed has the text of the request as its message."""
    text = text_of(tmp_path, gitea.changelog(1))
    change = Change(NEW, "Upgrade to v2", US, text)
    proposal = gitea.forge.propose(gitea.here, change, "catalog/upgrade-v2", first.id)
    (pull,) = gitea.http.get("/pulls").json()
    place = f"/pulls/{pull['number']}"
    until(lambda: bool(gitea.http.get(place).json()["mergeable"]))
    merge = {"Do": how, "head_commit_id": proposal.head, "MergeMessageField": text}
    gitea.http.post(f"{place}/merge", json=merge).raise_for_status()

    gitea.forge.publish(gitea.here, OLD, gitea.changelog(2), US)
    until(lambda: gitea.issue(2)["state"] == "closed")
    assert gitea.issue(1)["state"] == "open"
    told = gitea.http.get("/issues/1/timeline").raise_for_status().json() or []
    assert [it["type"] for it in told] == []
