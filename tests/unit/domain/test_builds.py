"""The workflow that builds images: what is in it, and that Gitea's runner can read it."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships no types
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.kubernetes.samples import DESCRIPTORS, a_container, a_context, a_descriptor
from thinkube_catalog.domain.builds import WORKFLOW_NAME, WORKFLOW_PATH
from thinkube_catalog.domain.builds.project import build_files
from thinkube_catalog.domain.builds.values import literal
from thinkube_catalog.domain.descriptor import Container, ContainerTest, Descriptor, Workload
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.rendering import File

Plain = dict[str, Any]

BUILDING = Conventions(
    container_registry="git.example.org", image_owner="thinkube-deployments", builds=True
)
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_KEY = "^[A-Za-z_][A-Za-z0-9_-]*$"
GRAMMAR: Plain = {
    # The part that act's and Gitea's parsers know of the published grammar of workflows; both
    # ignore what they do not know, so a slip would show nowhere else.
    "type": "object",
    "additionalProperties": False,
    "required": ["on", "jobs"],
    "properties": {
        "name": {"type": "string"},
        "on": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "push": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"branches": {"type": "array", "items": {"type": "string"}}},
                },
                "workflow_dispatch": {"type": "object", "maxProperties": 0},
            },
        },
        "concurrency": {
            "type": "object",
            "additionalProperties": False,
            "required": ["group"],
            "properties": {
                "group": {"type": "string"},
                "cancel-in-progress": {"type": "boolean"},
            },
        },
        "jobs": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "patternProperties": {
                _KEY: {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["runs-on", "steps"],
                    "properties": {
                        "name": {"type": "string"},
                        "runs-on": {"type": "string", "minLength": 1},
                        "needs": {"type": "array", "items": {"type": "string", "pattern": _KEY}},
                        "timeout-minutes": {"type": "integer", "minimum": 1},
                        "env": _TEXTS,
                        "steps": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["run"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "shell": {"const": "bash"},
                                    "timeout-minutes": {"type": "integer", "minimum": 1},
                                    "env": _TEXTS,
                                    "run": {"type": "string", "minLength": 1},
                                },
                            },
                        },
                    },
                }
            },
        },
    },
}


def text_of(descriptor: Descriptor, **project: str) -> str:
    files = {path: File(text.encode()) for path, text in project.items()}
    made = build_files(descriptor, a_context(conventions=BUILDING), files)
    return made[WORKFLOW_PATH].content.decode()


def workflow(descriptor: Descriptor, **project: str) -> Plain:
    read: Plain = yaml.safe_load(text_of(descriptor, **project))
    return read


def job(descriptor: Descriptor, **project: str) -> Plain:
    """Return the first job that builds."""
    found: Plain = next(iter(workflow(descriptor, **project)["jobs"].values()))
    return found


def step(of: Plain, name: str) -> Plain | None:
    return next((each for each in of["steps"] if each["name"] == name), None)


@pytest.mark.parametrize(
    "name", [name for name, each in DESCRIPTORS.items() if each.deployment.type != "none"]
)
def test_every_workflow_is_one_that_the_runner_reads(name: str) -> None:
    read = workflow(DESCRIPTORS[name])
    jsonschema.validate(read, GRAMMAR)
    for each in read["jobs"].values():
        assert set(each.get("needs", ())) <= set(read["jobs"])
    assert read["name"] == WORKFLOW_NAME  # by which its statuses are known


def test_what_runs_nothing_builds_nothing() -> None:
    context = a_context(conventions=BUILDING)
    assert build_files(Descriptor(deployment=Workload(type="none")), context, {}) == {}
    assert build_files(Descriptor(), context, {}) == {}


def test_the_same_project_gives_the_same_bytes() -> None:
    assert text_of(DESCRIPTORS["web app"]) == text_of(DESCRIPTORS["web app"])


def test_each_container_is_built_and_the_tags_are_committed_last() -> None:
    jobs = workflow(DESCRIPTORS["web app"])["jobs"]
    assert list(jobs) == ["build-backend", "build-frontend", "commit-tags"]
    assert jobs["commit-tags"]["needs"] == ["build-backend", "build-frontend"]
    images = jobs["commit-tags"]["steps"][0]["env"]["IMAGES"].split()
    assert images == [
        "git.example.org/thinkube-deployments/legal-qa-backend",
        "git.example.org/thinkube-deployments/legal-qa-frontend",
    ]


def test_an_older_build_is_given_up_for_a_newer_push() -> None:
    read = workflow(DESCRIPTORS["bare"])
    assert read["on"] == {"push": {"branches": ["main"]}, "workflow_dispatch": {}}
    assert read["concurrency"] == {
        "group": "images-${{ github.ref }}",
        "cancel-in-progress": True,
    }


def test_nothing_is_pushed_before_its_tests() -> None:
    made = job(a_descriptor(a_container(test=ContainerTest(command="./run_tests.sh"))))
    assert [each["name"] for each in made["steps"]] == ["Check out", "Build", "Test", "Push"]


@pytest.mark.parametrize(
    ("container", "project", "command"),
    [
        (a_container(test=ContainerTest(command="pytest -q")), {}, "pytest -q"),
        (a_container(test=ContainerTest(enabled=False, command="pytest")), {}, None),
        (a_container(test=ContainerTest(enabled=False)), {"run_tests.sh": ""}, None),
        (a_container(), {"run_tests.sh": ""}, "sh ./run_tests.sh"),
        (a_container(build="api"), {"api/run_tests.sh": ""}, "sh ./run_tests.sh"),
        (a_container(build="api"), {"run_tests.sh": ""}, None),
        (a_container(), {}, None),
    ],
)
def test_a_container_is_tested_as_it_says(
    container: Container, project: dict[str, str], command: str | None
) -> None:
    made = step(job(a_descriptor(container), **project), "Test")
    assert (made["env"]["TEST_COMMAND"] if made else None) == command


@pytest.mark.parametrize(
    ("image", "used"),
    [
        ("", None),
        ("python-runner:3.11", "git.example.org/library/python-runner:3.11"),
        ("docker.io/library/python:3.11", "docker.io/library/python:3.11"),
    ],
)
def test_the_image_of_the_tests_is_the_one_it_names(image: str, used: str | None) -> None:
    test = ContainerTest(command="pytest", image=image)
    made = step(job(a_descriptor(a_container(test=test))), "Test")
    assert made is not None
    assert made["env"].get("TEST_IMAGE") == used


def test_no_step_is_given_a_credential_that_it_does_not_use() -> None:
    jobs = workflow(a_descriptor(a_container(test=ContainerTest(command="pytest"))))["jobs"]
    used = {
        (name, each["name"]): sorted(re.findall(r"secrets\.(\w+)", str(each["env"])))
        for name, made in jobs.items()
        for each in made["steps"]
    }
    registry = ["REGISTRY_TOKEN", "REGISTRY_USER"]
    assert used == {
        ("build-api", "Check out"): ["GITEA_TOKEN"],
        ("build-api", "Build"): registry,
        ("build-api", "Test"): registry,
        ("build-api", "Push"): registry,
        ("commit-tags", "Commit the tags"): ["BUILD_TOKEN", "BUILD_USER"],
    }


def test_no_action_of_others_is_used() -> None:
    assert "uses:" not in text_of(DESCRIPTORS["web app"])


@given(st.text(max_size=40))
def test_no_text_of_a_project_becomes_an_expression(command: str) -> None:
    hostile = f"{command} ${{{{ secrets.BUILD_TOKEN }}}}"
    made = workflow(a_descriptor(a_container(test=ContainerTest(command=hostile))))
    for each in made["jobs"]["build-api"]["steps"]:
        found = re.findall(r"\$\{\{(.*?)\}\}", str(each["env"].get("TEST_COMMAND", "")))
        assert {expression.strip() for expression in found} <= {"'${{'"}


def test_what_was_no_expression_comes_through_unchanged() -> None:
    # The runner replaces each expression by its value, here a text.
    hostile = "echo ${{ secrets.X }} ${{"
    assert literal(hostile).replace("${{ '${{' }}", "${{") == hostile


@pytest.mark.parametrize("name", ["web app", "bare"])
def test_every_script_is_one_that_bash_reads(name: str) -> None:
    for made in workflow(DESCRIPTORS[name], **{"run_tests.sh": ""})["jobs"].values():
        for each in made["steps"]:
            done = subprocess.run(
                ["bash", "-n"],
                check=False,
                input=each["run"],
                text=True,
                capture_output=True,
                timeout=10,
            )
            assert (done.returncode, done.stderr) == (0, "")
            assert "${{" not in each["run"]  # values come by the environment alone
