"""What every `Renderer` promises, on every implementation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.folders import FolderSources, write_folder
from thinkube_catalog.adapters.copier import CopierRenderer
from thinkube_catalog.adapters.memory.renderer import MemoryRenderer, MemoryTemplate
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.errors import RenderError
from thinkube_catalog.domain.questions import (
    Answers,
    AnswersInvalidError,
    Choice,
    Form,
    Question,
)
from thinkube_catalog.domain.rendering import Renderer

COPIER_YML = """
_subdirectory: template
project_name: {type: str, default: my-app, help: What to call it}
workers: {type: int, default: 2}
debug: {type: bool, default: false}
size: {type: str, default: small, choices: [small, large]}
owner: {type: str}
"""

QUESTIONS = (
    Question("project_name", "str", help="What to call it", default="my-app"),
    Question("workers", "int", default=2),
    Question("debug", "bool", default=False),
    Question(
        "size",
        "str",
        default="small",
        choices=(Choice("small", "small"), Choice("large", "large")),
    ),
    Question("owner", "str"),
)

FILES = {
    "README.md": "# {{ project_name }} of {{ owner }}\n",
    "{{ project_name }}/run.sh": "exec app --workers {{ workers }} --size {{ size }}\n",
}


@dataclass
class Bench:
    """A renderer, and releases of templates that each implementation has in its own form."""

    renderer: Renderer
    asking: Release
    silent: Release
    escaping: Release
    faulty: Release


@pytest.fixture(scope="module")
def memory_bench() -> Bench:
    def release(name: str) -> Release:
        return Release(name, "v1.0.0", "1" * 40)

    templates = {
        "asking": MemoryTemplate(QUESTIONS, FILES, frozenset(["{{ project_name }}/run.sh"])),
        "silent": MemoryTemplate((), {"name.txt": "{{ project_name }}|{{ nothing }}\n"}),
        "escaping": MemoryTemplate(
            (Question("project_name", "str"),),
            {"{{ project_name }}/x.txt": "x"},
        ),
        "faulty": MemoryTemplate(fault="it is broken"),
    }
    releases = {name: release(name) for name in templates}
    return Bench(MemoryRenderer(templates), **releases)


@pytest.fixture(scope="module")
def copier_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("templates")
    sources = FolderSources()

    def release(name: str, files: dict[str, str], executable: list[str] | None = None) -> Release:
        return sources.offer(write_folder(root / name, files, executable or []))

    rendered = {f"template/{path}.jinja": text for path, text in FILES.items()}
    releases = {
        "asking": release(
            "asking",
            {"copier.yml": COPIER_YML, **rendered},
            ["template/{{ project_name }}/run.sh.jinja"],
        ),
        "silent": release("silent", {"name.txt.jinja": "{{ project_name }}|{{ nothing }}\n"}),
        "escaping": release(
            "escaping",
            {"copier.yml": "project_name: {type: str}", "{{ project_name }}/x.txt": "x"},
        ),
        "faulty": release("faulty", {"copier.yml": "a: [", "x.txt": "x"}),
    }
    with CopierRenderer(sources) as renderer:
        yield Bench(renderer, **releases)


@pytest.fixture(params=["memory_bench", "copier_bench"])
def bench(request: pytest.FixtureRequest) -> Bench:
    chosen: Bench = request.getfixturevalue(request.param)
    return chosen


def by_name(form: Form) -> dict[str, Question]:
    return {question.name: question for question in form.questions}


def test_a_form_without_answers_shows_every_default(bench: Bench) -> None:
    form = bench.renderer.evaluate(bench.asking, {})
    values = {question.name: question.value for question in form.questions[:-1]}
    assert values == {"project_name": "my-app", "workers": 2, "debug": False, "size": "small"}
    assert not any(question.answered for question in form.questions)


def test_questions_come_in_the_templates_order(bench: Bench) -> None:
    form = bench.renderer.evaluate(bench.asking, {"owner": "ada"})
    assert [q.name for q in form.questions] == [q.name for q in QUESTIONS]
    assert form.asked_by == "copier.yml"


def test_a_question_tells_its_help_and_choices(bench: Bench) -> None:
    questions = by_name(bench.renderer.evaluate(bench.asking, {}))
    assert questions["project_name"].help == "What to call it"
    assert questions["size"].choices == (Choice("small", "small"), Choice("large", "large"))
    assert questions["owner"].required


def test_texts_of_a_form_and_typed_values_mean_the_same(bench: Bench) -> None:
    texts = {"owner": "ada", "workers": "7", "debug": "true"}
    typed = {"owner": "ada", "workers": 7, "debug": True}
    from_texts = bench.renderer.evaluate(bench.asking, texts).answers()
    assert dict(from_texts) == dict(bench.renderer.evaluate(bench.asking, typed).answers())
    assert from_texts["workers"] == 7
    assert from_texts["debug"] is True


def test_an_empty_number_field_falls_back_to_the_default(bench: Bench) -> None:
    answers = bench.renderer.evaluate(bench.asking, {"owner": "ada", "workers": ""}).answers()
    assert answers["workers"] == 2


def test_every_bad_answer_is_reported_at_once(bench: Bench) -> None:
    form = bench.renderer.evaluate(bench.asking, {"workers": "many", "debug": "x", "size": "huge"})
    assert [problem.field for problem in form.problems] == ["workers", "debug", "size", "owner"]
    with pytest.raises(AnswersInvalidError) as caught:
        form.answers()
    assert caught.value.problems == form.problems


def test_a_bad_answer_is_shown_back_as_it_was_given(bench: Bench) -> None:
    question = by_name(bench.renderer.evaluate(bench.asking, {"workers": "many"}))["workers"]
    assert question.value == "many"
    assert question.answered
    assert question.error


def test_answers_that_nobody_asked_for_are_dropped_and_named(bench: Bench) -> None:
    form = bench.renderer.evaluate(bench.asking, {"owner": "ada", "surprise": "x"})
    assert form.dropped == ("surprise",)
    assert "surprise" not in form.answers()


def test_answers_are_rendered_into_names_and_contents(bench: Bench) -> None:
    answers = bench.renderer.evaluate(bench.asking, {"owner": "ada", "workers": "3"}).answers()
    tree = bench.renderer.render(bench.asking, answers)
    assert {path: tree.text(path) for path in tree} == {
        "README.md": "# my-app of ada\n",
        "my-app/run.sh": "exec app --workers 3 --size small\n",
    }


def test_the_executable_bit_is_kept(bench: Bench) -> None:
    answers = bench.renderer.evaluate(bench.asking, {"owner": "ada"}).answers()
    tree = bench.renderer.render(bench.asking, answers)
    assert {path: file.executable for path, file in tree.items()} == {
        "README.md": False,
        "my-app/run.sh": True,
    }


def test_rendering_again_gives_an_equal_tree(bench: Bench) -> None:
    answers = bench.renderer.evaluate(bench.asking, {"owner": "ada"}).answers()
    first = bench.renderer.render(bench.asking, answers)
    assert bench.renderer.render(bench.asking, answers) == first


def test_other_answers_give_another_tree(bench: Bench) -> None:
    ada = bench.renderer.evaluate(bench.asking, {"owner": "ada"}).answers()
    eve = bench.renderer.evaluate(bench.asking, {"owner": "eve"}).answers()
    assert bench.renderer.render(bench.asking, ada) != bench.renderer.render(bench.asking, eve)


def test_answers_that_do_not_fit_are_refused_with_every_problem(bench: Bench) -> None:
    with pytest.raises(AnswersInvalidError) as caught:
        bench.renderer.render(bench.asking, Answers({"workers": "many"}))
    assert [problem.field for problem in caught.value.problems] == ["workers", "owner"]


def test_a_template_that_asks_nothing_is_told_the_variables(bench: Bench) -> None:
    tree = bench.renderer.render(bench.silent, Answers({}), {"project_name": "told"})
    assert tree.text("name.txt") == "told|\n"


def test_a_template_that_asks_is_told_nothing_else(bench: Bench) -> None:
    answers = bench.renderer.evaluate(bench.asking, {"owner": "ada"}).answers()
    tree = bench.renderer.render(bench.asking, answers, {"project_name": "told", "owner": "told"})
    assert tree.text("README.md") == "# my-app of ada\n"


@pytest.mark.parametrize("name", ["..", "../up", "/tmp/absolute", "a/../../b"])
def test_an_answer_cannot_lead_out_of_the_project(bench: Bench, name: str) -> None:
    with pytest.raises(RenderError) as caught:
        bench.renderer.render(bench.escaping, Answers({"project_name": name}))
    assert caught.value.problems


def test_a_faulty_template_is_a_render_error_with_its_problem(bench: Bench) -> None:
    with pytest.raises(RenderError) as caught:
        bench.renderer.render(bench.faulty, Answers({}))
    assert caught.value.problems
    with pytest.raises(RenderError):
        bench.renderer.evaluate(bench.faulty, {})
