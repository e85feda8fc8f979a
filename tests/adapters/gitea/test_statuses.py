"""How a build is, and how a deployment stands: two things at one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.gitea.test_faults import KINDS, make_again
from tests.adapters.gitea.test_gitea_forge import CHAT, US, a_tree, stored
from tests.gitea_stand_in import GiteaStandIn
from thinkube_catalog.adapters.gitea import Care, GiteaForge
from thinkube_catalog.domain.forge import (
    Build,
    BuildState,
    ForgeRefusedError,
    ForgeUnavailableError,
    RolloutState,
)

RUNNING, SUCCEEDED, FAILED = BuildState.RUNNING, BuildState.SUCCEEDED, BuildState.FAILED


@pytest.fixture
def commit(forge: GiteaForge) -> str:
    forge.ensure_repository(CHAT, "deployment 1")
    return forge.publish(CHAT, a_tree("1"), "First", US).id


def note(
    gitea: GiteaStandIn,
    commit: str,
    job: str,
    state: str,
    *,
    url: str = "/thinkube-deployments/chat/actions/runs/1/jobs/0",
    words: str = "Has started running",
) -> None:
    """Note what Gitea notes for a job of the workflow."""
    stored(gitea).statuses.append(
        {
            "sha": commit,
            "context": f"Build images / {job} (push)",
            "status": state,
            "target_url": url,
            "description": words,
        }
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["pending", "pending"], RUNNING),
        (["success", "pending"], RUNNING),
        (["success", "success"], SUCCEEDED),
        (["success", "skipped"], SUCCEEDED),
        (["failure", "pending"], FAILED),
        (["success", "error"], FAILED),
        (["a new word", "success"], RUNNING),
        (["success"] * 7 + ["failure"], FAILED),  # on a later page
    ],
)
def test_a_build_is_as_its_jobs_are(
    gitea: GiteaStandIn, forge: GiteaForge, commit: str, states: list[str], expected: BuildState
) -> None:
    for number, state in enumerate(states):
        note(gitea, commit, f"job-{number}", state)
    build = forge.build(CHAT, commit)
    assert build is not None
    assert build.state is expected


def test_the_newest_word_of_a_job_counts(
    gitea: GiteaStandIn, forge: GiteaForge, commit: str
) -> None:
    for state in ("pending", "failure", "pending", "success"):
        note(gitea, commit, "app", state, words="Successful in 3s")
    page = f"{gitea.url}/thinkube-deployments/chat/actions/runs/1/jobs/0"
    assert forge.build(CHAT, commit) == Build(SUCCEEDED, page, "app: Successful in 3s")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ci.example/1", "https://ci.example/1"),
        ("javascript:alert(1)", ""),
        ("//evil.example/x", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_only_addresses_of_pages_are_told(
    gitea: GiteaStandIn, forge: GiteaForge, commit: str, url: str, shown: str
) -> None:
    note(gitea, commit, "app", "failure", url=url)
    build = forge.build(CHAT, commit)
    assert build is not None
    assert build.url == shown


def test_statuses_of_others_and_our_own_are_no_build(
    gitea: GiteaStandIn, forge: GiteaForge, commit: str
) -> None:
    forge.show_rollout(CHAT, commit, RolloutState.FAILED, "it crashes")
    for context in ("lint / lint (push)", "Build images", "Build images of mine / x (push)"):
        stored(gitea).statuses.append({"sha": commit, "context": context, "status": "failure"})
    assert forge.build(CHAT, commit) is None


def test_how_a_deployment_stands_is_shown_with_its_page(
    gitea: GiteaStandIn, tmp_path: Path, commit: str
) -> None:
    care = Care(page=lambda repository: f"https://catalog.example/deployments/{repository.name}")
    forge = GiteaForge(tmp_path / "other", gitea.url, "the-token", care=care)
    try:
        forge.show_rollout(CHAT, commit, RolloutState.PENDING, "x" * 1000)
        forge.show_rollout(CHAT, commit, RolloutState.SUCCEEDED, "healthy\nnow")
    finally:
        forge.close()
    first, last = stored(gitea).statuses
    assert (first["status"], len(first["description"])) == ("pending", 250)
    assert last == {
        **last,
        "context": "thinkube/deploy",
        "status": "success",
        "description": "healthy now",
        "target_url": "https://catalog.example/deployments/chat",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_status_is_newest_whatever_happens_on_the_way(
    gitea: GiteaStandIn, forge: GiteaForge, commit: str, kind: str
) -> None:
    fault = gitea.fault(kind, r"POST .*/statuses")
    make_again(lambda: forge.show_rollout(CHAT, commit, RolloutState.SUCCEEDED, "healthy"))
    assert fault.fired == 1
    newest = {each["context"]: each["status"] for each in stored(gitea).statuses}
    assert newest == {"thinkube/deploy": "success"}


def test_a_commit_that_is_not_there_cannot_show_anything(forge: GiteaForge, commit: str) -> None:
    with pytest.raises((ForgeUnavailableError, ForgeRefusedError)):
        forge.show_rollout(CHAT, "0" * 40, RolloutState.SUCCEEDED, "healthy")
