"""The model catalogue: AI models that templates can offer as choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Model:
    """One entry of `models.json`. Parameter counts are in billions."""

    id: str
    name: str = ""
    description: str = ""
    params_b: float = 0.0
    active_params_b: float | None = None
    quantization: str = ""
    context_length: int | None = None
    task: str = "text-generation"
    license: str = ""
    server_type: tuple[str, ...] = ()
    gated: bool = False
    downloaded: bool = False
    role: str = "primary"
    unknown: Mapping[str, object] = field(default_factory=dict)
