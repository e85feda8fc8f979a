"""Every text of the pages, from one file per language (`texts/en.toml`), ready to be translated."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
LANGUAGE = "en"


class Texts:
    """The texts of one language by dotted key. A missing one is a bug, and raises KeyError."""

    def __init__(self, texts: Mapping[str, str], language: str = LANGUAGE) -> None:
        self._texts = texts
        self.language = language

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a text with its values filled in.

        A text that depends on the number `n` has the forms `key.one` and `key.other`.
        """
        if "n" in values and key not in self._texts:
            key = f"{key}.{'one' if values['n'] == 1 else 'other'}"
        return self._texts[key].format_map(values) if values else self._texts[key]

    def __contains__(self, key: str) -> bool:
        return key in self._texts or f"{key}.other" in self._texts

    def below(self, prefix: str) -> dict[str, str]:
        """Return all texts below a prefix, for the scripts of a page."""
        start = f"{prefix}."
        return {
            key.removeprefix(start): text
            for key, text in self._texts.items()
            if key.startswith(start)
        }


@cache
def load_texts(language: str = LANGUAGE) -> Texts:
    """Read a language's file."""
    document = tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))
    return Texts(dict(_flat(document)), language)


def _flat(table: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", str(value)))
    return found
