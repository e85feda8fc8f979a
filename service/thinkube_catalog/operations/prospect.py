"""What a request would deploy: template, release, form, and what the template declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.manifest import TemplateManifest
from thinkube_catalog.domain.questions import Answers, Form
from thinkube_catalog.operations.browse import locate
from thinkube_catalog.operations.composition import descriptor_of, told
from thinkube_catalog.operations.forms import evaluate_release
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.template_files import read_template


@dataclass(frozen=True)
class Prospect:
    """A template at a release, with its questions as they stand for some raw answers."""

    template: str
    release: Release
    form: Form
    manifest: TemplateManifest | None = None


def survey(platform: Platform, template: str, raw: Mapping[str, object], ref: str) -> Prospect:
    """Find the template and evaluate its form.

    Raises TemplateNotFoundError, ReleaseNotFoundError, SourceUnavailableError, RenderError, or
    ManifestInvalidError.
    """
    entry = locate(platform, template)
    release = platform.sources.resolve(entry.at(ref))
    form = evaluate_release(platform, release, raw, entry.name)
    files = read_template(platform.sources.checkout(release), entry)
    return Prospect(entry.name, release, form, files.manifest)


def descriptor_for(platform: Platform, context: ApplicationContext, answers: Answers) -> Descriptor:
    """Return what the rendered project says about how it runs; an empty one if it says nothing.

    Raises RenderError, or DescriptorInvalidError.
    """
    tree = platform.renderer.render(context.release, answers, told(context, answers))
    found = descriptor_of(tree, context.name, context.conventions)
    return found or Descriptor(name=context.name)
