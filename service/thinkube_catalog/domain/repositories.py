"""Reading `repositories.json`: the list of templates that a metadata repository offers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from thinkube_catalog.domain.catalog import CatalogEntry
from thinkube_catalog.domain.documents import (
    Fields,
    FileInvalidError,
    Findings,
    Parsed,
    read_json,
)

TYPES = (
    "application_template",
    "application_template_disabled",
    "application",
    "documentation",
    "examples",
    "infrastructure",
    "jupyterlab_extension",
    "library",
    "mcp_server",
    "metadata",
    "vscode_extension",
    "website",
)
DEPLOYMENT_TYPES = ("app", "knative", "component")

# A name stands in URLs, on command lines and in file names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMPONENT_NAME = re.compile(r"[a-z][a-z0-9-]*")
# What git may be given: no option, no transport helper, nothing that ends a line.
_ADDRESS = re.compile(
    r"(https?|ssh|git|file)://[^\s\x00-\x1f]+|[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^\s\x00-\x1f]+",
)
_TOOLING = ("clone_for_development", "install_in_code_server", "full_name", "_source")


@dataclass(frozen=True)
class Repositories:
    """One `repositories.json`, in the order of the file. `source` is still as written."""

    entries: tuple[CatalogEntry, ...] = ()
    categories: Mapping[str, str] = field(default_factory=dict)


class RepositoriesInvalidError(FileInvalidError):
    said = "is not a usable list of templates"


def parse_repositories(text: str, file: str = "") -> Parsed[Repositories]:
    """Read `repositories.json`. A second entry of a name replaces the first in its place.

    Raises DocumentInvalidError or RepositoriesInvalidError with every problem.
    """
    findings = Findings(read_json(text, file))
    root = findings.fields()
    root.text("version")
    root.text("description")
    categories = root.text_mapping("categories")
    entries: dict[str, CatalogEntry] = {}
    for fields in root.items("repositories"):
        entry = _entry(fields, categories)
        if entry.name in entries:
            fields.warn("name", f"{entry.name} is listed before; this entry replaces it")
        entries[entry.name] = entry
    if "repositories" not in root:
        root.problem("repositories", "repositories is missing", "give it, even if it is empty: []")
    root.unknown()
    return findings.parsed(
        Repositories(tuple(entries.values()), categories), RepositoriesInvalidError
    )


def _entry(fields: Fields, categories: Mapping[str, str]) -> CatalogEntry:
    entry = CatalogEntry(
        name=fields.text(
            "name",
            required=True,
            pattern=_NAME,
            mend="use letters, digits, dots and hyphens, for example tkt-rag-agent",
        ),
        location=_location(fields),
        title=fields.text("title"),
        description=fields.text("description"),
        category=fields.text("category"),
        tags=fields.texts("tags"),
        type=_type(fields),
        deployment_type=fields.choice("deployment_type", DEPLOYMENT_TYPES, "app"),
        fixed_name=fields.text(
            "fixed_name", pattern=_COMPONENT_NAME, mend="use small letters, digits and hyphens"
        ),
        org=fields.text("org"),
        source=fields.text("source"),
        unknown=fields.unknown(_TOOLING),
    )
    _check(entry, fields, categories)
    return entry


def _type(fields: Fields) -> str:
    name = fields.text("type", "application_template")
    if "type" not in fields:
        fields.warn("type", "type is missing; application_template is assumed")
    elif name not in TYPES:
        fields.warn("type", f"the type {name!r} is not known; it is kept", "it is not deployable")
    return name


def _location(fields: Fields) -> str:
    for name in ("github_url", "ssh_url"):
        fields.text(name, pattern=_ADDRESS, mend="use an https:// or ssh:// address")
    # An address with and without a slash at its end is the same template.
    return (fields.text("github_url") or fields.text("ssh_url")).rstrip("/")


def _check(entry: CatalogEntry, fields: Fields, categories: Mapping[str, str]) -> None:
    if entry.deployable and not (entry.location or entry.source):
        fields.problem(
            "github_url",
            "nothing says where the template is",
            "give github_url, or source for a folder beside this file",
        )
    if entry.deployment_type == "component" and entry.deployable and not entry.fixed_name:
        fields.warn("fixed_name", "a component has no fixed_name", "give the name it runs under")
    if entry.category and categories and entry.category not in categories:
        fields.warn("category", f"{entry.category!r} is not among the categories")
