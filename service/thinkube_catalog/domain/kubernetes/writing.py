"""Writing typed objects as YAML: always the same bytes for the same objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from thinkube_catalog.domain.documents.writing import document_text

HEADER = (
    "# Made from thinkube.yaml by Thinkube Catalog; the next deploy or upgrade writes it anew.\n"
)


def plain(value: object) -> object:
    """Return a typed object as mappings, lists and scalars, in the order of its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((key, getattr(value, name)) for name, key in _keys(type(value)))
        return {key: plain(each) for key, each in pairs if _present(each)}
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


def text_of(objects: Iterable[object]) -> str:
    """Write objects as one YAML file with a header that says where it comes from."""
    documents = (document_text(plain(each)) for each in objects)
    return HEADER + "---\n".join(documents)


def _present(value: object) -> bool:
    return value is not None and not (isinstance(value, (tuple, list, Mapping)) and not value)


@cache
def _keys(kind: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 (any dataclass)
    return tuple((each.name, _camel(each.name)) for each in fields(kind))


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)
