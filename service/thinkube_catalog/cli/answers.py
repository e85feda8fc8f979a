"""Raw answers from the command line: `-d key=value`, a file, or asked at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml
from rich.markup import escape
from rich.prompt import Prompt

from thinkube_catalog.cli.output import err
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.questions import Form, Question

Evaluate = Callable[[Mapping[str, object]], Form]


class ArgumentsInvalidError(InvalidError):
    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the arguments are not usable", problems)


def raw_answers(pairs: Sequence[str], file: Path | None) -> dict[str, object]:
    """Read answers; `-d` beats the file. Raises ArgumentsInvalidError with every problem."""
    problems: list[Problem] = []
    answers = _from_file(file, problems) if file else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            problems.append(Problem(f"{pair!r} is no answer", mend="write -d name=value"))
        answers[name] = value
    if problems:
        raise ArgumentsInvalidError(problems)
    return answers


def _from_file(file: Path, problems: list[Problem]) -> dict[str, object]:
    try:
        answers = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problems.append(Problem(str(error), file=str(file)))
        return {}
    if not isinstance(answers, dict):
        problems.append(Problem("holds no mapping of answers", file=str(file)))
        return {}
    return {str(name): value for name, value in answers.items() if not str(name).startswith("_")}


def ask_missing(raw: Mapping[str, object], evaluate: Evaluate, *, ask: bool) -> Form:
    """Evaluate the form; at a terminal, ask what is not answered yet, question by question."""
    answers = dict(raw)
    form = evaluate(answers)
    if not ask or not sys.stdin.isatty():
        return form
    asked: set[str] = set()
    while question := _next(form, asked):
        asked.add(question.name)
        answers[question.name] = _ask(question)
        form = evaluate(answers)
        if _error(form, question.name):
            err.print(f"[red]{escape(_error(form, question.name))}[/red]")
            asked.discard(question.name)
            del answers[question.name]
            form = evaluate(answers)
    return form


def _next(form: Form, asked: set[str]) -> Question | None:
    waiting = (each for each in form.questions if not each.answered and each.name not in asked)
    return next(waiting, None)


def _error(form: Form, name: str) -> str:
    return next((each.error for each in form.questions if each.name == name), "")


def _ask(question: Question) -> object:
    choices = [each for each in question.choices or () if not each.disabled]
    prompt = escape(question.help or question.name)
    if not choices:
        default = "" if question.default is None else str(question.default)
        return Prompt.ask(prompt, default=default, password=question.secret, console=err)
    for number, choice in enumerate(choices, 1):
        err.print(f"  [bold]{number}[/bold] {escape(choice.label)}")
    values = [each.value for each in choices]
    default = str(values.index(question.default) + 1) if question.default in values else "1"
    numbers = [str(number + 1) for number in range(len(values))]
    picked = Prompt.ask(prompt, choices=numbers, show_choices=False, default=default, console=err)
    return values[int(picked) - 1]
