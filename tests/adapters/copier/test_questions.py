"""Every kind of Copier's questions, asked to the end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.folders import FolderSources, write_folder
from thinkube_catalog.adapters.copier import CopierRenderer
from thinkube_catalog.domain.errors import RenderError
from thinkube_catalog.domain.questions import Form

Ask = Callable[..., Form]


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FolderSources, CopierRenderer]]:
    sources = FolderSources()
    with CopierRenderer(sources) as renderer:
        yield sources, renderer


@pytest.fixture
def ask(shared: tuple[FolderSources, CopierRenderer], tmp_path: Path) -> Ask:
    sources, renderer = shared
    numbers = itertools.count()

    def evaluate(questions: str, **raw: object) -> Form:
        folder = write_folder(tmp_path / str(next(numbers)), {"copier.yml": questions})
        return renderer.evaluate(sources.offer(folder), raw)

    return evaluate


def values(form: Form) -> dict[str, object]:
    return {question.name: question.value for question in form.questions}


@pytest.mark.parametrize(
    ("question", "raw", "value"),
    [
        ("{type: str}", "5", "5"),
        ("{type: str}", 5, "5"),
        ("{type: int}", " 5 ", 5),
        ("{type: float}", "5", 5.0),
        ("{type: bool}", "on", True),
        ("{type: bool}", "0", False),
        ("{type: bool}", "", False),
        ("{type: json}", "[1, {}]", [1, {}]),
        ("{type: yaml}", "[1, {}]", [1, {}]),
        ("{type: yaml}", "", None),
        ("{type: yaml}", "2026-01-02", "2026-01-02"),
        ("{type: path}", "a/b", "a/b"),
        ("plain", "x", "x"),
        ("[1, 2]", "[3]", [3]),
        ("{type: int, choices: [1, 2]}", "2", 2),
        ("{type: int, choices: [1, 2], multiselect: true}", ["2", 1], [1, 2]),
        ("{type: str, choices: [a, b], multiselect: true, default: [a]}", "", []),
        ("{type: str, choices: {A: a, B: b}}", "b", "b"),
        ("{type: str, choices: [[A, a], [B, b]]}", "b", "b"),
        ("{type: str, choices: '[a, {{ 1 + 1 }}]'}", "2", "2"),
    ],
)
def test_an_answer_is_parsed_by_its_type(
    ask: Ask,
    question: str,
    raw: object,
    value: object,
) -> None:
    form = ask(f"q: {question}", q=raw)
    assert not form.problems
    assert values(form) == {"q": value}


@pytest.mark.parametrize(
    ("question", "raw", "sentence"),
    [
        ("{type: int}", "five", "'five' is not a whole number"),
        ("{type: float}", "x", "'x' is not a number"),
        ("{type: float}", "nan", "infinite numbers and NaN are not taken"),
        ("{type: bool}", "maybe", "'maybe' is neither yes nor no"),
        ("{type: str}", ["a"], "['a'] is not a text"),
        ("{type: str, choices: [a, b]}", "c", "'c' is not one of: a, b"),
        ("{type: str, choices: [a], multiselect: true}", ["a", "c"], "is not one of: a"),
        ("{type: str, choices: {A: {value: a, validator: not now}}}", "a", "not now"),
        ("{type: str, validator: '{% if q %}Leave it{% endif %}'}", "x", "Leave it"),
        ("{type: json}", "{", "'{' is not valid JSON"),
        ("{type: yaml}", "[", "'[' is not valid YAML"),
        ("{type: str}", "x" * 70_000, "at most 65536"),
        ("{type: str}", None, "is not a text"),
    ],
)
def test_a_bad_answer_is_a_sentence(ask: Ask, question: str, raw: object, sentence: str) -> None:
    (problem,) = ask(f"q: {question}", q=raw).problems
    assert sentence in problem.message
    assert problem.field == "q"


def test_an_unknown_type_is_the_templates_fault(ask: Ask) -> None:
    with pytest.raises(RenderError) as caught:
        ask("fine: x\nq: {type: colour, default: red}")
    (problem,) = caught.value.problems
    assert (problem.file, problem.field) == ("copier.yml", "q")
    assert "colour" in problem.message


def test_a_question_appears_when_its_condition_holds(ask: Ask) -> None:
    questions = "more: false\ndetail: {type: str, default: d, when: '{{ more }}'}"
    assert list(values(ask(questions))) == ["more"]
    assert list(values(ask(questions, more="yes", detail="x"))) == ["more", "detail"]
    assert ask(questions, detail="x").dropped == ("detail",)


def test_defaults_follow_other_answers(ask: Ask) -> None:
    questions = "name: a\nslug: {type: str, default: '{{ name | upper }}'}"
    assert values(ask(questions, name="b")) == {"name": "b", "slug": "B"}


def test_dependants_of_a_bad_answer_do_not_complain_as_well(ask: Ask) -> None:
    questions = """
