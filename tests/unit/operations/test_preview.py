"""Previews: the whole project before it is made, and the commands that make the same."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.folders import FolderSources, write_folder
from tests.stage import a_stage
from thinkube_catalog.adapters.memory.catalogs import MemoryCatalogs
from thinkube_catalog.adapters.memory.renderer import MemoryRenderer, MemoryTemplate
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, Release
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.errors import InvalidError, RenderError
from thinkube_catalog.domain.questions import AnswersInvalidError, Form, Question
from thinkube_catalog.operations.commands import commands
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.preview import preview, project_tree

DESCRIPTOR = """apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
metadata: {name: "{{ project_name }}"}
spec:
  containers: [{name: app, build: ., port: 8000, size: small, health: /health}]
  routes: [{path: /, to: app}]
"""
ENTRY = CatalogEntry("tkt-chat", "tkt-chat")
RELEASE = Release("tkt-chat", "v1.2.0", "1" * 40)
NAME = Question("project_name", "str", default="my-app")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "tkt-chat", {"copier.yml": "project_name: my-app"})


def platform_of(folder: Path, template: MemoryTemplate) -> Platform:
    sources = FolderSources()
    sources.offer(folder, "v1.2.0", "tkt-chat")
    return replace(
        a_stage().platform,
        catalogs=MemoryCatalogs(Catalog(entries=(ENTRY,))),
        sources=sources,
        renderer=MemoryRenderer({"tkt-chat": template}),
        conventions=Conventions(
            domain_name="example.org", container_registry="registry.example.org"
        ),
    )


def test_a_preview_holds_the_project_and_its_objects(folder: Path) -> None:
    template = MemoryTemplate((NAME,), {"thinkube.yaml": DESCRIPTOR, "app.py": "print(1)\n"})
    seen = preview(platform_of(folder, template), "tkt-chat", {"project_name": "legal-qa"})
    assert seen.tree.text("app.py") == "print(1)\n"
    objects = [path for path in seen.tree if path.startswith("k8s/")]
    assert "k8s/kustomization.yaml" in objects
    assert all("legal-qa" in seen.tree.text(path) for path in objects)


def test_a_preview_is_the_same_each_time(folder: Path) -> None:
    template = MemoryTemplate((NAME,), {"thinkube.yaml": DESCRIPTOR})
    platform = platform_of(folder, template)
    first = preview(platform, "tkt-chat", {})
    assert preview(platform, "tkt-chat", {}).tree.digest() == first.tree.digest()


def test_a_project_without_a_descriptor_is_only_what_is_rendered(folder: Path) -> None:
    template = MemoryTemplate((NAME,), {"README.md": "# {{ project_name }}\n"})
    seen = preview(platform_of(folder, template), "tkt-chat", {})
    assert list(seen.tree) == ["README.md"]


def test_bad_answers_are_all_reported(folder: Path) -> None:
    template = MemoryTemplate((NAME, Question("n", "int")), {"a": "x"})
    with pytest.raises(AnswersInvalidError) as caught:
        preview(platform_of(folder, template), "tkt-chat", {"n": "many"})
    assert [problem.field for problem in caught.value.problems] == ["n"]


def test_a_name_that_cannot_be_deployed_is_a_problem_of_the_answers(folder: Path) -> None:
    template = MemoryTemplate((NAME,), {"thinkube.yaml": DESCRIPTOR})
    with pytest.raises(AnswersInvalidError, match="not a usable name"):
        preview(platform_of(folder, template), "tkt-chat", {"project_name": "Legal QA"})


def test_a_template_that_makes_the_objects_folder_is_refused(folder: Path) -> None:
    template = MemoryTemplate((NAME,), {"thinkube.yaml": DESCRIPTOR, "K8s/own.yaml": "x"})
    with pytest.raises(RenderError, match="the catalog makes this folder"):
        preview(platform_of(folder, template), "tkt-chat", {})


def test_a_broken_descriptor_is_reported_with_its_place(folder: Path) -> None:
    template = MemoryTemplate((NAME,), {"thinkube.yaml": "spec: [\n"})
    with pytest.raises(InvalidError) as caught:
        preview(platform_of(folder, template), "tkt-chat", {})
    assert caught.value.problems[0].file == "thinkube.yaml"


def test_what_deploying_would_still_need_is_said(folder: Path) -> None:
    wanting = DESCRIPTOR + "  services: [database]\n"
    template = MemoryTemplate((NAME,), {"thinkube.yaml": wanting})
    seen = preview(platform_of(folder, template), "tkt-chat", {})
    assert len(seen.missing) == 1


def test_a_template_that_asks_nothing_is_told_what_thinkube_tells(folder: Path) -> None:
    text = "{{ project_name }} {{ namespace }} {{ domain_name }} {{ registry_subdomain }}"
    platform = platform_of(folder, MemoryTemplate((), {"a.txt": text}))
    tree = project_tree(platform, "tkt-chat", {"project_name": "legal-qa"})
    assert tree.text("a.txt") == "legal-qa legal-qa example.org registry"


def test_the_commands_say_exactly_the_same_answers(folder: Path) -> None:
    template = MemoryTemplate((NAME, Question("motto", "str", default="")), {"a": "x"})
    raw = {"project_name": "legal-qa", "motto": "it's $HOME"}
    copy, deploy = preview(platform_of(folder, template), "tkt-chat", raw).commands
    assert shlex.split(copy) == [
        *("copier", "copy", "-x", ".git", "--defaults", "--vcs-ref", "v1.2.0"),
        *("-d", "project_name=legal-qa", "-d", "motto=it's $HOME", "tkt-chat", "legal-qa"),
    ]
    assert shlex.split(deploy) == [
        *("tkt", "deploy", "tkt-chat", "legal-qa", "--ref", "v1.2.0"),
        *("-d", "motto=it's $HOME"),
    ]


def test_a_command_tells_plain_copier_all_that_a_manifest_only_template_is_told(
    folder: Path,
) -> None:
    platform = platform_of(folder, MemoryTemplate((), {"a": "x"}))
    copy, _ = preview(platform, "tkt-chat", {"project_name": "legal-qa"}).commands
    assert "domain_name=example.org" in shlex.split(copy)
    assert "project_name=legal-qa" in shlex.split(copy)


def test_a_secret_answer_is_in_no_command() -> None:
    token = Question("token", "str", value="hush", answered=True, secret=True)
    form = Form((token,), asked_by="copier.yml")
    assert "hush" not in " ".join(commands(ENTRY, RELEASE, "x", form))


def test_an_unreleased_version_is_named_by_its_commit() -> None:
    release = replace(RELEASE, version="v1.2.0-3-g1234567")
    assert f"--vcs-ref {'1' * 40}" in commands(ENTRY, release)[0]
