"""The check that `copier.yml` and the manifest's parameters ask the same.

Copier reads the one, Thinkube's own control plane the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from thinkube_catalog.domain.documents import shown
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.manifest.jinja_text import is_template
from thinkube_catalog.domain.manifest.reading import RESERVED_PARAMETERS
from thinkube_catalog.domain.manifest.values import Parameter, TemplateManifest

_AS_TEXT = frozenset(["str", "float", "json", "yaml", "path"])  # Thinkube has no words for most


def mirror_problems(
    manifest: TemplateManifest,
    copier_questions: Mapping[str, object],
    file: str = "manifest.yaml",
) -> list[Problem]:
    """Say where parameters and the questions of `copier.yml` differ; empty when they agree.

    `copier_questions` is the content of `copier.yml`: settings (`_...`), standard and computed
    questions (`when: false`) are passed over. Values that are Jinja templates are not compared.
    """
    asked = {name: _details(value) for name, value in copier_questions.items() if _counts(name)}
    asked = {name: details for name, details in asked.items() if details.get("when") is not False}
    declared = {parameter.name: parameter for parameter in manifest.parameters}
    problems = [
        Problem(
            f"copier.yml asks {name}, and parameters does not declare it",
            file,
            field="parameters",
            mend=f"add an entry with  name: {name}",
        )
        for name in asked
        if name not in declared
    ]
    for place, parameter in enumerate(manifest.parameters):
        field = f"parameters[{place}]"
        if parameter.name in asked:
            problems += _differences(parameter, asked[parameter.name], file, field)
        else:
            message = f"parameters declares {parameter.name}, and copier.yml does not ask it"
            problems.append(Problem(message, file, field=field, mend="remove it, or ask it there"))
    return problems


def _counts(name: str) -> bool:
    return not name.startswith("_") and name not in RESERVED_PARAMETERS


def _details(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {"default": value}


def _differences(
    parameter: Parameter, question: Mapping[str, object], file: str, field: str
) -> Iterator[Problem]:
    for name, here, there in _compared(parameter, question):
        if here != there:
            message = f"{parameter.name} has {name} {_said(here)} here and {_said(there)} there"
            mend = "copier.yml is what counts; change this one"
            yield Problem(message, file, field=f"{field}.{name}", mend=mend)


def _compared(
    parameter: Parameter, question: Mapping[str, object]
) -> Iterator[tuple[str, object, object]]:
    yield "type", parameter.type, _type(question)
    default = question.get("default")
    if not is_template(default):
        yield "default", parameter.default, _default(default, parameter.type)
    choices = question.get("choices")
    if not isinstance(choices, str):
        yield "choices", list(parameter.choices), _choices(choices)
    source = question.get("dynamic_source") or ""
    yield "dynamic_source", parameter.dynamic_source, source


def _type(question: Mapping[str, object]) -> str:
    if question.get("choices") or question.get("dynamic_source"):
        return "choice"
    stated = question.get("type") or type(question.get("default")).__name__
    return "str" if stated in _AS_TEXT or stated == "NoneType" else str(stated)


def _default(default: object, type_: str) -> object:
    if default is None or type_ in {"int", "bool"}:
        return default
    return default if isinstance(default, str) else str(default)


def _choices(choices: object) -> list[str]:
    if isinstance(choices, Mapping):
        return [_choice_value(value) for value in choices.values()]
    if not isinstance(choices, Sequence):
        return []
    pairs = (each[1] if isinstance(each, list | tuple) else each for each in choices)
    return [_choice_value(value) for value in pairs]


def _choice_value(value: object) -> str:
    return str(value.get("value")) if isinstance(value, Mapping) else str(value)


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    return shown(value)