_envops: {undefined: jinja2.StrictUndefined}
name: {type: str}
count: {type: int}
double: {type: int, default: "{{ count * 2 }}"}
title: {type: str, default: "{{ name | title }}"}
big: {type: bool, default: false, when: "{{ count > 3 }}"}
"""
    assert [problem.field for problem in ask(questions, count="x").problems] == ["name", "count"]


def test_a_default_that_its_validator_refuses_asks_for_an_answer(ask: Ask) -> None:
    question = "q: {type: str, default: '', validator: '{% if not q %}Say who{% endif %}'}"
    form = ask(question)
    assert [problem.message for problem in form.problems] == ["Say who"]
    assert form.questions[0].required
    assert not ask(question, q="me").problems


def test_a_default_left_unset_asks_for_an_answer(ask: Ask) -> None:
    form = ask("q: {type: str, default: '{{ UNSET }}'}")
    assert [problem.message for problem in form.problems] == ["it needs an answer"]


def test_a_question_that_shall_not_be_asked_is_not_shown_but_may_be_answered(ask: Ask) -> None:
    question = "q: {type: str, default: a, ask: false}"
    assert ask(question).questions == ()
    assert values(ask(question, q="b")) == {"q": "b"}


def test_a_secret_is_never_repeated(ask: Ask) -> None:
    question = """
q: {type: int, secret: true, default: 1}
r: {type: str, secret: true, default: "", validator: "bad {{ r }}"}
"""
    form = ask(question, q="hush-123", r="hush-456")
    assert [problem.field for problem in form.problems] == ["q", "r"]
    assert "hush" not in " ".join(problem.message for problem in form.problems)
    assert all(question.secret for question in form.questions)


def test_texts_for_a_page_are_rendered(ask: Ask) -> None:
    question = """
n: 2
q: {type: str, default: a, help: "Of {{ n }}", placeholder: "e.g. {{ n }}", multiline: true,
  group: more, dynamic_source: model_catalog, filter: {server_type: vllm}}
conf: {type: yaml, default: {}}
"""
    form = ask(question)
    (_, asked, conf) = form.questions
    assert (asked.help, asked.placeholder, asked.multiline) == ("Of 2", "e.g. 2", True)
    assert (asked.group, asked.dynamic_source) == ("more", "model_catalog")
    assert asked.filter == {"server_type": "vllm"}
    assert conf.multiline


def test_a_choice_that_is_not_possible_now_says_why(ask: Ask) -> None:
    question = "q: {type: str, default: a, choices: {A: a, B: {value: b, validator: 'no GPU'}}}"
    (asked,) = ask(question).questions
    assert [(choice.label, choice.disabled) for choice in asked.choices or ()] == [
        ("A", ""),
        ("B", "no GPU"),
    ]


def test_questions_may_be_spread_over_files_of_the_template(
    shared: tuple[FolderSources, CopierRenderer],
    tmp_path: Path,
) -> None:
    sources, renderer = shared
    files = {"copier.yml": "---\n!include more.yml\n---\na: x\n", "more.yml": "b: y\n"}
    form = renderer.evaluate(sources.offer(write_folder(tmp_path, files)), {})
    assert sorted(values(form)) == ["a", "b"]


def test_a_bad_manifest_is_reported_with_every_problem(
    shared: tuple[FolderSources, CopierRenderer],
    tmp_path: Path,
) -> None:
    sources, renderer = shared
    text = """apiVersion: thinkube.io/v1
kind: TemplateManifest
metadata: {name: tkt-x}
parameters:
  - {name: Bad Name, type: str}
  - {name: good, type: colour}
"""
    release = sources.offer(write_folder(tmp_path, {"manifest.yaml": text}))
    with pytest.raises(RenderError) as caught:
        renderer.evaluate(release, {})
    assert len(caught.value.problems) == 2
    assert {problem.file for problem in caught.value.problems} == {"manifest.yaml"}
    assert all(problem.line for problem in caught.value.problems)
