"""What a YAML parser's complaint means, said to the person who wrote the file."""

from __future__ import annotations

import yaml

from thinkube_catalog.domain.errors import Problem

_INDENTATION = "use the same number of spaces for everything on one level"
_QUOTES = "put the value in quotes"

_MEANINGS = {
    # what the parser says -> (what is wrong, how to mend it)
    "mapping values are not allowed": (
        "a colon stands where none may be",
        f"put text that holds a colon in quotes, and {_INDENTATION}",
    ),
    "did not find expected key": ("the indentation does not fit", _INDENTATION),
    "did not find expected '-' indicator": ("the indentation does not fit", _INDENTATION),
    "expected <block end>": ("the indentation does not fit", _INDENTATION),
    "could not find expected ':'": (
        "a key without its colon, or text that is not indented far enough",
        "write  key: value, and indent the lines of a longer text",
    ),
    "found unexpected end of stream": ("a quote is opened and never closed", "close it"),
    "found unknown escape character": (
        'a backslash in "double quotes" starts an escape that does not exist',
        "use 'single quotes' for text with backslashes",
    ),
    "did not find expected ',' or": ("a bracket is opened and never closed", "close it"),
    "invalid Unicode character": ("an escape names a character that does not exist", ""),
}

_UNCLOSED = ("found unexpected end of stream", "did not find expected ',' or")


def explain(error: yaml.YAMLError | UnicodeEncodeError, text: str, file: str) -> Problem:
    """Turn a parser's error into a Problem with its line and a way to mend it."""
    if isinstance(error, UnicodeEncodeError):
        line = text.count("\n", 0, error.start) + 1
        return Problem("the text holds half a character (a lone surrogate)", file, line)
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _unreadable(error, text, file)
    said = str(getattr(error, "problem", "") or "")
    if any(unclosed in said for unclosed in _UNCLOSED):
        mark = getattr(error, "context_mark", None) or mark  # where it was opened
    line_text = _line_of(text, mark.line)
    message, mend = _meaning(said, line_text)
    return Problem(message, file, min(mark.line, text.count("\n")) + 1, mend=mend)


def _meaning(said: str, line: str) -> tuple[str, str]:
    if "cannot start any token" in said:
        return _stray_character(line)
    for known, meaning in _MEANINGS.items():
        if known in said:
            return meaning
    return (f"this is not YAML: {said}", _INDENTATION)


def _stray_character(line: str) -> tuple[str, str]:
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation:
        return ("the line is indented with a tab", "YAML wants spaces")
    if "{%" in line:
        return ("the file is no template: conditions have no place here", "write plain values")
    return ("a value starts with a character that has a meaning of its own", _QUOTES)


def _unreadable(error: yaml.YAMLError, text: str, file: str) -> Problem:
    position = getattr(error, "position", None)
    line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
    reason = getattr(error, "reason", "") or str(error)
    return Problem(f"the text cannot be read: {reason}", file, line, mend="save it as UTF-8")


def _line_of(text: str, number: int) -> str:
    lines = text.split("\n", number + 1)
    return lines[number] if number < len(lines) else ""
