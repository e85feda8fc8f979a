"""A template's questions, walked in order with Copier's own rules, to the end.

Copier stops at the first bad answer; a form wants every question's state and every problem. So this
walks as `Worker._ask` does with `defaults=True` and given answers, and differs in this alone: it
goes on after a bad answer (which stays in the context, or dependants would complain as well), it
drops answers to questions that are not visible (computed ones cannot be overridden), and it bounds
structured answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from copier._jinja_ext import UnsetError
from copier._main import Worker
from copier._types import MISSING
from copier._user_data import AnswersMap, Question
from copier.errors import PathError, UserMessageError
from jinja2 import StrictUndefined

from thinkube_catalog.adapters.copier.complaints import complaint
from thinkube_catalog.adapters.copier.faults import Fault, fault_of
from thinkube_catalog.adapters.copier.texts import (
    noted,
    parsed_as_noted,
    plain,
    text_problem,
    value_problem,
)

_DETAILS: Final = frozenset(
    [
        "choices",
        "multiselect",
        "default",
        "help",
        "multiline",
        "placeholder",
        "secret",
        "type",
        "validator",
        "when",
        "ask",
    ],
)
_STRUCTURED: Final = frozenset(["json", "yaml"])
_BLANK_IS_NO_ANSWER: Final = frozenset(["int", "float", "json"])
_YES_OR_NO: Final = frozenset(
    ["y", "yes", "t", "true", "on", "n", "no", "f", "false", "off", "~", "null", "none", ""],
)


@dataclass
class Reply:
    """What came of one walk; all of it is plain JSON. `dropped` are names of unused answers."""

    questions: list[dict[str, object]] = field(default_factory=list)
    problems: list[dict[str, object]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def walk(
    worker: Worker,
    raw: Mapping[str, Any],
    *,
    typed: bool,
    describe: bool,
) -> Reply:
    """Ask every question and leave the answers in `worker.answers`, ready to render.

    `typed` says that `raw` holds checked values, where text for a json or yaml question is a value
    and no notation.
    Raises Fault when a question itself cannot be evaluated.
    """
    # A sandboxed template can change lists and mappings that it is handed; the next walk starts
    # from what the file says.
    asking = _Asking(worker, deepcopy(worker.template.questions_data), typed, describe)
    return asking.all(raw)


@dataclass
class _Asking:
    worker: Worker
    details: dict[str, dict[str, Any]]
    typed: bool
    describe: bool
    reply: Reply = field(default_factory=Reply)

    def all(self, raw: Mapping[str, Any]) -> Reply:
        self.reply.dropped += [name for name in raw if name not in self.details]
        worker = self.worker
        worker.data = {name: value for name, value in raw.items() if name in self.details}
        worker.answers = AnswersMap(
            init=worker.data,
            metadata=worker.template.metadata,
            external=worker._external_data(),
        )
        for name in self.details:
            self._ask(name)
        worker.answers.external = worker._external_data()
        return self.reply

    def _ask(self, name: str) -> None:
        try:
            question = self._question(name)
            if question.get_when():
                self._ask_visible(name, question)
            else:
                self._compute(name, question)
        except Exception as error:
            if self._is_a_consequence(error):
                return
            raise self._fault(name, error) from error

    def _question(self, name: str) -> Question:
        details = {key: value for key, value in self.details[name].items() if key in _DETAILS}
        return Question(
            answers=self.worker.answers,
            context=self.worker._render_context(),
            jinja_env=self.worker.jinja_env,
            settings=self.worker.settings,
            var_name=name,
            **details,
        )

    def _compute(self, name: str, question: Question) -> None:
        self.worker.answers.hide(name)
        if name in self.worker.answers.init:
            del self.worker.answers.init[name]
            self.reply.dropped.append(name)
            question = self._question(name)
        default = _default(question)
        if default is not MISSING:
            self.worker.answers.user[name] = default

    def _ask_visible(self, name: str, question: Question) -> None:
        type_name = question.get_type_name()
        answers = self.worker.answers
        # Formatted before any answer is parsed: a fault in them is the template's.
        offered = question._formatted_choices
        if name in answers.init and _is_blank(answers.init[name], question, type_name):
            del answers.init[name]
            question = self._question(name)
        answered = name in answers.init
        if answered:
            value, error = self._parse(question, type_name, answers.init[name])
        elif question.get_ask() or self.details[name].get("default", MISSING) is not MISSING:
            value, error = self._fall_back(question, type_name)
            if self.reply.problems and _is_computed(question.default):
                error = ""  # it may be wrong only because of what is reported already
        else:
            return
        if error:
            self.reply.problems.append({"message": error, "field": name})
        answers.user[name] = value
        if self.describe and (answered or question.get_ask()):
            state = self._describe(question, type_name, offered)
            shown = value if error else _carried(value, question, type_name)
            state |= {"value": plain(shown), "answered": answered, "error": error}
            self.reply.questions.append(state)

    def _parse(self, question: Question, type_name: str, raw: Any) -> tuple[Any, str]:  # noqa: ANN401 - an answer is anything
        if question.multiselect and raw == "":
            raw = []
        if self.typed and type_name in _STRUCTURED:
            raw = _notation(raw, question)
        for text in raw if isinstance(raw, list) else [raw]:
            if isinstance(text, str) and (problem := text_problem(text, type_name)):
                return "", problem
        if problem := value_problem(raw):
            return None, problem
        if type_name == "bool" and isinstance(raw, str) and raw.strip().lower() not in _YES_OR_NO:
            try:
                float(raw)
            except ValueError:
                return raw, complaint(question, type_name, raw, ValueError())
        return self._checked(question, type_name, raw, lambda: question.parse_answer(raw))

    def _fall_back(self, question: Question, type_name: str) -> tuple[Any, str]:
        shown = question.default
        try:
            default = _default(question)
        except (ValueError, TypeError, RecursionError) as error:
            if isinstance(error, PathError):  # no matter of this answer
                raise
            return shown, complaint(question, type_name, shown, error)
        if default is MISSING:
            return _blank(question, type_name), "it needs an answer"
        if question.secret:  # as Copier: a secret's default is a stand-in
            return default, ""
        return self._checked(question, type_name, default, lambda: default)

    def _checked(self, question: Question, type_name: str, raw: Any, parse: Any) -> tuple[Any, str]:  # noqa: ANN401
        try:
            value = parse()
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            return raw, complaint(question, type_name, raw, error)
        if problem := value_problem(value):
            return None, problem
        try:
            question.validate_answer(value)
        except ValueError as error:
            return value, complaint(question, "", raw, error)
        return value, ""

    def _describe(
        self,
        question: Question,
        type_name: str,
        offered: Any,  # noqa: ANN401 - Copier's choices
    ) -> dict[str, object]:
        details = self.details[question.var_name]
        multiline = details.get("multiline")
        long = type_name in _STRUCTURED
        default, required = self._default_shown(question)
        return {
            "name": question.var_name,
            "type": type_name,
            "help": str(question.render_value(question.help) or "").strip(),
            "default": plain(default),
            "required": required,
            "choices": [_choice(question, choice) for choice in offered] or None,
            "multiselect": question.multiselect,
            "multiline": question.get_multiline() or (multiline is None and long),
            "placeholder": str(question.get_placeholder() or ""),
            "secret": question.secret,
            "group": str(details.get("group") or "default"),
            "dynamic_source": str(details.get("dynamic_source") or ""),
            "filter": plain(details.get("filter") or {}),
        }

    def _default_shown(self, question: Question) -> tuple[Any, bool]:
        try:
            default = _default(question)
            if default is MISSING:
                return None, True
            if not question.secret:
                question.validate_answer(default)
        except (ValueError, TypeError, UserMessageError):
            return None, True
        return default, False

    def _is_a_consequence(self, error: Exception) -> bool:
        """Tell whether a bad answer, already reported, explains why a question fails."""
        exhausted = isinstance(error, MemoryError | RecursionError)
        return bool(self.reply.problems) and not exhausted

    def _fault(self, name: str, error: Exception) -> Fault:
        fault = fault_of(error, self.worker.template.local_abspath)
        return Fault(fault.message, fault.file or "copier.yml", fault.line, name)


def _default(question: Question) -> Any:  # noqa: ANN401 - a default is anything
    try:
        unset = StrictUndefined("UNSET", exc=UnsetError)
        rendered = question.render_value(question.default, {"UNSET": unset})
    except UnsetError:
        return MISSING
    return MISSING if rendered is MISSING else question.parse_answer(rendered)


def _is_computed(default: object) -> bool:
    return isinstance(default, str) and "{" in default


def _is_blank(raw: object, question: Question, type_name: str) -> bool:
    """Tell whether a form left the field empty, where empty text cannot be an answer."""
    if not isinstance(raw, str) or raw.strip() or question.multiselect:
        return False
    if question._formatted_choices:
        return all(choice.value != raw for choice in question._formatted_choices)
    return type_name in _BLANK_IS_NO_ANSWER


def _blank(question: Question, type_name: str) -> object:
    if question.multiselect:
        return []
    return {"str": "", "path": "", "bool": False, "int": 0, "float": 0.0}.get(type_name)


def _carried(value: Any, question: Question, type_name: str) -> Any:  # noqa: ANN401 - as above
    if type_name != "yaml":
        return value
    if question.multiselect and isinstance(value, list):
        return [noted(item) for item in value]
    return noted(value)


def _notation(value: Any, question: Question) -> Any:  # noqa: ANN401 - an answer is anything
    """Write a checked text so that Copier, which parses every text, reads that very text."""
    if question.multiselect and isinstance(value, list):
        return [_notated(item) for item in value]
    return _notated(value)


def _notated(value: Any) -> Any:  # noqa: ANN401 - an answer is anything
    return parsed_as_noted(value) if isinstance(value, str) else value


def _choice(question: Question, choice: Any) -> dict[str, object]:  # noqa: ANN401 - questionary's Choice
    return {
        "value": plain(noted(question.cast_answer(choice.value))),
        "label": str(choice.title),
        "disabled": str(choice.disabled or ""),
    }
