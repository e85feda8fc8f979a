"""Standard questions: what every project is asked although no template declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from thinkube_catalog.domain.naming import name_problems
from thinkube_catalog.domain.questions import Question

PROJECT_NAME = "project_name"
STANDARD_NAMES = (PROJECT_NAME, "project_description", "author_name", "author_email")

_QUESTIONS = (
    Question(
        PROJECT_NAME,
        "str",
        help="Name of the project, and of its deployment",
        placeholder="legal-qa",
        required=True,
    ),
    Question("project_description", "str", help="What it is for, in a sentence"),
    Question("author_name", "str", help="Who makes it", default=""),
    Question("author_email", "str", help="Where to reach who makes it", default=""),
)


def standard_questions(
    names: tuple[str, ...],
    raw: Mapping[str, object],
    template: str,
) -> tuple[Question, ...]:
    """Return the standard questions of these names as they stand for the raw answers."""
    name = raw.get(PROJECT_NAME)
    described = f"{name}, made from {template}" if name else f"Made from {template}"
    asked = [replace(each, group="project") for each in _QUESTIONS if each.name in names]
    return tuple(
        _answered(replace(each, default=described) if each.default is None else each, raw)
        if each.name != PROJECT_NAME
        else _named(each, raw)
        for each in asked
    )


def _named(question: Question, raw: Mapping[str, object]) -> Question:
    given = raw.get(question.name)
    if given is None or given == "":
        return replace(question, value="", error="it needs an answer")
    problems = name_problems(str(given))
    error = "; ".join(str(replace(problem, field="")) for problem in problems)
    return replace(question, value=str(given), answered=True, error=error)


def _answered(question: Question, raw: Mapping[str, object]) -> Question:
    given = raw.get(question.name)
    if given is None or given == "":
        return replace(question, value=question.default)
    if not isinstance(given, str):
        return replace(question, value=given, answered=True, error="it is not a text")
    return replace(question, value=given, answered=True)
