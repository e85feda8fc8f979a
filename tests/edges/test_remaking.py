"""A `thinkube.yaml` that was changed and does not run: in the API and on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.cli import CommandLine
from tests.edges.platform import Scene, without
from tests.edges.releases import DESCRIPTOR, NAME, a_scene_of_releases, push
from thinkube_catalog.operations import watch

LARGER = DESCRIPTOR.replace("{{ project_name }}", NAME).replace("size: small", "size: large")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = a_scene_of_releases(tmp_path)
    with without(scene.platform, runs_objects=True):
        push(scene, **{"thinkube.yaml": LARGER})
        _noticed(scene)
        yield scene


def test_the_api_says_it_and_mends_it(scene: Scene) -> None:
    path = f"/api/v1/deployments/{NAME}"
    with scene.client() as client:
        (warning,) = client.get(path).json()["warnings"]
        assert (warning["file"], warning["mend"]) == (
            "thinkube.yaml",
            f"make k8s/ anew: tkt remake {NAME}",
        )
        seen = client.get(f"{path}/remake").json()
        assert seen["problems"] == []
        assert [each["path"] for each in seen["files"]] == [
            "k8s/app-metadata.yaml",
            "k8s/deployments.yaml",
        ]
        begun = client.post(f"{path}/remake", headers={"Idempotency-Key": "k"})
        assert (begun.status_code, begun.json()["kind"]) == (202, "remake")
        seen = client.get(path).json()
        assert (seen["state"], seen["warnings"]) == ("healthy", [])
        assert client.get(f"{path}/history").json()["items"][0]["kind"] == "remake"
        again = client.post(f"{path}/remake")
        assert (again.status_code, "nothing to do" in again.json()["detail"]) == (409, True)


def test_the_commands_say_it_and_mend_it(scene: Scene) -> None:
    line = CommandLine(scene)
    said = line.run("status", NAME)
    assert said.exit_code == 0
    assert f"make k8s/ anew: tkt remake {NAME}" in said.stdout.replace("\n", "")
    looked = line.run("remake", NAME, "--dry-run")
    assert looked.exit_code == 0
    assert "M k8s/deployments.yaml" in looked.stdout
    assert "1Gi" in looked.stdout
    mended = line.run("remake", NAME)
    assert mended.exit_code == 0, mended.output
    assert "main holds them as" in mended.stdout.replace("\n", " ")
    assert "tkt remake" not in line.run("status", NAME).stdout
    assert "Nothing differs" in line.run("remake", NAME, "--dry-run").stdout
    assert line.run("remake", NAME).exit_code == 4


def test_the_command_lists_what_is_wrong_with_it(scene: Scene) -> None:
    push(scene, **{"thinkube.yaml": LARGER.replace("port: 8000", "port: many")})
    _noticed(scene)
    line = CommandLine(scene)
    assert "goes on with what it said before" in line.run("status", NAME).stdout
    refused = line.run("remake", NAME)
    assert refused.exit_code == 2
    assert "port must be a whole number" in refused.stderr.replace("\n", "")


def _noticed(scene: Scene) -> None:
    for _ in range(3):
        watch.observe(scene.platform)
