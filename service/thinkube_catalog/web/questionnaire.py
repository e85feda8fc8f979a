"""The form of a template: between questions as they stand and the fields that a browser shows.

`a.NAME` is an answer, `d.NAME` the default that stood in its field: a field that still holds it was
not answered, so that defaults go on following other answers. `m.NAME` marks a field that may send
several values or none. `k.NAME` keeps, as JSON, the answer to a question that is not asked now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thinkube_catalog.domain.choices import MODEL_CATALOG
from thinkube_catalog.domain.questions import Choice, Form, Question
from thinkube_catalog.web.fields import Fields

FEW = 5
"""Up to so many choices are shown side by side."""


@dataclass(frozen=True)
class Fit:
    """How much GPU memory a model needs, beside the largest GPU that is configured (0: none is)."""

    need_gib: float
    largest_gib: float

    @property
    def fits(self) -> bool:
        return self.need_gib <= self.largest_gib


@dataclass(frozen=True)
class ChoiceField:
    """One choice: the text that stands for its value, and for models what they need."""

    text: str
    label: str
    chosen: bool
    disabled: str
    details: Mapping[str, object]
    fit: Fit | None


@dataclass(frozen=True)
class QuestionField:
    """One question as a browser shows it. `kind` names the partial that draws it."""

    question: Question
    kind: str
    text: str
    default: str
    choices: tuple[ChoiceField, ...]
    error: str

    @property
    def name(self) -> str:
        return self.question.name


def raw_answers(fields: Fields) -> dict[str, object]:
    """Return the answers that a form holds, without those that are only defaults."""
    raw: dict[str, object] = {
        name: kept
        for name, values in fields.below("k.").items()
        if (kept := _kept(values[-1])) is not None
    }
    defaults = fields.below("d.")
    several = fields.below("m.")
    for name, values in fields.below("a.").items():
        if name not in several:
            _answer(raw, name, values[-1], defaults)
    for name in several:
        chosen = fields.all(f"a.{name}")
        if json.dumps(chosen) != defaults.get(name, [""])[-1]:
            raw[name] = chosen
    return raw


def question_fields(
    form: Form, raw: Mapping[str, object], gpus: Sequence[float], *, all_errors: bool
) -> tuple[QuestionField, ...]:
    """Return every visible question as a field. Errors of what nobody has answered can wait."""
    said = {problem.field: problem.message for problem in form.problems}
    return tuple(
        _field(
            each, raw, gpus, said.get(each.name, each.error) if all_errors or each.answered else ""
        )
        for each in form.questions
    )


def kept_answers(form: Form, raw: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return the answers that no visible question asks for now, as they are kept."""
    return tuple((name, json.dumps(raw[name])) for name in form.dropped if name in raw)


def text_of(value: object) -> str:
    """Return the text that a field shows for a value; structures as JSON, which is YAML too."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _answer(
    raw: dict[str, object], name: str, text: str, defaults: Mapping[str, list[str]]
) -> None:
    if name in defaults and text == defaults[name][-1]:
        raw.pop(name, None)
    else:
        raw[name] = text


def _kept(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _field(
    question: Question, raw: Mapping[str, object], gpus: Sequence[float], error: str
) -> QuestionField:
    given = raw.get(question.name)
    text = given if isinstance(given, str) and question.answered else text_of(question.value)
    default = text_of(question.default)
    if question.multiselect:
        default = json.dumps([text_of(each) for each in _items(question.default)])
    return QuestionField(
        question=question,
        kind=_kind(question),
        text=text,
        default=default,
        choices=tuple(_choice(each, question, text, gpus) for each in question.choices or ()),
        error=error,
    )


def _kind(question: Question) -> str:
    if question.secret:
        return "secret"
    if question.choices is not None:
        return _choice_kind(question, len(question.choices))
    if question.multiline or question.type in {"json", "yaml"}:
        return "area"
    return {"bool": "switch", "int": "number", "float": "number"}.get(question.type, "text")


def _choice_kind(question: Question, count: int) -> str:
    if question.multiselect:
        return "several"
    if question.dynamic_source == MODEL_CATALOG:
        return "model"
    return "radio" if count <= FEW else "select"


def _choice(choice: Choice, question: Question, text: str, gpus: Sequence[float]) -> ChoiceField:
    value = text_of(choice.value)
    if question.multiselect:
        chosen = value in [text_of(each) for each in _items(question.value)]
    else:
        chosen = choice.value == question.value or value == text
    need = choice.details.get("memory_gib")
    fit = Fit(float(need), max(gpus, default=0.0)) if isinstance(need, int | float) else None
    return ChoiceField(value, choice.label, chosen, choice.disabled, choice.details, fit)


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
