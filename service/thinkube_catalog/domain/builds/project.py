"""The whole: the workflow of a project, made from what its `thinkube.yaml` says of containers."""

from __future__ import annotations

from collections.abc import Mapping

from thinkube_catalog.domain.builds import scripts
from thinkube_catalog.domain.builds.values import (
    WORKFLOW_NAME,
    WORKFLOW_PATH,
    Concurrency,
    Job,
    Step,
    Workflow,
    expression,
    literal,
    workflow_text,
)
from thinkube_catalog.domain.descriptor import Container, Descriptor
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.forge import SKIP_BUILD
from thinkube_catalog.domain.kubernetes.names import image_name
from thinkube_catalog.domain.rendering import File

BUILD_MINUTES = 90
TEST_MINUTES = 30
COMMIT_MINUTES = 15

_RUN_TESTS = "run_tests.sh"
_COMMITTER = {
    "COMMITTER_NAME": "Thinkube Catalog builds",
    "COMMITTER_EMAIL": "builds@thinkube.local",
}


def build_files(
    descriptor: Descriptor, context: ApplicationContext, project: Mapping[str, File]
) -> dict[str, File]:
    """Return the workflow by its path: the same bytes for the same input, always.

    `project` are the files beside it. There is none for a project that runs nothing of its own.
    """
    if not descriptor.containers or descriptor.deployment.type == "none":
        return {}
    text = workflow_text(_workflow(descriptor, context, project))
    return {WORKFLOW_PATH: File(text.encode())}


def _workflow(
    descriptor: Descriptor, context: ApplicationContext, project: Mapping[str, File]
) -> Workflow:
    builds = {
        f"build-{each.name}": _build_job(each, context, _test_command(each, project))
        for each in descriptor.containers
    }
    commit = _commit_job(descriptor, context, tuple(builds))
    return Workflow(
        name=WORKFLOW_NAME,
        branches=("main",),
        # What was pushed last counts: an older build that still runs is given up.
        concurrency=Concurrency(
            group=f"images-{expression('github.ref')}", cancel_in_progress=True
        ),
        jobs={**builds, "commit-tags": commit},
    )


def _build_job(container: Container, context: ApplicationContext, test: str) -> Job:
    conventions = context.conventions
    image = {"IMAGE": literal(image_name(context, container))}
    folder = {"FOLDER": literal(container.build)}
    registry = {
        "REGISTRY_USER": expression("secrets.REGISTRY_USER"),
        "REGISTRY_TOKEN": expression("secrets.REGISTRY_TOKEN"),
    }
    steps = [
        Step(name="Check out", env=_reader(), run=scripts.CHECK_OUT),
        Step(name="Build", env={**registry, **image, **folder}, run=scripts.BUILD),
    ]
    if test:
        told = {"TEST_COMMAND": literal(test), **_test_image(container, conventions)}
        steps.append(
            Step(
                name="Test",
                timeout_minutes=TEST_MINUTES,
                env={**registry, **image, **folder, **told},
                run=scripts.TEST,
            )
        )
    steps.append(Step(name="Push", env={**registry, **image}, run=scripts.PUSH))
    return Job(
        name=container.name,
        runs_on=conventions.build_runner,
        timeout_minutes=BUILD_MINUTES,
        # Without a container engine of its own, a build may only change its root folder.
        env={"BUILDAH_ISOLATION": "chroot"},
        steps=tuple(steps),
    )


def _commit_job(descriptor: Descriptor, context: ApplicationContext, needs: tuple[str, ...]) -> Job:
    images = " ".join(image_name(context, each) for each in descriptor.containers)
    step = Step(
        name="Commit the tags",
        env={**_builder(), "IMAGES": literal(images), "SKIP": SKIP_BUILD, **_COMMITTER},
        run=scripts.COMMIT_TAGS,
    )
    return Job(
        name="tags",
        runs_on=context.conventions.build_runner,
        needs=needs,
        timeout_minutes=COMMIT_MINUTES,
        steps=(step,),
    )


def _reader() -> dict[str, str]:
    """The job's own token: good for reading this repository, and for nothing after the job."""
    return {"GIT_USER": "job", "GIT_TOKEN": expression("secrets.GITEA_TOKEN")}


def _builder() -> dict[str, str]:
    """The builder's account: the job's own token may not push to a protected branch."""
    return {
        "GIT_USER": expression("secrets.BUILD_USER"),
        "GIT_TOKEN": expression("secrets.BUILD_TOKEN"),
    }


def _test_command(container: Container, project: Mapping[str, File]) -> str:
    if container.test is not None:
        return container.test.command if container.test.enabled else ""
    prefix = "" if container.build == "." else f"{container.build}/"
    return f"sh ./{_RUN_TESTS}" if f"{prefix}{_RUN_TESTS}" in project else ""


def _test_image(container: Container, conventions: Conventions) -> dict[str, str]:
    image = container.test.image if container.test else ""
    if not image:
        return {}
    whole = image if "/" in image else f"{conventions.container_registry}/library/{image}"
    return {"TEST_IMAGE": literal(whole)}
