"""Writing typed objects as YAML: always the same bytes for the same objects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import yaml

try:
    from yaml import CSafeDumper as _Base
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeDumper as _Base  # type: ignore[assignment]

HEADER = (
    "# Made from thinkube.yaml by Thinkube Catalog; the next deploy or upgrade writes it anew.\n"
)

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


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
    documents = (
        yaml.dump(plain(each), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_UNFOLDED)
        for each in objects
    )
    return HEADER + "---\n".join(documents)


_UNFOLDED = 1_000_000  # lines are never folded


def _present(value: object) -> bool:
    return value is not None and not (isinstance(value, (tuple, list, Mapping)) and not value)


@cache
def _keys(kind: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 (any dataclass)
    return tuple((each.name, _camel(each.name)) for each in fields(kind))


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


class _Dumper(_Base):
    """Quotes every text that any reader of YAML 1.1 or 1.2 could take for something else.

    `1e3`, `0o7` and `y` are texts for PyYAML and numbers or booleans for Kubernetes' own reader.
    """

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        style = "|"
    elif _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        style = None
    else:
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
