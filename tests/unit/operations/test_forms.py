"""Forms as operations give them: standard questions, and choices from the model catalogue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.stage import Stage, a_stage
from thinkube_catalog.adapters.memory.catalogs import MemoryCatalogs
from thinkube_catalog.adapters.memory.renderer import MemoryRenderer, MemoryTemplate
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, Release, TemplateNotFoundError
from thinkube_catalog.domain.models import Model
from thinkube_catalog.domain.questions import AnswersInvalidError, Choice, Question
from thinkube_catalog.operations import forms
from thinkube_catalog.operations.platform import Platform

MODELS = (
    Model("acme/small", name="Small", license="apache-2.0", server_type=("vllm",)),
    Model("acme/gated", name="Gated", gated=True, server_type=("vllm", "ollama")),
    Model("acme/other", name="Other", server_type=("ollama",)),
)
MODEL = Question(
    "model_id",
    "str",
    default="acme/small",
    dynamic_source="model_catalog",
    filter={"server_type": "vllm"},
)
RELEASE = Release("tkt-chat", "v1.0.0", "1" * 40)


@pytest.fixture
def stage() -> Stage:
    return a_stage()


def platform_with(
    stage: Stage, *questions: Question, models: tuple[Model, ...] = MODELS
) -> Platform:
    catalog = Catalog(entries=(CatalogEntry("tkt-chat", "tkt-chat"),), models=models)
    template = MemoryTemplate(questions, {"a.txt": "{{ project_name }}"})
    return replace(
        stage.platform,
        catalogs=MemoryCatalogs(catalog),
        renderer=MemoryRenderer({"tkt-chat": template}),
    )


def evaluated(platform: Platform, **raw: object) -> dict[str, Question]:
    form = forms.evaluate_release(platform, RELEASE, raw, "tkt-chat")
    return {question.name: question for question in form.questions}


def test_an_unknown_template_is_not_found(stage: Stage) -> None:
    with pytest.raises(TemplateNotFoundError):
        forms.evaluate(platform_with(stage), "tkt-chatt", {})


def test_a_template_that_asks_nothing_is_asked_for_with_the_standard_questions(
    stage: Stage,
) -> None:
    questions = evaluated(platform_with(stage), project_name="legal-qa")
    assert list(questions) == ["project_name", "project_description", "author_name", "author_email"]
    assert questions["project_description"].value == "legal-qa, made from tkt-chat"


def test_a_template_that_asks_by_itself_is_given_only_the_projects_name(stage: Stage) -> None:
    questions = evaluated(platform_with(stage, Question("size", "str", default="s")))
    assert list(questions) == ["project_name", "size"]


def test_a_template_that_asks_for_the_name_is_not_asked_twice(stage: Stage) -> None:
    own = Question("project_name", "str", default="my-app")
    questions = evaluated(platform_with(stage, own))
    assert questions["project_name"].value == "my-app"
    assert len(questions) == 1


@pytest.mark.parametrize("name", ["", "Legal QA", "-x", "a--b", "x" * 41, "gitea"])
def test_a_name_that_is_not_good_everywhere_is_a_problem(stage: Stage, name: str) -> None:
    form = forms.evaluate(platform_with(stage), "tkt-chat", {"project_name": name})
    assert [problem.field for problem in form.problems] == ["project_name"]
    with pytest.raises(AnswersInvalidError):
        form.answers()


def test_standard_answers_do_not_count_as_dropped(stage: Stage) -> None:
    raw = {"project_name": "legal-qa", "author_name": "Ada", "surprise": 1}
    form = forms.evaluate(platform_with(stage), "tkt-chat", raw)
    assert form.dropped == ("surprise",)
    assert form.answers()["author_name"] == "Ada"


def test_problems_come_in_the_order_of_the_questions(stage: Stage) -> None:
    count = Question("count", "int", default=1)
    raw = {"count": "many", "model_id": "acme/none"}
    form = forms.evaluate(platform_with(stage, MODEL, count), "tkt-chat", raw)
    assert [problem.field for problem in form.problems] == ["project_name", "model_id", "count"]


def test_models_that_pass_the_filter_are_offered_with_what_one_chooses_by(stage: Stage) -> None:
    question = evaluated(platform_with(stage, MODEL))["model_id"]
    assert [choice.value for choice in question.choices or ()] == ["acme/small", "acme/gated"]
    small, gated = question.choices or ()
    assert (small.label, small.details["license"]) == ("Small", "apache-2.0")
    assert gated.details["gated"] is True


def test_a_model_outside_the_choices_is_refused(stage: Stage) -> None:
    question = evaluated(platform_with(stage, MODEL), model_id="acme/other")["model_id"]
    assert question.error == "'acme/other' is not one of: acme/small, acme/gated"


def test_a_default_that_the_catalogue_lacks_is_offered_and_good(stage: Stage) -> None:
    asked = replace(MODEL, default="acme/gone")
    for raw in ({}, {"model_id": "acme/gone"}):
        question = evaluated(platform_with(stage, asked), **raw)["model_id"]
        assert not question.error
        assert [choice.value for choice in question.choices or ()] == [
            "acme/gone",
            "acme/small",
            "acme/gated",
        ]


def test_without_any_model_a_question_says_so(stage: Stage) -> None:
    asked = replace(MODEL, default="")
    platform = platform_with(stage, asked, models=())
    assert "no model" in evaluated(platform, model_id="acme/small")["model_id"].error
    assert not evaluated(platform)["model_id"].error


def test_choices_of_the_template_itself_are_kept_and_described(stage: Stage) -> None:
    asked = replace(MODEL, choices=(Choice("acme/small", "S"), Choice("acme/rare", "R")))
    small, rare = evaluated(platform_with(stage, asked))["model_id"].choices or ()
    assert (small.label, small.details["license"]) == ("S", "apache-2.0")
    assert rare == Choice("acme/rare", "R")


def test_other_dynamic_sources_are_ignored(stage: Stage) -> None:
    asked = replace(MODEL, dynamic_source="weather")
    assert evaluated(platform_with(stage, asked), model_id="any")["model_id"].choices is None
