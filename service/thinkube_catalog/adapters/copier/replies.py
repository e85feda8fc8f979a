"""From what a contained child says to the domain's words. Nothing in it is taken on trust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.errors import Problem, RenderError
from thinkube_catalog.domain.questions import Choice, Form, Question
from thinkube_catalog.domain.vetting import printable


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Problem(_Said):
    message: str
    file: str = ""
    line: int | None = None
    field: str = ""
    mend: str = ""

    def problem(self) -> Problem:
        lines = [printable(line) for line in self.message.splitlines()]
        return Problem(
            "\n".join(lines) or "no reason given",
            printable(self.file),
            self.line,
            printable(self.field),
            printable(self.mend),
        )


class _Choice(_Said):
    value: Any
    label: str
    disabled: str


class _Question(_Said):
    name: str
    type: str
    help: str
    value: Any
    default: Any
    answered: bool
    required: bool
    choices: list[_Choice] | None
    multiselect: bool
    multiline: bool
    placeholder: str
    secret: bool
    group: str
    dynamic_source: str
    filter: dict[str, Any]
    error: str

    def question(self) -> Question:
        choices = self.choices and tuple(Choice(c.value, c.label, c.disabled) for c in self.choices)
        said = {name: getattr(self, name) for name in type(self).model_fields}
        return Question(**{**said, "choices": choices})


class _Reply(_Said):
    faults: list[_Problem] = []
    asked_by: str = ""
    questions: list[_Question] = []
    problems: list[_Problem] = []
    dropped: list[str] = []
    done: bool = False


def raise_faults(release: Release, reply: Mapping[str, object]) -> None:
    """Raise RenderError when the reply says that the template is at fault, or is no reply."""
    said = _read(reply)
    if said.faults:
        subject = f"{release.location} {release.version}".strip()
        raise RenderError(
            f"{subject} cannot be rendered", [fault.problem() for fault in said.faults]
        )


def form_of(reply: Mapping[str, object]) -> Form:
    said = _read(reply)
    return Form(
        tuple(question.question() for question in said.questions),
        tuple(said.dropped),
        tuple(problem.problem() for problem in said.problems),
        said.asked_by,
    )


def _read(reply: Mapping[str, object]) -> _Reply:
    try:
        return _Reply.model_validate(reply)
    except ValidationError:
        return _Reply(faults=[_Problem(message="its renderer gave an answer that makes no sense")])
