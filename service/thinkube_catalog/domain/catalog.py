"""What is offered: templates, where they live, and their releases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

from thinkube_catalog.domain.components import Component
from thinkube_catalog.domain.errors import NotFoundError, Problem, UnavailableError
from thinkube_catalog.domain.models import Model


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
    """One line of `repositories.json`: a template that some metadata repository offers."""

    name: str
    location: str
    description: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    type: str = "application_template"
    deployment_type: str = "app"
    fixed_name: str = ""
    origin: str = "platform"  # "platform" or "user": which of the merged catalogues it came from
    unknown: Mapping[str, object] = field(default_factory=dict)

    @property
    def deployable(self) -> bool:
        return self.type == "application_template"


@dataclass(frozen=True)
class Catalog:
    """Everything offered, merged from all metadata repositories, in catalogue order."""

    entries: tuple[CatalogEntry, ...] = ()
    categories: Mapping[str, str] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    models: tuple[Model, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def entry(self, name: str) -> CatalogEntry:
        """Return the entry of that name. Raises TemplateNotFoundError, with near names."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise TemplateNotFoundError(name, [entry.name for entry in self.entries])


class Catalogs(Protocol):
    """The metadata repositories that this service reads."""

    def load(self) -> Catalog:
        """Read and merge them all; a later one's entry replaces an earlier one's in place.

        A catalogue that cannot be read becomes a warning when others can; raises
        CatalogUnreadableError when none can, and InvalidError for files that break their rules.
        """
        ...


class TemplateSources(Protocol):
    """Template repositories and folders, by location."""

    def releases(self, location: str) -> Sequence[Release]:
        """List the tagged releases, newest first (PEP 440 order); empty for a plain folder."""
        ...

    def resolve(self, source: Source) -> Release:
        """Name the exact release that `source` means now.

        Raises ReleaseNotFoundError, or SourceUnavailableError when it cannot be reached.
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


class SourceUnavailableError(UnavailableError):
    def __init__(self, location: str, reason: str) -> None:
        super().__init__(f"the template at {location} cannot be read: {reason}")
        self.location = location


class CatalogUnreadableError(UnavailableError):
    def __init__(self, location: str, reason: str) -> None:
        super().__init__(f"the catalogue at {location} cannot be read: {reason}")
        self.location = location


def _near(name: str, known: Sequence[str]) -> list[str]:
    return get_close_matches(name, known, n=3, cutoff=0.5)
