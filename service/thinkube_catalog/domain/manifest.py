"""TemplateManifest: what `manifest.yaml` says a template is, asks, needs and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Parameter:
    """One entry of `parameters`: a question in Thinkube's own notation."""

    name: str
    type: str = "str"  # str, int, bool, choice
    description: str = ""
    default: object = None
    required: bool = True
    choices: tuple[str, ...] = ()
    pattern: str = ""
    min_length: int | None = None
    max_length: int | None = None
    min: int | None = None
    max: int | None = None
    placeholder: str = ""
    group: str = "default"
    order: int = 0
    dynamic_source: str = ""
    filter: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SecretDeclaration:
    """A secret that the deployed application reads from its environment under `name`."""

    name: str
    description: str = ""
    required: bool = True


@dataclass(frozen=True)
class TemplateManifest:
    """Identity and needs of a template. Questions themselves come from `copier.yml` if it asks."""

    name: str
    title: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    category: str = ""
    parameters: tuple[Parameter, ...] = ()
    secrets: tuple[SecretDeclaration, ...] = ()
    hardware: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    unknown: Mapping[str, object] = field(default_factory=dict)
