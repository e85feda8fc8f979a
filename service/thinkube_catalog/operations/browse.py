"""Browsing the catalog: finding templates, and saying what one of them is, needs and gives."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from thinkube_catalog.domain.catalog import (
    CatalogEntry,
    Release,
    TemplateNotFoundError,
    is_git_address,
)
from thinkube_catalog.domain.descriptor import Container, Dependency, Descriptor, Provision
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.manifest import SecretDeclaration, TemplateManifest
from thinkube_catalog.domain.search import Spans, highlights
from thinkube_catalog.operations.commands import commands
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.template_files import TemplateFiles, read_template

DEFAULT_LIMIT = 50

_FOLDER = re.compile(r"[/~]|\.{1,2}(/|$)")


@dataclass(frozen=True)
class TemplateSummary:
    """One template in a list. Highlights are start and end of what the query matched."""

    name: str
    title: str
    description: str
    category: str
    tags: tuple[str, ...]
    type: str
    deployment_type: str
    origin: str
    highlights: Spans = ()
    title_highlights: Spans = ()
    description_highlights: Spans = ()


@dataclass(frozen=True)
class Facet:
    """How many of the found templates have this value."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Page:
    """One page of templates, best match first. `next` is empty on the last."""

    items: tuple[TemplateSummary, ...]
    total: int
    next: str
    categories: tuple[Facet, ...]
    tags: tuple[Facet, ...]
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class ContainerNeeds:
    """What one container is and needs; `gpu_memory_gib` is for each GPU."""

    name: str
    port: int | None
    size: str
    gpu_count: int
    gpu_memory_gib: int
    job: bool
    schedule: str


@dataclass(frozen=True)
class TemplateDetails:
    """All that is known of a template's release without asking its questions."""

    entry: CatalogEntry
    release: Release
    name: str
    title: str
    description: str
    category: str
    tags: tuple[str, ...]
    author: str
    secrets: tuple[SecretDeclaration, ...]
    containers: tuple[ContainerNeeds, ...]
    services: tuple[str, ...]
    dependencies: tuple[Dependency, ...]
    provides: tuple[Provision, ...]
    hardware: Mapping[str, object]
    readme: str
    releases: tuple[Release, ...]
    warnings: tuple[Problem, ...]
    commands: tuple[str, ...]
    manifest: TemplateManifest | None = None
    descriptor: Descriptor | None = None


class CursorInvalidError(InvalidError):
    def __init__(self, cursor: str) -> None:
        problem = Problem(
            f"{cursor!r} is no cursor of this list",
            field="after",
            mend="use `next` of the page before, or nothing for the first page",
        )
        super().__init__("the page cannot be found", [problem])


def search(
    platform: Platform,
    query: str = "",
    tags: Collection[str] = (),
    category: str = "",
    after: str = "",
    limit: int = DEFAULT_LIMIT,
) -> Page:
    """Find templates that match every word of the query, best first; typos are forgiven.

    `after` is the `next` of the page before. Raises CursorInvalidError.
    """
    catalog = platform.catalogs.load()
    found = catalog.index.search(query, tags, category)
    start = _start(found.items, after) if after else 0
    end = min(start + max(limit, 1), len(found.items))
    more = end < len(found.items)
    return Page(
        items=tuple(_summary(each, query) for each in found.items[start:end]),
        total=len(found.items),
        next=f"{end}:{found.items[end - 1].name}" if more else "",
        categories=_facets(found.categories, catalog.categories),
        tags=_facets(found.tags),
        warnings=catalog.warnings,
    )


def locate(platform: Platform, name_or_location: str) -> CatalogEntry:
    """Return the catalog's entry of that name, or one made for a folder or a Git address.

    A folder has to look like one: `/...`, `./...`, `../...` or `~/...`. Raises
    TemplateNotFoundError, with near names.
    """
    catalog = platform.catalogs.load()
    try:
        return catalog.entry(name_or_location)
    except TemplateNotFoundError:
        given = _given(name_or_location)
        if given is None:
            raise
        return given


def release_of(platform: Platform, name_or_location: str, ref: str = "") -> Release:
    """Name the exact release of a template that `ref` means now; empty: the newest.

    Raises TemplateNotFoundError, ReleaseNotFoundError or SourceUnavailableError.
    """
    entry = locate(platform, name_or_location)
    return platform.sources.resolve(entry.at(ref))


