"""Upgrades through the API and the command line, as people and programs ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.edges.cli import CommandLine
from tests.edges.platform import Scene
from tests.edges.releases import HERE, NAME, a_scene_of_releases, main, push, push_to, record
from thinkube_catalog.operations import upgrade

HERE_API = f"/api/v1/deployments/{NAME}"
BRANCH = "catalog/upgrade-v1.1.0"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return a_scene_of_releases(tmp_path)


@pytest.fixture
def client(scene: Scene) -> Iterator[httpx.Client]:
    with scene.client() as client:
        yield client


@pytest.fixture
def line(scene: Scene) -> CommandLine:
    return CommandLine(scene)


@pytest.fixture
def conflict(scene: Scene) -> str:
    text = main(scene).text("app.py").replace("limit = 10", "limit = 15")
    return push(scene, **{"app.py": text})


def post(client: httpx.Client, path: str, **given: Any) -> httpx.Response:
    return client.post(f"{HERE_API}/{path}", json=given)


def test_a_preview_tells_everything_and_writes_nothing(client: httpx.Client, scene: Scene) -> None:
    before = record(scene)
    seen = post(client, "upgrade/preview").json()
    assert (seen["before"]["version"], seen["after"]["version"]) == ("v1.0.0", "v1.1.0")
    assert seen["new"] == ["tone"]
    assert seen["notes"] == {"1.1.0": "Speaks in a tone that you choose, up to 20 times."}
    assert (seen["branch"], seen["proposed"], seen["conflicts"]) == (BRANCH, False, [])
    [change] = [each for each in seen["files"] if each["path"] == "app.py"]
    assert change["change"] == "changed"
    assert "-limit = 10\n+limit = 20" in change["diff"]
    assert record(scene) == before


def test_an_upgrade_is_proposed_then_applied(client: httpx.Client, scene: Scene) -> None:
    started = post(client, "upgrade")
    assert (started.status_code, started.json()["kind"]) == (202, "upgrade")
    [proposal] = client.get(f"{HERE_API}/proposals").json()["items"]
    assert (proposal["version"], proposal["branch"]) == ("v1.1.0", BRANCH)
    assert proposal["unsettled"] == []
    assert post(client, "upgrade/preview").json()["proposed"] is True
    post(client, "upgrade", apply=True)
    assert client.get(HERE_API).json()["release"]["version"] == "v1.1.0"
    kinds = [each["kind"] for each in client.get(f"{HERE_API}/history").json()["items"]]
    assert kinds == ["upgrade", "deploy"]
    refused = post(client, "upgrade")
    assert (refused.status_code, refused.json()["type"]) == (409, "/errors/not-newer")


@pytest.mark.usefixtures("conflict")
def test_what_is_in_conflict_is_listed_and_settled_by_choice(
    client: httpx.Client, scene: Scene
) -> None:
    refused = post(client, "upgrade", apply=True)
    assert refused.status_code == 422
    assert [each["file"] for each in refused.json()["errors"]] == ["app.py"]
    post(client, "upgrade")
    [proposal] = client.get(f"{HERE_API}/proposals").json()["items"]
    assert proposal["unsettled"] == ["app.py"]
    post(client, "upgrade", apply=True, theirs=["app.py"])
    assert "limit = 20" in main(scene).text("app.py")


def test_a_proposal_is_withdrawn(client: httpx.Client) -> None:
    post(client, "upgrade")
    assert client.delete(f"{HERE_API}/proposals").json() == {"branches": [BRANCH]}
    assert client.delete(f"{HERE_API}/proposals").status_code == 409


def test_every_problem_comes_at_once(client: httpx.Client) -> None:
    refused = post(client, "upgrade", theirs=["nowhere"], ours=["elsewhere"])
    assert refused.status_code == 422
    assert {each["file"] for each in refused.json()["errors"]} == {"nowhere", "elsewhere"}
    assert post(client, "upgrade", to="v9.9.9").status_code == 404
    assert client.post("/api/v1/deployments/nobody/upgrade", json={}).status_code == 404


def test_the_command_shows_the_plan_and_proposes_it(line: CommandLine) -> None:
    result = line.run("upgrade", NAME)
    assert result.exit_code == 0, result.output
    assert "v1.0.0 → v1.1.0" in result.stdout
    assert "Speaks in a tone that you choose" in result.stdout
    assert "? tone = 'kind' new: How to speak" in result.stdout
    assert "M app.py" in result.stdout
    assert f"v1.1.0 is proposed on {BRANCH}" in result.stdout
    assert f"apply it with: tkt upgrade {NAME} --to v1.1.0 --apply" in result.stdout


def test_a_dry_run_shows_lines_and_starts_nothing(line: CommandLine, scene: Scene) -> None:
    result = line.run("upgrade", NAME, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "+limit = 20" in result.stdout
    assert len(scene.platform.deployments.runs(NAME)) == 1
    assert line.json("upgrade", NAME, "--dry-run")["after"]["version"] == "v1.1.0"


def test_the_command_applies_with_answers(line: CommandLine, scene: Scene) -> None:
    deployment = line.json("upgrade", NAME, "--apply", "-d", "tone=plain")
    assert (deployment["state"], deployment["release"]["version"]) == ("healthy", "v1.1.0")
    assert main(scene).text("tone.txt") == "plain\n"
    assert line.run("upgrade", NAME).exit_code == 4


@pytest.mark.usefixtures("conflict")
def test_the_command_names_conflicts_and_takes_choices(line: CommandLine, scene: Scene) -> None:
    proposed = line.run("upgrade", NAME)
    assert "! app.py: you and the template changed the same lines" in proposed.stdout
    assert "app.py has to be settled" in proposed.stdout
    assert line.run("upgrade", NAME, "--apply").exit_code == 2
    assert line.run("upgrade", NAME, "--apply", "--ours", "app.py").exit_code == 0
    assert "limit = 15" in main(scene).text("app.py")


def test_the_command_exits_with_one_when_the_new_version_fails(
    line: CommandLine, scene: Scene
) -> None:
    scene.break_next_versions()
    result = line.run("upgrade", NAME, "--apply")
    assert result.exit_code == 1
    assert "the last healthy version" in result.stdout


def test_the_command_withdraws(line: CommandLine) -> None:
    line.run("upgrade", NAME)
    assert f"Withdrawn: {BRANCH}" in line.run("upgrade", NAME, "--withdraw").stdout
    assert line.run("upgrade", NAME, "--withdraw").exit_code == 4


def test_hostile_names_and_texts_stay_text_at_the_terminal(line: CommandLine, scene: Scene) -> None:
    line.run("upgrade", NAME)
    [proposal] = upgrade.proposals(scene.platform, NAME)
    push_to(scene, proposal, **{"[bold]x[/bold].txt": "[red]red[/red]\n"})
    shown = line.run("upgrade", NAME, "--dry-run").stdout
    assert "A [bold]x[/bold].txt" in shown
    assert "+[red]red[/red]" in shown
    assert scene.platform.forge.proposals(HERE, "catalog/")[0].head != proposal.head
