"""Writing YAML that every reader of YAML 1.1 or 1.2 takes for the same document."""

from __future__ import annotations

import re

import yaml

try:
    from yaml import CSafeDumper as _Base
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeDumper as _Base  # type: ignore[assignment]

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_UNFOLDED = 1_000_000  # lines are never folded


def document_text(document: object) -> str:
    """Write mappings, lists and scalars as YAML, in their order: the same bytes always."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_UNFOLDED
    )
    return text


class _Dumper(_Base):
    """Quotes every text that any reader could take for something else.

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
