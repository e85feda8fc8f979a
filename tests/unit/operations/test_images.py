"""What a project's repository says of its images: who builds them, and which are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from tests.builders import A_MOMENT
from tests.edges.platform import BROKEN, CHAT, Offered, Scene, a_scene, without
from thinkube_catalog.adapters.memory.renderer import MemoryTemplate
from thinkube_catalog.domain.builds import WORKFLOW_PATH
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.errors import RenderError
from thinkube_catalog.domain.forge import Repository, Signature
from thinkube_catalog.domain.kubernetes.kustomization import KUSTOMIZATION_PATH, read_images
from thinkube_catalog.domain.rendering import File
from thinkube_catalog.operations import deploy
from thinkube_catalog.operations.deploy import DeploymentRequest
from thinkube_catalog.operations.preview import preview

REPOSITORY = Repository("thinkube-deployments", "chat")
BUILDER = Signature("Builds", "builds@thinkube.local", A_MOMENT)
IMAGE = "registry.localhost/thinkube/chat-app"
TAG = "a" * 40

_OWN = replace(
    CHAT.template, files={**CHAT.template.files, ".gitea/workflows/Build.yaml": "on: push\n"}
)
OWN = Offered("tkt-own", _OWN)
PLAIN = Offered("tkt-plain", MemoryTemplate(files={"main.py": "print(1)\n"}))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = a_scene(tmp_path, offered=(CHAT, OWN, PLAIN, BROKEN))
    seconds = count()
    # Nothing builds here, and the time in which a build could begin is soon over.
    later = {"now": lambda: A_MOMENT + timedelta(seconds=next(seconds))}
    with without(scene.platform, conventions=Conventions(builds=True), **later):
        yield scene


def deployed(scene: Scene) -> str:
    return deploy.request(scene.platform, DeploymentRequest("tkt-chat", "chat")).id


def test_the_preview_shows_how_images_are_built(scene: Scene) -> None:
    tree = preview(scene.platform, "tkt-chat", {"project_name": "chat"}).tree
    assert IMAGE in tree.text(WORKFLOW_PATH)


def test_what_is_deployed_is_what_the_preview_has_shown(scene: Scene) -> None:
    shown = preview(scene.platform, "tkt-chat", {"project_name": "chat"}).tree
    deployed(scene)
    head = scene.platform.forge.head(REPOSITORY)
    assert head is not None
    made = scene.platform.forge.files(REPOSITORY, head.id)
    assert made.text(WORKFLOW_PATH) == shown.text(WORKFLOW_PATH)


def test_where_nothing_builds_there_is_no_workflow(scene: Scene) -> None:
    with without(scene.platform, conventions=Conventions()):
        tree = preview(scene.platform, "tkt-chat", {"project_name": "chat"}).tree
        own = preview(scene.platform, "tkt-own", {"project_name": "chat"}).tree
    assert WORKFLOW_PATH not in tree
    assert ".gitea/workflows/Build.yaml" in own  # then it is the template's own affair


def test_a_project_without_a_descriptor_builds_nothing(scene: Scene) -> None:
    assert list(preview(scene.platform, "tkt-plain", {"project_name": "chat"}).tree) == ["main.py"]


def test_a_template_with_a_workflow_of_that_name_is_refused(scene: Scene) -> None:
    with pytest.raises(RenderError) as refused:
        preview(scene.platform, "tkt-own", {"project_name": "chat"})
    assert [each.file for each in refused.value.problems] == [".gitea/workflows/Build.yaml"]


def test_deploying_anew_keeps_the_images_that_were_built(scene: Scene) -> None:
    scene.break_next_versions()
    deployed(scene)
    forge = scene.platform.forge
    head = forge.head(REPOSITORY)
    assert head is not None
    files = forge.files(REPOSITORY, head.id)
    text = files.text(KUSTOMIZATION_PATH).replace("unbuilt", TAG)
    built = files.with_files({KUSTOMIZATION_PATH: File(text.encode())})
    forge.publish(REPOSITORY, built, "Run the images [skip ci]", BUILDER)
    scene.mend_versions()
    asked = DeploymentRequest("tkt-chat", "chat", {"greeting": "Good day"})
    deploy.request(scene.platform, asked)
    head = forge.head(REPOSITORY)
    assert head is not None
    now = forge.files(REPOSITORY, head.id)
    assert now.text("greeting.txt") == "Good day\n"
    assert read_images(now) == {IMAGE: TAG}
