"""The model catalogue: AI models that templates can offer as choices."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from thinkube_catalog.domain.documents import (
    Fields,
    FileInvalidError,
    Findings,
    Parsed,
    read_json,
)

SERVER_TYPES = ("vllm", "tensorrt-llm", "ollama", "text-embeddings", "unsloth", "bitnet")

BITS_PER_WEIGHT = {
    # Effective bits: scales, and the tensors that stay wider, are counted in.
    "FP32": 32.0,
    "BF16": 16.0,
    "FP16": 16.0,
    "FP8": 9.0,  # 8, and embeddings and norms that stay in 16
    "INT8": 9.0,
    "Q8_0": 8.5,
    "Q4_K_M": 4.85,
    "INT4": 5.0,
    "AWQ": 5.0,
    "AWQ-INT4": 5.0,
    "GPTQ": 5.0,
    "FP4": 5.5,
    "NVFP4": 5.5,  # 4.5 with scales, and attention and embeddings that stay wider
    "MXFP4": 5.0,
    "BNB-4BIT": 5.5,
}

DEFAULT_CONTEXT = 32_768
"""Tokens of cache that a memory need includes where the entry does not say otherwise."""

GIB = 1024**3
_CACHE_BYTES = 2  # keys and values are kept in 16 bits

# A repository of a model hub, or a name with a tag as Ollama writes it. It becomes an argument of
# other programs, so it starts with a letter or digit and holds nothing that a shell reads.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")

_SIZE = re.compile(r"~?\s*(?P<number>[0-9]{1,6}(\.[0-9]{1,3})?)\s*(?P<unit>[MGT]B)", re.IGNORECASE)
_BYTES = {"MB": 1e6, "GB": 1e9, "TB": 1e12}


@dataclass(frozen=True)
class AttentionGroup:
    """Layers that keep keys and values alike; `window` is 0 where they keep all tokens."""

    layers: int
    kv_heads: int
    head_dim: int
    window: int = 0


@dataclass(frozen=True)
class Model:
    """One entry of `models.json`. Parameter counts are in billions.

    `kv_cache`, `memory_context` (tokens) and `memory_gib` are ours.
    """

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
    source: str = "huggingface"
    serving_name: str = ""
    reasoning_format: str = ""
    tool_use: bool = False
    stop_tokens: tuple[str, ...] = ()
    allow_patterns: tuple[str, ...] = ()
    enforce_eager: bool = False
    speculative_config: str = ""
    weight_bytes: int | None = None
    kv_cache: tuple[AttentionGroup, ...] = ()
    memory_context: int = 0
    memory_gib: float | None = None
    unknown: Mapping[str, object] = field(default_factory=dict)


class ModelsInvalidError(FileInvalidError):
    said = "is not a usable model catalogue"


def memory_need(model: Model) -> float | None:
    """Return the GiB of GPU memory for weights and cache, rounded up to a tenth.

    Weights: `weight_bytes` where known, else parameters x effective bits of the quantisation / 8.
    Cache: for each group of layers 2 (keys, values) x layers x heads x head size x tokens x
    2 bytes, with `memory_context` tokens or the window if that is smaller. State of linear
    attention, activations and the server itself are not counted: a server wants 10 to 20 % more.
    None where neither the size nor the quantisation is known.
    """
    weights = _weight_bytes(model)
    if weights is None:
        return None
    need = weights + sum(_cache_bytes(group, model.memory_context) for group in model.kv_cache)
    return math.ceil(need / GIB * 10) / 10


def _weight_bytes(model: Model) -> float | None:
    if model.weight_bytes:
        return model.weight_bytes
    bits = BITS_PER_WEIGHT.get(model.quantization.upper())
    if bits is None or not model.params_b:
        return None
    return model.params_b * 1e9 * bits / 8


def _cache_bytes(group: AttentionGroup, tokens: int) -> int:
    kept = min(tokens, group.window) if group.window else tokens
    return 2 * group.layers * group.kv_heads * group.head_dim * kept * _CACHE_BYTES


def parse_models(text: str, file: str = "") -> Parsed[tuple[Model, ...]]:
    """Read `models.json`, in the order of the file. A second entry of an id replaces the first.

    Raises DocumentInvalidError or ModelsInvalidError with every problem.
    """
    findings = Findings(read_json(text, file))
    root = findings.fields()
    root.text("version")
    root.text("description")
    models: dict[str, Model] = {}
    for fields in root.items("models"):
        model = _completed(_model(fields))
        if model.id in models:
            fields.warn("id", f"{model.id} is listed before; this entry replaces it")
        models[model.id] = model
    if "models" not in root:
        root.problem("models", "models is missing", "give it, even if it is empty: []")
    root.unknown()
    return findings.parsed(tuple(models.values()), ModelsInvalidError)


def _model(fields: Fields) -> Model:
    id_ = fields.text("id", required=True, pattern=_ID, mend="write it as the hub does: owner/name")
    fields.text("tool_call_parser")
    fields.mapping("calibration")
    server_type = fields.texts("server_type")
    for place, name in enumerate(server_type):
        if name not in SERVER_TYPES:
            fields.warn(("server_type", place), f"no server {name!r} is known", _server(name))
    return Model(
        id=id_,
        name=fields.text("name", id_),
        description=fields.text("description"),
        params_b=_positive(fields, "params_b"),
        active_params_b=_positive(fields, "active_params_b") or None,
        quantization=fields.text("quantization"),
        context_length=fields.integer("context_length", None, least=1),
        task=fields.text("task", "text-generation"),
        license=fields.text("license"),
        server_type=server_type,
        gated=fields.boolean("gated", False),
        downloaded=fields.boolean("is_downloaded", False),
        role=fields.text("role", "primary"),
        source=fields.text("source", "huggingface"),
        serving_name=fields.text("serving_name", id_),
        reasoning_format=fields.text("reasoning_format"),
        tool_use=fields.boolean("tool_use", False),
        stop_tokens=fields.texts("stop_tokens"),
        allow_patterns=fields.texts("allow_patterns"),
        enforce_eager=fields.boolean("enforce_eager", False),
        speculative_config=fields.text("speculative_config"),
        weight_bytes=_weights(fields),
        kv_cache=tuple(_group(each) for each in fields.items("kv_cache")),
        memory_context=fields.integer("memory_context", 0, least=1),
        memory_gib=_positive(fields, "memory_gib") or None,
        unknown=fields.unknown(),
    )


def _completed(model: Model) -> Model:
    """Fill in what the entry leaves to us: the context counted on, and the memory need."""
    context = model.memory_context or min(model.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
    model = replace(model, memory_context=context)
    return replace(model, memory_gib=model.memory_gib or memory_need(model))


def _weights(fields: Fields) -> int | None:
    """Read the size of the weights; old files have no parameters but a `size` such as `~16GB`."""
    size = _SIZE.fullmatch(fields.text("size").strip())
    stated = fields.integer("weight_bytes", None, least=1)
    if stated or not size or "params_b" in fields:
        return stated
    return round(float(size["number"]) * _BYTES[size["unit"].upper()])


def _group(fields: Fields) -> AttentionGroup:
    group = AttentionGroup(
        layers=fields.integer("layers", 0, least=1),
        kv_heads=fields.integer("kv_heads", 0, least=1),
        head_dim=fields.integer("head_dim", 0, least=1),
        window=fields.integer("window", 0, least=0),
    )
    for name in ("layers", "kv_heads", "head_dim"):
        if name not in fields:
            fields.problem(name, f"{name} is missing", "take it from the model's config.json")
    fields.unknown()
    return group


def _positive(fields: Fields, name: str) -> float:
    value = fields.number(name)
    if value < 0:
        fields.problem(name, f"{name} is {value:g}", "use a number above zero")
        return 0.0
    return float(value)


def _server(name: str) -> str:
    return "use tensorrt-llm" if name == "tensorrt" else f"known are {', '.join(SERVER_TYPES)}"
