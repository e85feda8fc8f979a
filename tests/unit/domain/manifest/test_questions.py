"""Parameters as Copier's questions: asked by Copier itself, as Thinkube would ask them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from tests.builders import a_parameter
from tests.strategies import parameters, prose
from thinkube_catalog.domain.manifest import Parameter, questions_from_parameters

JINJA = SandboxedEnvironment(
    extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
    keep_trailing_newline=True,
)


def error(parameter: Parameter, answer: object) -> str:
    """Validate an answer as Copier does: what the validator renders is what is wrong."""
    question = questions_from_parameters([parameter])[parameter.name]
    template = JINJA.from_string(str(question.get("validator", "")))
    return template.render({parameter.name: answer}).strip()


@pytest.mark.parametrize(
    ("changes", "answer", "sentence"),
    [
        ({"required": True}, "", "please give an answer"),
        ({"required": True}, "   ", "please give an answer"),
        ({"required": False}, "", ""),
        ({"min_length": 3}, "ab", "use at least 3 characters"),
        ({"min_length": 3}, "abc", ""),
        ({"min_length": 3, "required": False}, "", ""),
        ({"max_length": 3}, "abcd", "use at most 3 characters"),
        ({"max_length": 3}, "abc", ""),
        ({"pattern": "^[a-z]+$"}, "ABC", "this has to match ^[a-z]+$"),
        ({"pattern": "^[a-z]+$"}, "abc", ""),
        ({"pattern": "b"}, "abc", ""),
        ({"pattern": "^$|x", "required": False}, "", ""),
        ({"pattern": "x*"}, "abc", ""),
        (
            {"pattern": "^[a-z]+$", "placeholder": "chat"},
            "1",
            "this has to match ^[a-z]+$, for example chat",
        ),
        ({"pattern": "['\"{}%]"}, "plain", "this has to match ['\"{}%]"),
        ({"pattern": "['\"{}%]"}, "50%", ""),
        ({"type": "int", "min": 2}, 1, "use 2 or more"),
        ({"type": "int", "min": 2, "max": 4}, 5, "use 4 or less"),
        ({"type": "int", "min": 2, "max": 4}, 4, ""),
        ({"type": "bool"}, False, ""),
        ({"type": "choice"}, "", "please give an answer"),
    ],
)
def test_answers_are_judged_as_thinkube_judges_them(
    changes: dict[str, Any], answer: object, sentence: str
) -> None:
    assert error(a_parameter(**changes), answer) == sentence


def ask(folder: Path, parameters: list[Parameter], answers: dict[str, object]) -> dict[str, object]:
    """Let Copier itself ask, in a template made of nothing but these parameters."""
    template, project = folder / "template", folder / "project"
    template.mkdir()
    (template / "copier.yml").write_text(yaml.safe_dump(questions_from_parameters(parameters)))
    answers_file = "{{ _copier_answers | to_nice_yaml }}"
    (template / "{{ _copier_conf.answers_file }}.jinja").write_text(answers_file)
    copier.run_copy(str(template), project, data=answers, defaults=True, quiet=True)
    written = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return {name: value for name, value in written.items() if not name.startswith("_")}


def test_copier_takes_the_questions_and_their_defaults(tmp_path: Path) -> None:
    asked = [
        a_parameter(),
        a_parameter(name="workers", type="int", default=2, min=1),
        a_parameter(name="public", type="bool", default=None),
        a_parameter(name="size", type="choice", choices=("1.10", "2"), default="1.10"),
        a_parameter(name="note", default=None, required=False),
        a_parameter(name="kind", type="choice", choices=("a",), default=None, required=False),
        a_parameter(name="old", type="choice", choices=("a",), default="b"),
    ]
    assert ask(tmp_path, asked, {}) == {
        "greeting": "Hello",
        "workers": 2,
        "public": False,
        "size": "1.10",
        "note": "",
        "kind": "",
        "old": "b",
    }


def test_copier_refuses_what_the_parameter_refuses(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="use at most 3 characters"):
        ask(tmp_path, [a_parameter(max_length=3, default="abc")], {"greeting": "abcd"})


def test_copier_refuses_a_choice_that_is_not_offered(tmp_path: Path) -> None:
    parameter = a_parameter(type="choice", choices=("a", "b"), default="a")
    with pytest.raises(ValueError, match="Invalid choice"):
        ask(tmp_path, [parameter], {"greeting": "c"})


def test_an_answer_that_has_no_default_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is required"):
        ask(tmp_path, [a_parameter(default=None)], {})


HOSTILE = (
    "{{ cycler.__init__.__globals__.os.environ }}{% for x in range(9) %}{{ x }}{% endfor %}\"'}}"
)


def test_text_of_a_manifest_means_itself_and_is_never_run(tmp_path: Path) -> None:
    parameter = a_parameter(
        description=HOSTILE, default=HOSTILE, placeholder=HOSTILE, pattern="[{][{] cycler"
    )
    assert ask(tmp_path, [parameter], {}) == {"greeting": HOSTILE}


@given(text=prose, answer=prose)
def test_no_text_can_break_out_of_a_validator(text: str, answer: str) -> None:
    parameter = a_parameter(pattern=f"^$never{{5}}|{_escaped(text)}", placeholder=text)
    said = error(parameter, answer or "x")
    wanted = f"this has to match {parameter.pattern}" + (f", for example {text}" if text else "")
    if answer.strip() and text not in answer:
        assert said == wanted.strip()


def _escaped(text: str) -> str:
    return "".join(f"\\U{ord(character):08x}" for character in text) or "$never"


@given(parameter=parameters(), surprise=st.sampled_from(["", "{{", "{% raw %}", "#}"]))
def test_every_parameter_becomes_a_question_whose_texts_render_to_themselves(
    parameter: Parameter, surprise: str
) -> None:
    parameter = a_parameter(**{**vars(parameter), "description": parameter.description + surprise})
    (question,) = questions_from_parameters([parameter]).values()
    rendered = {
        key: JINJA.from_string(value).render()
        for key, value in question.items()
        if isinstance(value, str) and key != "validator"
    }
    assert rendered.get("help", "") == parameter.description
    assert rendered.get("placeholder", "") == parameter.placeholder
    if isinstance(parameter.default, str):
        assert rendered["default"] == parameter.default
    JINJA.from_string(str(question.get("validator", "")))  # must be good Jinja


def test_groups_and_orders_are_kept_with_the_default_group_first() -> None:
    asked = [
        a_parameter(name="late", group="Backend", order=1),
        a_parameter(name="early", group="Backend", order=0),
        a_parameter(name="first"),
    ]
    assert list(questions_from_parameters(asked)) == ["first", "early", "late"]


def test_a_dynamic_source_and_its_filter_are_passed_on() -> None:
    parameter = a_parameter(
        type="choice", default=None, dynamic_source="model_catalog", filter={"server_type": "vllm"}
    )
    question = questions_from_parameters([parameter])["greeting"]
    assert question["dynamic_source"] == "model_catalog"
    assert question["filter"] == {"server_type": "vllm"}
    assert "choices" not in question
