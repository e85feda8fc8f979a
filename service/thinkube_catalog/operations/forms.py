"""Forms: a template's questions as they stand for raw answers, ready for a page or a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.choices import MODEL_CATALOG, choices
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.models import Model
from thinkube_catalog.domain.questions import Choice, Form, Question
from thinkube_catalog.domain.standard import PROJECT_NAME, STANDARD_NAMES, standard_questions
from thinkube_catalog.operations.browse import locate
from thinkube_catalog.operations.platform import Platform

COPIER_ASKS = ("copier.yml", "copier.yaml")
_MOST_NAMED = 8


def evaluate(
    platform: Platform,
    template: str,
    raw: Mapping[str, object],
    ref: str = "",
) -> Form:
    """Evaluate every question of a template, and list every problem at once.

    `template` is a name of the catalog, a folder or a Git address. Raises TemplateNotFoundError,
    ReleaseNotFoundError, SourceUnavailableError, or RenderError when the template is at fault.
    """
    entry = locate(platform, template)
    release = platform.sources.resolve(entry.at(ref))
    return evaluate_release(platform, release, raw, entry.name)


def evaluate_release(
    platform: Platform,
    release: Release,
    raw: Mapping[str, object],
    template: str,
) -> Form:
    """Evaluate the questions of one release. Standard questions that it does not ask come first.

    A template that asks in `copier.yml` knows which of them it wants; only the project's name is
    wanted of all. Choices that come from the model catalogue are filled in.
    """
    form = platform.renderer.evaluate(release, raw)
    own = [question.name for question in form.questions]
    wanted = (PROJECT_NAME,) if form.asked_by in COPIER_ASKS else STANDARD_NAMES
    missing = tuple(name for name in wanted if name not in own)
    standard = standard_questions(missing, raw, template)
    questions = (*standard, *(_filled(platform, question) for question in form.questions))
    return Form(
        questions,
        dropped=tuple(name for name in form.dropped if name not in missing),
        problems=_problems(form, questions),
        asked_by=form.asked_by,
    )


def _problems(form: Form, questions: tuple[Question, ...]) -> tuple[Problem, ...]:
    said = {problem.field: problem for problem in form.problems}
    listed = [
        said.pop(question.name, Problem(question.error, field=question.name))
        for question in questions
        if question.error
    ]
    return (*listed, *said.values())


def _filled(platform: Platform, question: Question) -> Question:
    if question.dynamic_source != MODEL_CATALOG:
        return question
    models = platform.catalogs.load().models
    offered = _offered(question, models)
    error = question.error or _not_offered(question, offered)
    return replace(question, choices=offered, error=error)


def _offered(question: Question, models: tuple[Model, ...]) -> tuple[Choice, ...]:
    found = choices(models, question.filter)
    if question.choices is not None:  # the template names them; the catalogue knows more of them
        known = {choice.value: choice for choice in found}
        return tuple(
            replace(choice, details=known[choice.value].details)
            if choice.value in known
            else choice
            for choice in question.choices
        )
    default = question.default
    if default in {None, ""} or any(choice.value == default for choice in found):
        return found
    return (Choice(default, f"{default} (not in the catalogue)"), *found)


def _not_offered(question: Question, offered: tuple[Choice, ...]) -> str:
    values = [choice.value for choice in offered]
    if not question.answered or question.value in {"", *values}:
        return ""
    if not values:
        return "the model catalogue has no model for it"
    more = ", ..." if len(values) > _MOST_NAMED else ""
    named = ", ".join(str(value) for value in values[:_MOST_NAMED])
    return f"{question.value!r} is not one of: {named}{more}"
