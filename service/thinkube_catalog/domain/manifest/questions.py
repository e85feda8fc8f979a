"""From Thinkube's parameters to Copier's questions, so that one engine asks both.

Thinkube checks an answer as section 2.1 of its format says: a pattern is searched for, lengths
and bounds are inclusive, a parameter is required unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from thinkube_catalog.domain.manifest.jinja_text import literal, verbatim
from thinkube_catalog.domain.manifest.values import Parameter

NOTHING_CHOSEN = "(none)"


def questions_from_parameters(parameters: Sequence[Parameter]) -> dict[str, dict[str, object]]:
    """Return question definitions by name, as `copier.yml` would hold them, in display order.

    Keys that Copier does not know carry what a form shows: `group`, `required`, `dynamic_source`
    and `filter`. Choices from a dynamic source are left for the caller to fill in.
    """
    groups = ["default", *dict.fromkeys(each.group for each in parameters)]
    ordered = sorted(parameters, key=lambda each: (groups.index(each.group), each.order))
    return {parameter.name: _question(parameter) for parameter in ordered}


def _question(parameter: Parameter) -> dict[str, object]:
    question: dict[str, object] = {"type": _COPIER_TYPES[parameter.type]}
    if parameter.description:
        question["help"] = verbatim(parameter.description)
    if parameter.placeholder:
        question["placeholder"] = verbatim(parameter.placeholder)
    question |= _default(parameter)
    question |= _choices(parameter)
    validator = _validator(parameter)
    if validator:
        question["validator"] = validator
    question["required"] = parameter.required
    if parameter.group != "default":
        question["group"] = parameter.group
    if parameter.dynamic_source:
        question["dynamic_source"] = parameter.dynamic_source
        question["filter"] = dict(parameter.filter)
    return question


_COPIER_TYPES = {"str": "str", "choice": "str", "int": "int", "bool": "bool"}


def _default(parameter: Parameter) -> dict[str, object]:
    default = parameter.default
    if isinstance(default, str):
        return {"default": verbatim(default)}
    if default is not None:
        return {"default": default}
    if parameter.type == "bool":
        return {"default": False}
    if parameter.type != "int" and not parameter.required:
        return {"default": ""}
    return {}


def _choices(parameter: Parameter) -> dict[str, object]:
    choices = list(parameter.choices)
    if parameter.type != "choice" or not choices:
        return {}
    default = parameter.default
    if isinstance(default, str) and default not in choices:
        choices.append(default)  # Thinkube takes it; only its list is incomplete
    offered = [[verbatim(choice), verbatim(choice)] for choice in choices]
    if default is None and not parameter.required:
        offered.insert(0, [NOTHING_CHOSEN, ""])
    return {"choices": offered}


def _validator(parameter: Parameter) -> str:
    rules = list(_text_rules(parameter) if parameter.type != "int" else _number_rules(parameter))
    if not rules or parameter.type == "bool":
        return ""
    branches = "{% elif ".join(f"{condition} %}}{message}" for condition, message in rules)
    return f"{{% if {branches}{{% endif %}}"


def _text_rules(parameter: Parameter) -> Iterator[tuple[str, str]]:
    name = parameter.name
    given = f"{name} and " if not parameter.required else ""
    if parameter.required:
        yield f"not {name} | trim", "please give an answer"
    if parameter.type != "str":
        return
    if parameter.min_length is not None:
        yield f"{given}{name} | length < {parameter.min_length}", _at_least(parameter.min_length)
    if parameter.max_length is not None:
        message = f"use at most {parameter.max_length} characters"
        yield f"{name} | length > {parameter.max_length}", message
    if parameter.pattern:
        pattern = literal(parameter.pattern)
        message = f"{{{{ {literal(_pattern_message(parameter))} }}}}"
        yield f"{given}({name} | regex_search({pattern})) is none", message


def _at_least(length: int) -> str:
    return f"use at least {length} characters"


def _pattern_message(parameter: Parameter) -> str:
    example = f", for example {parameter.placeholder}" if parameter.placeholder else ""
    return f"this has to match {parameter.pattern}{example}"


def _number_rules(parameter: Parameter) -> Iterator[tuple[str, str]]:
    if parameter.min is not None:
        yield f"{parameter.name} < {parameter.min}", f"use {parameter.min} or more"
    if parameter.max is not None:
        yield f"{parameter.name} > {parameter.max}", f"use {parameter.max} or less"
