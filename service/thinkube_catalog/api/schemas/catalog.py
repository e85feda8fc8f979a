"""Templates over the wire: their releases, pages of them, and all that is known of one."""

from __future__ import annotations

from pydantic import Field

from thinkube_catalog.api.schemas.problems import ProblemItem
from thinkube_catalog.api.schemas.wire import Json, Wire


class ReleasePublic(Wire):
    """One version of a template; it never changes."""

    location: str = Field(description="Where plain Copier finds it.")
    version: str = Field(description="Its tag, or what `git describe` says; may be empty.")
    commit: str = Field(description="The full commit id.")


class ReleasePage(Wire):
    """A template's releases, newest first."""

    items: list[ReleasePublic]


class TemplateSummary(Wire):
    """One template in a list."""

    name: str
    title: str
    description: str = Field(description="One line.")
    category: str
    tags: list[str]
    type: str = Field(description="application_template, or something that cannot be deployed.")
    deployment_type: str = Field(description="app, knative or component.")
    origin: str = Field(description="platform, or user for the caller's own catalogue.")
    highlights: list[tuple[int, int]] = Field(
        description="Where the query matched in the name: start and end of each match.",
    )


class Facet(Wire):
    """How many of the found templates have this value."""

    value: str
    label: str
    count: int


class TemplatePage(Wire):
    """One page of templates, best match first."""

    items: list[TemplateSummary]
    total: int
    next: str = Field(description="Cursor of the next page; empty on the last.")
    categories: list[Facet]
    tags: list[Facet]


class SecretDeclarationPublic(Wire):
    """A secret that the application reads from its environment."""

    name: str
    description: str
    required: bool


class ContainerNeeds(Wire):
    """What one container is and needs."""

    name: str
    port: int | None
    size: str
    gpu_count: int
    gpu_memory_gib: int
    job: bool
    schedule: str


class DependencyPublic(Wire):
    """Something that has to be given from outside."""

    name: str
    type: str
    env: str
    optional: bool


class ProvisionPublic(Wire):
    """Something that other deployments may use."""

    type: str
    container: str
    path: str
    protocol: str


class TemplatePublic(Wire):
    """All that is known of a template without asking its questions."""

    name: str
    title: str
    description: str
    category: str
    tags: list[str]
    author: str
    release: ReleasePublic
    secrets: list[SecretDeclarationPublic]
    containers: list[ContainerNeeds]
    services: list[str] = Field(description="Platform services, as in `thinkube.yaml`.")
    dependencies: list[DependencyPublic]
    provides: list[ProvisionPublic]
    hardware: dict[str, Json]
    warnings: list[ProblemItem] = Field(description="What is odd about it, for maintainers.")
    commands: list[str] = Field(description="Commands to copy.")


class Readme(Wire):
    """The template's README as its author wrote it (Markdown, not sanitised)."""

    text: str
