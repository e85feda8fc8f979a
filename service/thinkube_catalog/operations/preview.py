"""Preview: exactly what would be made, before anything is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from thinkube_catalog.domain.bindings import Bindings, resolve
from thinkube_catalog.domain.catalog import CatalogEntry, Release
from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.naming import name_problems
from thinkube_catalog.domain.questions import Answers, AnswersInvalidError, Form
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.domain.standard import PROJECT_NAME
from thinkube_catalog.operations import forms, providers
from thinkube_catalog.operations.browse import locate
from thinkube_catalog.operations.commands import EXAMPLE_PROJECT, commands
from thinkube_catalog.operations.composition import (
    compose,
    context_for,
    descriptor_of,
    told,
    with_objects,
)
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.template_files import read_template

__all__ = ["Preview", "commands", "compose", "preview", "project_tree"]


@dataclass(frozen=True)
class Preview:
    """A project that would be made. `missing` lists what deploying it would still need."""

    release: Release
    form: Form
    tree: FileTree
    commands: tuple[str, ...]
    missing: tuple[Problem, ...] = ()


def preview(
    platform: Platform,
    template: str,
    raw: Mapping[str, object],
    ref: str = "",
) -> Preview:
    """Return every file that these answers would make, Kubernetes objects included.

    Writes nothing. Raises AnswersInvalidError with every problem, and what `forms.evaluate` and
    `compose` raise.
    """
    entry = locate(platform, template)
    release = platform.sources.resolve(entry.at(ref))
    form = forms.evaluate_release(platform, release, raw, entry.name)
    answers = form.answers()
    context = _plain_context(platform, entry, release, answers)
    rendered = platform.renderer.render(release, answers, told(context, answers))
    descriptor = descriptor_of(rendered, context.name, platform.conventions)
    if descriptor is not None and (problems := name_problems(context.name)):
        raise AnswersInvalidError(tuple(problems))
    bound = _bound(platform, context.name, descriptor)
    context = replace(
        context,
        bindings=bound.variables,
        secrets=_secret_names(platform, entry, release, bound),
    )
    asks = form.asked_by in forms.COPIER_ASKS
    lines = commands(
        entry,
        release,
        context.name,
        form,
        None if asks else told(context, answers),
    )
    tree = with_objects(rendered, descriptor, context)
    return Preview(release, form, tree, tuple(lines), bound.problems)


def project_tree(
    platform: Platform,
    template: str,
    raw: Mapping[str, object],
    ref: str = "",
) -> FileTree:
    """Return only what the template renders to, as plain Copier would write it."""
    entry = locate(platform, template)
    release = platform.sources.resolve(entry.at(ref))
    answers = forms.evaluate_release(platform, release, raw, entry.name).answers()
    context = _plain_context(platform, entry, release, answers)
    return platform.renderer.render(release, answers, told(context, answers))


def _bound(platform: Platform, name: str, descriptor: Descriptor | None) -> Bindings:
    if descriptor is None or not (descriptor.dependencies or descriptor.services):
        return Bindings()
    return resolve(descriptor, providers.available(platform, besides=name))


def _secret_names(
    platform: Platform,
    entry: CatalogEntry,
    release: Release,
    bound: Bindings,
) -> tuple[str, ...]:
    files = read_template(platform.sources.checkout(release), entry)
    declared = files.manifest.secrets if files.manifest else ()
    return tuple(sorted({*bound.secrets, *(secret.name for secret in declared)}))


def _plain_context(
    platform: Platform,
    entry: CatalogEntry,
    release: Release,
    answers: Answers,
) -> ApplicationContext:
    name = str(answers.get(PROJECT_NAME) or EXAMPLE_PROJECT)
    return context_for(platform, name, entry.name, release, answers)
