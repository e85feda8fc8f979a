"""From whatever Copier, Jinja, YAML or the system raises to a sentence, a file and a line."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from traceback import walk_tb

import jinja2
import yaml
from copier.errors import ForbiddenPathError, InvalidConfigFileError

from thinkube_catalog.domain.errors import Problem

_LONGEST = 600


class Fault(Exception):  # noqa: N818 - it is about a template, not about this program
    """The template is at fault."""

    def __init__(
        self, message: str, file: str = "", line: int | None = None, field: str = ""
    ) -> None:
        super().__init__(message)
        self.message, self.file, self.line, self.field = message, file, line, field

    def records(self) -> list[dict[str, object]]:
        return [
            {
                "message": self.message[:_LONGEST],
                "file": self.file,
                "line": self.line,
                "field": self.field,
            }
        ]


class ManifestFault(Fault):
    """The manifest's parameters cannot be asked; it lists everything wrong."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__("manifest.yaml is not valid")
        self._problems = tuple(problems)

    def records(self) -> list[dict[str, object]]:
        return [asdict(problem) for problem in self._problems]


class InvalidAnswersError(Exception):
    """The answers do not fit; `problems` are records with `message`, `field` and `mend`."""

    def __init__(self, problems: list[dict[str, object]]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


def fault_of(error: BaseException, template: Path, field: str = "") -> Fault:
    """Say what went wrong in the template's own terms, as precisely as the error knows."""
    cause = _root(error)
    file, line = _place(cause, template)
    if not file:
        file, line = _place(error, template)
    return Fault(_sentence(error, cause, template), file, line, field)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _place(error: BaseException, template: Path) -> tuple[str, int | None]:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return _relative(str(error.problem_mark.name), template), error.problem_mark.line + 1
    if isinstance(error, jinja2.TemplateSyntaxError) and error.filename:
        return _relative(error.filename, template), error.lineno
    place: tuple[str, int | None] = ("", None)
    for frame, line in walk_tb(error.__traceback__):
        name = _relative(frame.f_code.co_filename, template)
        if name:
            place = (name, line)  # the innermost template wins
    if not place[0] and isinstance(error, OSError) and isinstance(error.filename, str):
        place = (_relative(error.filename, template), None)
    return place


def _relative(name: str, template: Path) -> str:
    try:
        return Path(name).relative_to(template).as_posix()
    except ValueError:
        return ""


_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (MemoryError, "it needs more memory than a render may use"),
    (RecursionError, "it calls or includes itself without end"),
    (UnicodeDecodeError, "its name ends in the template suffix, but it is not UTF-8 text"),
    (InvalidConfigFileError, "its copier.yml is not valid YAML"),
    (AssertionError, "a path is absolute where a relative one is needed"),
)
_SYSTEM = {
    errno.EFBIG: "it makes a file larger than a render may write",
    errno.ENAMETOOLONG: "it makes a name that is too long",
}


def _sentence(error: BaseException, cause: BaseException, template: Path) -> str:
    for kind, sentence in _SENTENCES:
        if isinstance(cause, kind):
            return sentence
    text = _said(cause) or str(error) or type(cause).__name__
    return text.replace(f"{template}/", "").replace(str(template), "the template").strip()


def _said(cause: BaseException) -> str:
    match cause:
        case OSError() if cause.errno in _SYSTEM:
            return _SYSTEM[cause.errno]
        case ForbiddenPathError():
            first = str(cause).splitlines()[0]
            return f"{first}: a path leads out of the template or of the project"
        case yaml.MarkedYAMLError():
            return f"not valid YAML: {cause.problem or cause.context}"
        case jinja2.TemplateNotFound():
            return f"there is no file {cause} to include"
        case _:
            return str(cause)
