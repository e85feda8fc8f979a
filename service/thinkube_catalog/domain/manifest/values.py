"""The values that a `manifest.yaml` holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Parameter:
    """One entry of `parameters`: a question in Thinkube's own notation.

    Lengths and bounds are inclusive. `default` is of the parameter's type (text for a choice), or
    None where there is none. `pattern` has to be found somewhere in the answer.
    """

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
    unknown: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SecretDeclaration:
    """A secret that the deployed application reads from its environment under `name`."""

    name: str
    description: str = ""
    required: bool = True


@dataclass(frozen=True)
class Need:
    """Something that the application depends on (ours), by type: `llm`, `vectors`, ..."""

    type: str
    description: str = ""
    optional: bool = False


@dataclass(frozen=True)
class TemplateManifest:
    """Identity and needs of a template. Questions themselves come from `copier.yml` if it asks.

    `hardware` (ours) may hold `gpu` (`count`, `memory`), `cpu`, `memory` and `disk`; `provides`
    and `dependencies` (ours) are for the person choosing: what counts at deploy is `thinkube.yaml`.
    `metadata` is that mapping as it stands, with keys that nobody knows.
    """

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
    provides: tuple[str, ...] = ()
    dependencies: tuple[Need, ...] = ()
    metadata: Mapping[str, object] = field(default_factory=dict)
    unknown: Mapping[str, object] = field(default_factory=dict)
