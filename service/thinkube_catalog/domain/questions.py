"""What a template asks, and a person's way from raw answers to checked ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from thinkube_catalog.domain.errors import InvalidError, Problem


class Answers(Mapping[str, object]):
    """A complete, checked, frozen reply to a template's questions, in question order.

    Values are JSON-like: text, numbers, booleans, lists and mappings of them.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> object:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Answers({self._values!r})"


@dataclass(frozen=True)
class Choice:
    """One offered value. `disabled` gives the reason why it cannot be chosen now."""

    value: object
    label: str
    disabled: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One visible question as it stands for the answers given so far.

    `type` is Copier's: str, int, float, bool, json, yaml or path. `value` is the parsed answer, the
    raw one where it does not parse, or the default. `answered` tells an answer from a default.
    `error` is empty when the value is good. `dynamic_source` and `filter` name choices that come
    from a catalogue and not from the template.
    """

    name: str
    type: str
    help: str = ""
    value: object = None
    default: object = None
    answered: bool = False
    required: bool = False
    choices: tuple[Choice, ...] | None = None
    multiselect: bool = False
    multiline: bool = False
    placeholder: str = ""
    secret: bool = False
    group: str = "default"
    dynamic_source: str = ""
    filter: Mapping[str, object] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Form:
    """Every visible question's state and every error, for one set of raw answers.

    `dropped` names the raw answers that were not used because no visible question asks for them.
    `asked_by` is the file that asks: `copier.yml`, `manifest.yaml`, or empty when nothing does.
    """

    questions: tuple[Question, ...]
    dropped: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    asked_by: str = ""

    def answers(self) -> Answers:
        """Return the complete answers. Raises AnswersInvalidError with every problem."""
        if self.problems:
            raise AnswersInvalidError(self.problems)
        return Answers({question.name: question.value for question in self.questions})


class AnswersInvalidError(InvalidError):
    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("the answers are not complete and correct", problems)
