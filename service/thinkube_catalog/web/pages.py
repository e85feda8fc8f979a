"""One dataclass per page: exactly what its HTML may read, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from thinkube_catalog.domain.catalog import CatalogEntry, Release
from thinkube_catalog.domain.deployments import DeploymentSummary
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.questions import Question
from thinkube_catalog.operations.browse import Page as FoundTemplates
from thinkube_catalog.operations.browse import TemplateDetails, TemplateSummary
from thinkube_catalog.operations.inspection import Inspection


@dataclass(frozen=True)
class Page:
    """What every page has: its file, its place in the navigation, its title, its scripts."""

    html: ClassVar[str]
    section: ClassVar[str] = ""
    script: ClassVar[str] = ""

    title: str


@dataclass(frozen=True)
class Card:
    """One template in the catalog. `inspection` is None while nobody has looked at it yet."""

    template: TemplateSummary
    category: str
    inspection: Inspection | None
    running: int


@dataclass(frozen=True)
class FacetLink:
    """One value to narrow the list by, and the address with it chosen, or no longer chosen."""

    label: str
    count: int
    chosen: bool
    to: str


@dataclass(frozen=True)
class CatalogPage(Page):
    html: ClassVar[str] = "catalog.html"
    section: ClassVar[str] = "catalog"
    script: ClassVar[str] = "catalog"

    query: str
    category: str
    tags: tuple[str, ...]
    after: str
    cards: tuple[Card, ...]
    found: FoundTemplates
    categories: tuple[FacetLink, ...]
    tag_links: tuple[FacetLink, ...]
    clear: str
    next: str
    offered: int


@dataclass(frozen=True)
class ReleaseLine:
    """One release, what changed in it, and who runs it."""

    release: Release
    changes: Markup
    users: tuple[DeploymentSummary, ...]


@dataclass(frozen=True)
class TemplatePage(Page):
    html: ClassVar[str] = "template.html"
    section: ClassVar[str] = "catalog"
    script: ClassVar[str] = "template"

    entry: CatalogEntry
    details: TemplateDetails
    category: str
    readme: Markup
    against: Markup
    headings: tuple[tuple[str, str], ...]
    picture: str
    licence: str
    questions: Sequence[Question]
    questions_error: str
    releases: tuple[ReleaseLine, ...]
    users: tuple[DeploymentSummary, ...]
    users_total: int
    inspection: Inspection | None


@dataclass(frozen=True)
class ErrorPage(Page):
    html: ClassVar[str] = "error.html"

    status: int
    detail: str
    problems: tuple[Problem, ...]
    reference: str = ""


Counts = Mapping[str, int]
