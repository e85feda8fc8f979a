"""Code with its words marked for colouring, as classes: nothing is styled in place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import PurePosixPath

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.util import ClassNotFound

LONGEST = 200_000
"""Characters that are still coloured; longer files are shown plain."""

_KNOWN_NAMES = {"Containerfile": "docker", "Makefile": "make"}


def coloured(text: str, path: str) -> Markup:
    """Return a file's text as HTML: escaped, words in `span`s with Pygments' short classes."""
    name = PurePosixPath(path).name
    language = _KNOWN_NAMES.get(name, "")
    return _coloured(text, f"*.{name}" if not language else "", language)


def coloured_lines(lines: Sequence[str], path: str) -> list[Markup]:
    """Return some lines of a file, each coloured by itself and whole."""
    # Pygments closes each of its marks at the end of a line, and ends the last line as well.
    html = coloured("".join(f"{line}\n" for line in lines), path)
    parts = [Markup(part) for part in html.removesuffix("\n").split("\n")]  # noqa: S704 (escaped there)
    return parts if len(parts) == len(lines) else [Markup.escape(line) for line in lines]


def coloured_block(text: str, language: str) -> Markup:
    """Return a block of a README, whose author named the language."""
    return _coloured(text, "", language)


@lru_cache(maxsize=512)
def _coloured(text: str, name: str, language: str) -> Markup:
    lexer = _lexer(name, language) if len(text) <= LONGEST else None
    if lexer is None:
        return Markup.escape(text)
    # Pygments escapes what it marks.
    return Markup(highlight(text, lexer, HtmlFormatter(nowrap=True)))  # noqa: S704


def _lexer(name: str, language: str) -> Lexer | None:
    try:
        if language:
            return get_lexer_by_name(language, stripnl=False, ensurenl=False)
        return get_lexer_for_filename(name.removeprefix("*."), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
