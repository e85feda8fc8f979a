"""copier.yml and the manifest's parameters ask the same, or it is said where they do not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_manifest, a_parameter
from tests.strategies import parameters
from thinkube_catalog.domain.manifest import (
    Parameter,
    TemplateManifest,
    mirror_problems,
    questions_from_parameters,
)


def said(manifest: TemplateManifest, questions: dict[str, object]) -> list[str]:
    return [str(problem) for problem in mirror_problems(manifest, questions)]


COPIER: dict[str, object] = {
    "_subdirectory": "template",
    "project_name": {"type": "str", "help": "Its name"},
    "greeting": {"type": "str", "default": "Hello"},
    "computed": {"type": "str", "default": "{{ greeting }}!", "when": False},
}


def test_equal_ones_are_equal_whatever_else_copier_holds() -> None:
    assert said(a_manifest(), COPIER) == []


def test_what_only_one_of_them_asks_is_named() -> None:
    manifest = a_manifest(parameters=(a_parameter(name="model"),))
    assert said(manifest, COPIER) == [
        (
            "manifest.yaml: parameters: copier.yml asks greeting, and parameters does not declare "
            "it (add an entry with  name: greeting)"
        ),
        (
            "manifest.yaml: parameters[0]: parameters declares model, and copier.yml does not ask "
            "it (remove it, or ask it there)"
        ),
    ]


def test_every_difference_is_named() -> None:
    manifest = a_manifest(parameters=(a_parameter(type="choice", choices=("Hello", "Hi")),))
    questions = {"greeting": {"type": "int", "default": 3, "choices": {"One": 1, "Three": 3}}}
    mend = "(copier.yml is what counts; change this one)"
    assert said(manifest, dict(questions)) == [
        (
            "manifest.yaml: parameters[0].default: greeting has default 'Hello' here and '3' there "
            f"{mend}"
        ),
        (
            "manifest.yaml: parameters[0].choices: greeting has choices Hello, Hi here and 1, 3 "
            f"there {mend}"
        ),
    ]


def test_a_type_that_differs_is_named() -> None:
    manifest = a_manifest(parameters=(a_parameter(type="bool", default=None),))
    assert said(manifest, {"greeting": {"type": "int"}}) == [
        (
            "manifest.yaml: parameters[0].type: greeting has type 'bool' here and 'int' there "
            "(copier.yml is what counts; change this one)"
        )
    ]


def test_a_question_in_short_form_has_the_type_of_its_default() -> None:
    manifest = a_manifest(
        parameters=(
            a_parameter(name="workers", type="int", default=2),
            a_parameter(name="public", type="bool", default=True),
            a_parameter(name="share", default="0.5"),
        )
    )
    assert said(manifest, {"workers": 2, "public": True, "share": 0.5}) == []


def test_a_default_that_is_computed_is_not_compared() -> None:
    questions = {"greeting": {"type": "str", "default": "{{ project_name }}"}}
    assert said(a_manifest(), dict(questions)) == []


@given(asked=st.lists(parameters(), max_size=3, unique_by=lambda each: each.name))
def test_questions_made_from_parameters_mirror_them(asked: list[Parameter]) -> None:
    # What has no default gets one for Copier's sake, and choices may gain an empty one.
    plain = [each for each in asked if each.default is not None]
    manifest = a_manifest(parameters=tuple(plain))
    questions = dict(questions_from_parameters(plain))
    for question in questions.values():
        if "choices" in question:
            question["choices"] = "{{ left out: its labels are templates }}"
    assert said(manifest, dict(questions)) == []
