"""A renderer of templates that are given as values: for tests and dry runs.

Its notation is `{{ name }}` and nothing else, in paths and contents alike; `_src_path` and
`_commit` are known as they are to Copier. It asks, checks, drops and refuses as every `Renderer`
does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.errors import Problem, RenderError
from thinkube_catalog.domain.questions import Answers, Form, Question
from thinkube_catalog.domain.rendering import NO_VARIABLES, File, FileTree
from thinkube_catalog.domain.vetting import path_problems

_PLACEHOLDER = re.compile(r"{{ *([A-Za-z_][A-Za-z0-9_]*) *}}")
_TRUE = frozenset(["y", "yes", "t", "true", "on", "1"])
_FALSE = frozenset(["n", "no", "f", "false", "off", "0", ""])


@dataclass(frozen=True)
class MemoryTemplate:
    """Questions with their defaults, and files by path. `fault` makes every render fail with it."""

    questions: tuple[Question, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()
    fault: str = ""


class MemoryRenderer:
    """Keeps the promises of `Renderer` for templates by location, or by `location@version`."""

    def __init__(self, templates: Mapping[str, MemoryTemplate]) -> None:
        self._templates = dict(templates)

    def evaluate(self, release: Release, raw: Mapping[str, object]) -> Form:
        """See `Renderer.evaluate`."""
        template = self._template(release)
        questions = tuple(_answered(question, raw) for question in template.questions)
        names = {question.name for question in questions}
        return Form(
            questions,
            dropped=tuple(name for name in raw if name not in names),
            problems=tuple(Problem(q.error, field=q.name) for q in questions if q.error),
            asked_by="copier.yml" if questions else "",
        )

    def render(
        self,
        release: Release,
        answers: Answers,
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> FileTree:
        """See `Renderer.render`."""
        template = self._template(release)
        checked = self.evaluate(release, answers).answers()
        values: Mapping[str, object] = checked if template.questions else variables
        known = {"_src_path": release.location, "_commit": release.version}
        files = dict(_rendered(template, {**values, **known}))
        if problems := path_problems(files):
            raise RenderError(f"{release.location} is not safe", problems)
        return FileTree(files)

    def _template(self, release: Release) -> MemoryTemplate:
        exactly = f"{release.location}@{release.version}"
        template = self._templates.get(exactly, self._templates.get(release.location))
        if template is None:
            problem = Problem("there is no such template in memory")
            raise RenderError(f"{release.location} cannot be rendered", [problem])
        if template.fault:
            problem = Problem(template.fault)
            raise RenderError(f"{release.location} cannot be rendered", [problem])
        return template


def _answered(question: Question, raw: Mapping[str, object]) -> Question:
    given = raw.get(question.name)
    blank = given == "" and question.type in {"int", "float"}
    if question.name not in raw or blank:
        missing = question.default is None
        error = "it needs an answer" if missing else ""
        return replace(question, value=question.default, error=error, required=missing)
    try:
        value = _PARSE[question.type](given)
    except ValueError:
        error = f"{given!r} is not a usable {question.type}"
        return replace(question, value=given, answered=True, error=error)
    offered = [choice.value for choice in question.choices or ()]
    error = f"{value!r} is not one of: {offered}" if offered and value not in offered else ""
    return replace(question, value=value, answered=True, error=error)


def _boolean(given: object) -> bool:
    text = str(given).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(text)
    return text in _TRUE


_PARSE: Mapping[str, Callable[[object], object]] = {
    "str": str,
    "path": str,
    "int": lambda given: int(str(given)),
    "float": lambda given: float(str(given)),
    "bool": _boolean,
}


def _rendered(template: MemoryTemplate, values: Mapping[str, object]) -> Iterator[tuple[str, File]]:
    def fill(text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], "")), text)

    for path, text in template.files.items():
        yield fill(path), File(fill(text).encode(), executable=path in template.executable)
