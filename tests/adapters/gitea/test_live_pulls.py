"""Pull requests in a real Gitea: what its pages and people see of proposals."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import A_MOMENT
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.domain.forge import Change, Commit, Proposal, Repository, Signature
from thinkube_catalog.domain.rendering import File, FileTree

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

HERE = Repository("thinkube-deployments", "pulls")
US = Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT)
LATER = Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT + timedelta(hours=1))
OLD, NEW = (FileTree({"app": File(text)}) for text in (b"1\n", b"2\n"))
UPGRADE = Change(NEW, "Upgrade to v2", LATER, "What is new")
PATIENCE_SECONDS = 60.0


@dataclass
class Gitea:
    forge: GiteaForge
    http: httpx.Client

    def pull(self, number: int = 1) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/pulls/{number}").raise_for_status().json()
        return found

    def until(self, **wanted: object) -> None:
        """Wait until the pull request is so: Gitea looks in the background."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not wanted.items() <= (found := self.pull()).items():
            assert time.monotonic() < deadline, {name: found[name] for name in wanted}
            time.sleep(0.2)


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[Gitea]:
    url, token = (os.environ[f"THINKUBE_TEST_GITEA_{name}"] for name in ("URL", "TOKEN"))
    headers = {"Authorization": f"token {token}"}
    base = f"{url}/api/v1/repos/{HERE}"
    with httpx.Client(base_url=base, headers=headers, timeout=60) as http:
        http.delete("")
        forge = GiteaForge(tmp_path / "mirrors", url, token)
        yield Gitea(forge, http)
        forge.close()
        http.delete("")


@pytest.fixture
def first(gitea: Gitea) -> Commit:
    gitea.forge.ensure_repository(HERE, "deployment 1")
    return gitea.forge.publish(HERE, OLD, "First", US)


@pytest.fixture
def proposal(gitea: Gitea, first: Commit) -> Proposal:
    return gitea.forge.propose(HERE, UPGRADE, "catalog/upgrade-v2", first.id)


def test_an_accepted_proposal_is_a_merged_request(
    gitea: Gitea, first: Commit, proposal: Proposal
) -> None:
    assert gitea.pull()["title"] == "Upgrade to v2"
    commit = gitea.forge.accept(HERE, proposal, UPGRADE, first.id)
    gitea.until(state="closed", merged=True, merge_commit_sha=commit.id)
    assert list(gitea.forge.proposals(HERE, "catalog/")) == []


def test_a_request_that_a_person_merges_is_on_main(
    gitea: Gitea, first: Commit, proposal: Proposal
) -> None:
    gitea.until(mergeable=True)
    merge = {"Do": "merge", "head_commit_id": proposal.head}
    gitea.http.post("/pulls/1/merge", json=merge).raise_for_status()
    newest = gitea.forge.history(HERE)[0]
    assert gitea.forge.files(HERE, newest.id) == NEW
    assert [each.id for each in gitea.forge.history(HERE)] == [newest.id, first.id]
    assert list(gitea.forge.proposals(HERE, "catalog/")) == []


def test_a_draft_is_merged_by_nobody_and_accepted_all_the_same(gitea: Gitea, first: Commit) -> None:
    draft = replace(UPGRADE, draft=True)
    proposal = gitea.forge.propose(HERE, draft, "catalog/upgrade-v2", first.id)
    merge = {"Do": "merge", "head_commit_id": proposal.head}
    assert gitea.http.post("/pulls/1/merge", json=merge).status_code == 405
    commit = gitea.forge.accept(HERE, proposal, UPGRADE, first.id)
    gitea.until(state="closed", merged=True, merge_commit_sha=commit.id)


def test_a_withdrawn_request_is_closed(gitea: Gitea, proposal: Proposal) -> None:
    gitea.forge.withdraw(HERE, proposal)
    gitea.until(state="closed", merged=False)
    assert list(gitea.forge.proposals(HERE, "catalog/")) == []
