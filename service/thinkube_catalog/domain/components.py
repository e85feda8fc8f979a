"""Components: platform services that templates need, such as a gateway or a vector store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
