"""Jinja text made of values from a manifest, which can never become code.

Copier renders every part of a question as a template; a manifest's texts mean themselves.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9 .,_-]")
_MARKS = re.compile(r"\{[{%#]|[}%#]\}")
_LAST_SHORT_ESCAPE = 0xFFFF


def literal(text: str) -> str:
    """Write text as a Jinja string in which nothing but letters and digits stands for itself.

    Jinja reads such a string with Python's `unicode-escape`, so every other character is escaped:
    no quote, brace, percent sign or line end is left that a lexer could stumble over.
    """
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if _PLAIN.match(character):
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number <= _LAST_SHORT_ESCAPE else f"\\U{number:08x}"


def verbatim(text: str) -> str:
    """Return text that Jinja renders to exactly `text`; it is unchanged if it has no marks."""
    return f"{{{{ {literal(text)} }}}}" if _MARKS.search(text) else text


def is_template(value: object) -> bool:
    """Tell whether Jinja would make something of a value."""
    return isinstance(value, str) and bool(_MARKS.search(value))
