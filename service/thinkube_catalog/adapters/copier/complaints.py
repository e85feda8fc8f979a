"""What is wrong with an answer, in a sentence for the person who gave it."""

from __future__ import annotations

from typing import Final

from copier._user_data import Question

_WANTED: Final = {
    "int": "is not a whole number",
    "float": "is not a number",
    "bool": "is neither yes nor no",
    "json": "is not valid JSON",
    "yaml": "is not valid YAML",
    "str": "is not a text",
    "path": "is not a path",
}
_LONGEST = 80
_MOST_CHOICES = 12


def complaint(question: Question, type_name: str, raw: object, error: BaseException) -> str:
    """Phrase why `raw` is refused. A secret's value is never repeated.

    An empty `type_name` says that the answer parsed and the template's own validator refused it.
    """
    said = str(error).removeprefix(f"Validation error for question '{question.var_name}': ")
    if not type_name:
        return _kept_secret(question, raw, said)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if question._formatted_choices:
        return _not_offered(question, raw)
    shown = "it" if question.secret else _shown(raw)
    because = f": {said.splitlines()[0]}" if type_name in {"json", "yaml"} and said else ""
    return f"{shown} {_WANTED[type_name]}" + ("" if question.secret else because)


def _not_offered(question: Question, raw: object) -> str:
    usable = []
    for choice in question._formatted_choices:
        if not choice.disabled:
            usable.append(str(choice.title))
        elif str(choice.value) == str(raw):
            return str(choice.disabled)
    if question.multiselect and not isinstance(raw, list | str):
        return "it is not a list"
    if not usable:
        return "there is nothing to choose from"
    more = ", ..." if len(usable) > _MOST_CHOICES else ""
    return f"{_shown(raw)} is not one of: {', '.join(usable[:_MOST_CHOICES])}{more}"


def _kept_secret(question: Question, raw: object, said: str) -> str:
    return said.replace(str(raw), "…") if question.secret and str(raw) else said


def _shown(raw: object) -> str:
    text = repr(raw)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
