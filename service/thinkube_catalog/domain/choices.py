"""Dynamic choices: what a question offers when its choices come from the model catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from thinkube_catalog.domain.models import Model
from thinkube_catalog.domain.questions import Choice

MODEL_CATALOG = "model_catalog"
"""The only `dynamic_source` there is; any other is ignored, as Thinkube does."""


def choices(models: Iterable[Model], filter_: Mapping[str, object]) -> tuple[Choice, ...]:
    """Return the models that pass the filter as choices, in catalogue order.

    `server_type` has to be one of the model's; `is_downloaded` has to be the case, or not. Other
    keys have no effect, as in Thinkube, and neither has a value of another type than these want.
    `details` holds what a person chooses by: memory_gib, memory_context, context_length, license,
    gated, quantization, params_b, active_params_b, task, description, downloaded.
    """
    return tuple(_choice(model) for model in models if _passes(model, filter_))


def _passes(model: Model, filter_: Mapping[str, object]) -> bool:
    server_type = filter_.get("server_type")
    if isinstance(server_type, str) and server_type and server_type not in model.server_type:
        return False
    downloaded = filter_.get("is_downloaded")
    return not isinstance(downloaded, bool) or model.downloaded == downloaded


def _choice(model: Model) -> Choice:
    return Choice(
        value=model.id,
        label=model.name or model.id,
        details={
            "memory_gib": model.memory_gib,
            "memory_context": model.memory_context,
            "context_length": model.context_length,
            "license": model.license,
            "gated": model.gated,
            "quantization": model.quantization,
            "params_b": model.params_b,
            "active_params_b": model.active_params_b,
            "task": model.task,
            "description": model.description,
            "downloaded": model.downloaded,
        },
    )