def releases(platform: Platform, name_or_location: str) -> Sequence[Release]:
    """List a template's tagged releases, newest first."""
    return platform.sources.releases(locate(platform, name_or_location).location)


def describe(platform: Platform, name_or_location: str, ref: str = "") -> TemplateDetails:
    """Say all that a template's files say about it.

    Templates of Thinkube of both generations, with or without `copier.yml`, and plain Copier
    templates without a manifest. Raises what `release_of` raises, and ManifestInvalidError or
    DescriptorInvalidError with every problem.
    """
    return describe_entry(platform, locate(platform, name_or_location), ref)


def describe_entry(platform: Platform, entry: CatalogEntry, ref: str = "") -> TemplateDetails:
    """Say all that the files of one entry's release say. Raises what `describe` raises."""
    release = platform.sources.resolve(entry.at(ref))
    files = read_template(platform.sources.checkout(release), entry)
    return _details(entry, release, tuple(platform.sources.releases(entry.location)), files)


def _summary(entry: CatalogEntry, query: str) -> TemplateSummary:
    title = entry.title or entry.name
    return TemplateSummary(
        name=entry.name,
        title=title,
        description=entry.description,
        category=entry.category,
        tags=entry.tags,
        type=entry.type,
        deployment_type=entry.deployment_type,
        origin=entry.origin,
        highlights=highlights(entry.name, query),
        title_highlights=highlights(title, query),
        description_highlights=highlights(entry.description, query),
    )


def _facets(
    counts: Mapping[str, int], labels: Mapping[str, str] | None = None
) -> tuple[Facet, ...]:
    named = labels or {}
    return tuple(Facet(value, named.get(value, value), count) for value, count in counts.items())


def _start(found: Sequence[CatalogEntry], after: str) -> int:
    """Find where the next page starts, also when the catalogue has changed in between."""
    digits, _, name = after.partition(":")
    if not name or not re.fullmatch(r"[0-9]{1,9}", digits):
        raise CursorInvalidError(after)
    position = int(digits)
    if 0 < position <= len(found) and found[position - 1].name == name:
        return position
    moved = (place for place, each in enumerate(found) if each.name == name)
    return next(moved, min(position, len(found)) - 1) + 1


def _given(location: str) -> CatalogEntry | None:
    """Make an entry for a folder or Git address that a person gave; None if it is neither."""
    if is_git_address(location):
        name = re.split(r"[/:]", location.rstrip("/"))[-1].removesuffix(".git")
        return CatalogEntry(name=name or location, location=location, origin="")
    if _FOLDER.match(location):
        folder = Path(location).expanduser().absolute()
        if folder.is_dir():
            return CatalogEntry(name=folder.resolve().name, location=str(folder), origin="")
    return None


def _details(
    entry: CatalogEntry,
    release: Release,
    known: tuple[Release, ...],
    files: TemplateFiles,
) -> TemplateDetails:
    manifest = files.manifest or TemplateManifest(name=entry.name)
    descriptor = files.descriptor or Descriptor()
    return TemplateDetails(
        entry=entry,
        release=release,
        name=entry.name,
        title=manifest.title or entry.title or entry.name,
        description=manifest.description or entry.description,
        category=manifest.category or entry.category,
        tags=manifest.tags or entry.tags,
        author=manifest.author,
        secrets=manifest.secrets,
        containers=tuple(_needs(each) for each in descriptor.containers),
        services=tuple(f"{each.type}:{each.name}".rstrip(":") for each in descriptor.services),
        dependencies=descriptor.dependencies,
        provides=descriptor.provides,
        hardware=manifest.hardware,
        readme=files.readme,
        releases=known,
        warnings=files.warnings,
        commands=tuple(commands(entry, release)),
        manifest=files.manifest,
        descriptor=files.descriptor,
    )


def _needs(container: Container) -> ContainerNeeds:
    gpu = container.gpu
    return ContainerNeeds(
        name=container.name,
        port=container.port,
        size=container.size,
        gpu_count=gpu.count if gpu else 0,
        gpu_memory_gib=gpu.memory_gib if gpu else 0,
        job=container.job,
        schedule=container.schedule,
    )
