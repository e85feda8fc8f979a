"""Composition: the one place that says which files a deployment's repository holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from thinkube_catalog.domain.builds import WORKFLOW_PATH
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.descriptor import (
    Descriptor,
    fill_placeholders,
    parse_descriptor,
)
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.errors import Problem, RenderError
from thinkube_catalog.domain.questions import Answers
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.standard import STANDARD_NAMES
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.remembering import BoundedCache, remembered

DESCRIPTOR_FILE = "thinkube.yaml"
OBJECTS_FOLDER = "k8s/"
_parsed = remembered(parse_descriptor)
_MADE: BoundedCache[Mapping[str, File]] = BoundedCache(8 * 1024 * 1024)

ADMIN_USERNAME = "tkadmin"
"""What Thinkube has always called its administrator."""


def compose(
    platform: Platform,
    context: ApplicationContext,
    answers: Answers,
    images: Mapping[str, str] | None = None,
) -> FileTree:
    """Render the project and add what its descriptor means: objects, and how images are built.

    A project without `thinkube.yaml` stays as it is rendered. `images` are those built before.
    Raises RenderError, AnswersInvalidError, DescriptorInvalidError or ObjectsInvalidError.
    """
    tree = platform.renderer.render(context.release, answers, told(context, answers))
    descriptor = descriptor_of(tree, context.name, context.conventions)
    return with_objects(tree, descriptor, context, images)


def with_objects(
    tree: FileTree,
    descriptor: Descriptor | None,
    context: ApplicationContext,
    images: Mapping[str, str] | None = None,
) -> FileTree:
    """Add to a rendered project the Kubernetes objects that its descriptor means.

    Where this installation builds images, the workflow that does is added too. Raises RenderError
    when the project has such files itself, or ObjectsInvalidError.
    """
    if descriptor is None:
        return tree
    # The typed objects take a while to import, and a project without a descriptor needs none.
    from thinkube_catalog.domain.builds.project import build_files  # noqa: PLC0415
    from thinkube_catalog.domain.kubernetes import project_files  # noqa: PLC0415

    _check_nothing_of_ours(tree, context)
    said = tree.text(DESCRIPTOR_FILE) if DESCRIPTOR_FILE in tree else ""
    context = replace(context, descriptor=said)
    made = dict(_objects(project_files, descriptor, context, images))
    if context.conventions.builds:
        made |= build_files(descriptor, context, tree)
    return tree.with_files(made)


def _objects(
    make: Callable[..., Mapping[str, File]],
    descriptor: Descriptor,
    context: ApplicationContext,
    images: Mapping[str, str] | None,
) -> Mapping[str, File]:
    """Make the files of `k8s/`, once for each input."""
    # What these say of themselves names everything that the objects are made from.
    key = repr((descriptor, context, images))
    files = _MADE.get(key)
    if files is None:
        files = make(descriptor, context, images)
        _MADE.put(key, files, len(key) + sum(len(each.content) for each in files.values()))
    return files


def built_images(files: Mapping[str, File]) -> dict[str, str]:
    """Return the images that a deployment's repository has been given, for `compose` to keep."""
    from thinkube_catalog.domain.kubernetes.kustomization import read_images  # noqa: PLC0415

    return read_images(files)


def context_for(
    platform: Platform,
    name: str,
    template: str,
    release: Release,
    answers: Mapping[str, object],
) -> ApplicationContext:
    """Return what a project's objects are made from, as yet without bindings and secrets."""
    return ApplicationContext(
        name=name,
        title=str(answers.get("project_description") or name),
        template=template,
        release=release,
        parameters={key: answers[key] for key in answers if key not in STANDARD_NAMES},
        conventions=platform.conventions,
    )


def descriptor_of(tree: FileTree, name: str, conventions: Conventions) -> Descriptor | None:
    """Read a rendered project's `thinkube.yaml`, placeholders filled; None if there is none.

    Raises DescriptorInvalidError with every problem.
    """
    if DESCRIPTOR_FILE not in tree:
        return None
    parsed = _parsed(tree.text(DESCRIPTOR_FILE), DESCRIPTOR_FILE)
    return fill_placeholders(parsed.value, name, conventions.domain_name)


def told(context: ApplicationContext, answers: Answers) -> dict[str, str]:
    """Return what Thinkube tells each template without being asked (format reference, 1.1)."""
    conventions = context.conventions
    standard = dict.fromkeys(STANDARD_NAMES, "")
    standard["project_description"] = f"{context.name}, made from {context.template}"
    standard |= {name: str(answers[name]) for name in STANDARD_NAMES if name in answers}
    return {
        **standard,
        "project_name": context.name,
        "domain_name": conventions.domain_name,
        "admin_username": ADMIN_USERNAME,
        "namespace": context.namespace,
        "k8s_namespace": context.namespace,
        "container_registry": conventions.container_registry,
        "registry_subdomain": conventions.container_registry.partition(".")[0],
    }


def _check_nothing_of_ours(tree: FileTree, context: ApplicationContext) -> None:
    problems = [
        Problem("the catalog makes this folder; a template must not", file=path)
        for path in tree
        if path.casefold().startswith(OBJECTS_FOLDER)
    ]
    if context.conventions.builds:
        problems += [
            Problem("the catalog makes this file; a template must not", file=path)
            for path in tree
            if path.casefold() == WORKFLOW_PATH
        ]
    if problems:
        raise RenderError(f"{context.release.location} cannot be deployed", problems)
