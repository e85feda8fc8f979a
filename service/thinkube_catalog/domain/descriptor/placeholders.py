"""The two placeholders that a descriptor may hold; it is no template otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from thinkube_catalog.domain.documents import Path

PROJECT_NAME = "{{ project_name }}"
DOMAIN_NAME = "{{ domain_name }}"

Value = TypeVar("Value")

_SAMPLES = {PROJECT_NAME: "project", DOMAIN_NAME: "example.org"}
_MARK = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}%]*%\}")
_ANY_SPACING = re.compile(r"\{\{\s*(project_name|domain_name)\s*\}\}")


def fill_placeholders(value: Value, project_name: str, domain_name: str) -> Value:
    """Replace both placeholders in every text at any depth of a descriptor or a mapping.

    They are matched as Thinkube does: exactly, with one space on each side.
    """
    filled: Value = _filled(value, {PROJECT_NAME: project_name, DOMAIN_NAME: domain_name})
    return filled


def sample(text: str) -> str:
    """Fill in sample values, so that a text with placeholders can be checked."""
    return str(_filled(text, _SAMPLES))


def strange_marks(value: object, path: Path = ()) -> Iterator[tuple[Path, str, str]]:
    """Find what looks like a placeholder and is none: where, what, and how it should look."""
    if isinstance(value, str):
        for mark in _MARK.findall(value):
            if mark not in _SAMPLES:
                near = _ANY_SPACING.fullmatch(mark)
                yield path, mark, f"write {{{{ {near[1]} }}}}" if near else ""
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from strange_marks(child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from strange_marks(child, (*path, place))


def _filled(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 # any value, and its like
    if isinstance(value, str):
        for placeholder, filling in values.items():
            value = value.replace(placeholder, filling)
        return value
    if isinstance(value, Mapping):
        return {key: _filled(child, values) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_filled(child, values) for child in value)
    if is_dataclass(value) and not isinstance(value, type):
        changes = {each.name: _filled(getattr(value, each.name), values) for each in fields(value)}
        return replace(value, **changes)
    return value
