"""What is offered: templates, where they live, and their releases."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from thinkube_catalog.domain.components import Component
from thinkube_catalog.domain.errors import (
    ConflictError,
    NotFoundError,
    Problem,
    UnavailableError,
)
from thinkube_catalog.domain.models import Model
from thinkube_catalog.domain.search import SearchIndex


@dataclass(frozen=True)
class Source:
    """Where a template's files are: a Git URL or a folder, and what of it is wanted.

    `location` is whatever Copier accepts. `ref` is a tag, branch or commit; empty means the
    newest release, or for a plain folder the folder as it is.
    """

    location: str
    ref: str = ""


@dataclass(frozen=True)
class Release:
    """One version of a template that never changes: what is rendered and deployed.

    `location` is the published source that the answers file names (`_src_path`); `version` is what
    `git describe --tags --always` says (`_commit` in the answers file): a tag such as `v1.2.0`,
    or for an unreleased commit `v1.2.0-3-gabc1234`; `commit` is the full commit id. For a plain
    folder outside Git, `version` is empty and `commit` is a digest of its content.
    """

    location: str
    version: str
    commit: str


@dataclass(frozen=True)
class CatalogEntry:
    """One line of `repositories.json`: a template that some metadata repository offers.

    `location` is what Copier and git take; `source` is a folder on this machine that the template
    is published from, for those that come with the catalogue itself; `ref` is then what of
    `location` the folder was published as. `title`, `source` and `ref` are ours.
    """

    name: str
    location: str
    title: str = ""
    description: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    type: str = "application_template"
    deployment_type: str = "app"
    fixed_name: str = ""
    org: str = ""
    source: str = ""
    ref: str = ""
    origin: str = "platform"  # or "user", for later catalogues; empty where none lists it
    unknown: Mapping[str, object] = field(default_factory=dict)

    def at(self, ref: str = "") -> Source:
        """Return where the files of a tag, branch or commit are; empty: what is offered now."""
        return Source(self.location, ref or self.ref)

    @property
    def deployable(self) -> bool:
        return self.type == "application_template"

    @property
    def listed(self) -> bool:
        """Whether people pick it from the list; components are installed another way."""
        return self.deployable and self.deployment_type != "component"


@dataclass(frozen=True)
class Catalog:
    """Everything offered, merged from all metadata repositories, in catalogue order.

    It never changes, so what is derived from it is kept with it.
    """

    entries: tuple[CatalogEntry, ...] = ()
    categories: Mapping[str, str] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    models: tuple[Model, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def entry(self, name: str) -> CatalogEntry:
        """Return the entry of that name. Raises TemplateNotFoundError, with near names."""
        entry = self._by_name.get(name)
        if entry is None:
            raise TemplateNotFoundError(name, list(self._by_name))
        return entry

    @cached_property
    def index(self) -> SearchIndex[CatalogEntry]:
        """The index of the entries that are listed."""
        return SearchIndex([entry for entry in self.entries if entry.listed])

    @cached_property
    def _by_name(self) -> Mapping[str, CatalogEntry]:
        return {entry.name: entry for entry in self.entries}

    def merged_with(self, later: Catalog) -> Catalog:
        """Lay a later catalogue over this one: what has the same name is replaced in place."""
        return Catalog(
            entries=_merged(self.entries, later.entries, lambda each: each.name),
            categories={**self.categories, **later.categories},
            components=_merged(self.components, later.components, lambda each: each.name),
            models=_merged(self.models, later.models, lambda each: each.id),
            warnings=(*self.warnings, *later.warnings),
        )


_Named = TypeVar("_Named")


def _merged(
    first: Sequence[_Named],
    later: Sequence[_Named],
    name: Callable[[_Named], str],
) -> tuple[_Named, ...]:
    kept = {name(each): each for each in first}
    kept.update({name(each): each for each in later})  # a key that is there keeps its place
    return tuple(kept.values())


class Catalogs(Protocol):
    """The metadata repositories that this service reads."""

    def load(self) -> Catalog:
        """Read and merge them all; a later one's entry replaces an earlier one's in place.

        While nothing has changed, the very same Catalog is returned. A catalogue that cannot be
        read, or breaks its rules, becomes warnings, and what was last read of it stands; raises
        CatalogUnreadableError or InvalidError when there is no catalogue that can be read.
        """
        ...


class TemplateSources(Protocol):
    """Template repositories and folders, by location."""

    def releases(self, location: str) -> Sequence[Release]:
        """List the tagged releases, newest first (PEP 440 order); empty for a plain folder."""
        ...

    def resolve(self, source: Source) -> Release:
        """Name the exact release that `source` means now.

        Raises ReleaseNotFoundError, ReleaseMovedError when a tag has changed since it was first
        seen, InvalidError for a location that is not fetched from, or SourceUnavailableError when
        it cannot be reached.
        """
        ...

    def checkout(self, release: Release) -> Path:
        """Return a folder that holds exactly that release's files, without `.git`.

        Checked out once per commit, kept, and never written again.
        """
        ...


class TemplateNotFoundError(NotFoundError):
    def __init__(self, name: str, known: Sequence[str] = ()) -> None:
        near = _near(name, known)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"there is no template {name!r} in the catalog{hint}")
        self.name = name


class ReleaseNotFoundError(NotFoundError):
    def __init__(self, source: Source, known: Sequence[str] = ()) -> None:
        offered = f"; its releases are {', '.join(known)}" if known else "; it has no releases"
        super().__init__(f"{source.location} has no {source.ref or 'release'!r}{offered}")
        self.source = source


class ReleaseMovedError(ConflictError):
    def __init__(self, location: str, tag: str, before: str, now: str, record: str = "") -> None:
        forget = f", or delete {record} to accept the change" if record else ""
        super().__init__(
            f"{tag} of {location} was the commit {before[:12]} and is now {now[:12]}; released "
            f"versions never change: ask its maintainers to publish under a new version{forget}",
        )
        self.location = location
        self.tag = tag


class SourceUnavailableError(UnavailableError):
    def __init__(self, location: str, reason: str) -> None:
        super().__init__(f"the template at {location} cannot be read: {reason}")
        self.location = location


class CatalogUnreadableError(UnavailableError):
    def __init__(self, location: str, reason: str) -> None:
        super().__init__(f"the catalogue at {location} cannot be read: {reason}")
        self.location = location


_GIT_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:")


def is_git_address(location: str) -> bool:
    """Say whether a location is fetched with git rather than read where it stands.

    Which addresses are safe to fetch is for those to say who fetch them.
    """
    return bool(_GIT_ADDRESS.match(location))


def _near(name: str, known: Sequence[str]) -> list[str]:
    found = process.extract(
        name, known, scorer=OSA.normalized_similarity, score_cutoff=0.5, limit=3
    )
    return [near for near, _, _ in found]
