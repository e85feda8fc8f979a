"""What a request would deploy: template, release, form, project and what it declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from thinkube_catalog.domain.catalog import Release, Source
from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.manifest import TemplateManifest
from thinkube_catalog.domain.questions import Answers, Form
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.operations.platform import Platform

DESCRIPTOR_FILE = "thinkube.yaml"


@dataclass(frozen=True)
class Prospect:
    """A template at a release, with its questions as they stand for some raw answers."""

    template: str
    title: str
    release: Release
    form: Form
    manifest: TemplateManifest | None = None


def survey(platform: Platform, template: str, raw: Mapping[str, object], ref: str) -> Prospect:
    """Find the template and evaluate its form.

    Raises TemplateNotFoundError, ReleaseNotFoundError, SourceUnavailableError or RenderError.
    """
    entry = platform.catalogs.load().entry(template)
    release = platform.sources.resolve(Source(entry.location, ref))
    return Prospect(entry.name, entry.name, release, platform.renderer.evaluate(release, raw))


def project(platform: Platform, context: ApplicationContext, answers: Answers) -> FileTree:
    """Return every file of the deployment's repository."""
    return platform.renderer.render(context.release, answers)


def descriptor_of(tree: FileTree, name: str) -> Descriptor:
    """Read `thinkube.yaml` of a project; one without it has an empty one."""
    return Descriptor(name=name)
