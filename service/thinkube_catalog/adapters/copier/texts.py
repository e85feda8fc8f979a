"""Structured answers: bounded before they are parsed or printed, and made plain JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import yaml

LONGEST_TEXT = 64 * 1024
"""Characters in one answer."""

_MOST_NODES = 10_000
_DEEPEST = 40


def text_problem(text: str, type_name: str) -> str:
    """Say why a text must not even be parsed; empty when it may be."""
    if len(text) > LONGEST_TEXT:
        return f"it is {len(text)} characters long; at most {LONGEST_TEXT} are taken"
    if type_name == "yaml" and _has_aliases(text):
        return "YAML anchors and aliases (& and *) are not taken; write the value out"
    return ""


def _has_aliases(text: str) -> bool:
    if "*" not in text and "<<" not in text:
        return False
    try:
        events = yaml.parse(text, yaml.SafeLoader)
        return any(isinstance(event, yaml.AliasEvent) for event in events)
    except (yaml.YAMLError, RecursionError):
        return False  # it will not parse either, and parsing says why


def value_problem(value: object) -> str:
    """Say why a parsed value is too much; empty when it is good."""
    budget = _MOST_NODES
    level: list[object] = [value]
    for _ in range(_DEEPEST):
        budget -= len(level)
        if budget < 0:
            return f"it has more than {_MOST_NODES} values in it"
        if any(isinstance(item, float) and not math.isfinite(item) for item in level):
            return "infinite numbers and NaN are not taken"
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return ""
    return f"it is nested more than {_DEEPEST} levels deep"


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, list | tuple | set) else []


def is_plain(value: object) -> bool:
    """Tell whether JSON has this value: no dates, sets or bytes in it, and texts as keys."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(is_plain(inner) for inner in value)
    return isinstance(value, str | int | float | bool | None)


def noted(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Return a yaml answer as JSON can carry it: what JSON does not have is kept as YAML text."""
    if is_plain(value):
        return value
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=2**30)
    return text.removesuffix("...\n").strip()


def parsed_as_noted(text: str) -> str:
    """Return what Copier, which parses every text, has to be given for the answer `text`.

    The other half of `noted`: a text of YAML with dates in it stays one; all others are quoted.
    """
    try:
        parsed = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        parsed = None
    return json.dumps(text, ensure_ascii=False) if is_plain(parsed) else text


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Return the value as JSON knows it: dates and the like become text, keys become text."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
