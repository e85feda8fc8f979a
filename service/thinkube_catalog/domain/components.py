"""Components: platform services that templates need, such as a gateway or a vector store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from thinkube_catalog.domain.documents import (
    Fields,
    FileInvalidError,
    Findings,
    Parsed,
    read_json,
)

ALWAYS_PRESENT = frozenset(
    # What every Thinkube platform has; requirements may name them without an entry.
    [
        "keycloak",
        "harbor",
        "postgresql",
        "gitea",
        "argocd",
        "argo-workflows",
        "jupyterhub",
        "mlflow",
        "seaweedfs",
        "juicefs",
    ],
)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Component:
    """One entry of `optional_components.json`."""

    name: str
    display_name: str = ""
    description: str = ""
    category: str = ""
    icon: str = ""
    requirements: tuple[str, ...] = ()
    namespace: str = ""
    playbooks: Mapping[str, str] = field(default_factory=dict)
    architectures: tuple[str, ...] = ()
    unknown: Mapping[str, object] = field(default_factory=dict)


class ComponentsInvalidError(FileInvalidError):
    said = "is not a usable list of components"


def parse_components(text: str, file: str = "") -> Parsed[tuple[Component, ...]]:
    """Read `optional_components.json`, in the order of the file.

    Raises DocumentInvalidError or ComponentsInvalidError with every problem.
    """
    findings = Findings(read_json(text, file))
    root = findings.fields()
    root.text("version")
    root.text("description")
    components = tuple(_component(name, each) for name, each in root.entries("components").items())
    if "components" not in root:
        root.problem("components", "components is missing", "give it, even if it is empty: {}")
    root.unknown()
    _check_requirements(components, findings)
    return findings.parsed(components, ComponentsInvalidError)


def _component(name: str, fields: Fields) -> Component:
    if not _NAME.fullmatch(name):
        fields.problem((), f"{name!r} is not a usable name", "use small letters, digits and -")
    return Component(
        name=name,
        display_name=fields.text("display_name", name),
        description=fields.text("description"),
        category=fields.text("category"),
        icon=fields.text("icon"),
        requirements=fields.texts("requirements"),
        namespace=fields.text("namespace", name),
        playbooks=fields.text_mapping("playbooks"),
        architectures=fields.texts("architectures"),
        unknown=fields.unknown(),
    )


def _check_requirements(components: tuple[Component, ...], findings: Findings) -> None:
    known = ALWAYS_PRESENT | {each.name for each in components}
    for component in components:
        for place, name in enumerate(component.requirements):
            if name not in known:
                findings.warn(
                    ("components", component.name, "requirements", place),
                    f"no component {name!r} is listed here",
                    "it may come from another catalogue; check the name otherwise",
                )
