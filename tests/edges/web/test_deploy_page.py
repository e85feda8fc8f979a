"""The deploy page without scripts: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.edges.web.conftest import Reader, a_reader
from tests.stage import Stage
from thinkube_catalog.domain.choices import MODEL_CATALOG
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.forge import Signature
from thinkube_catalog.domain.manifest import SecretDeclaration, TemplateManifest
from thinkube_catalog.domain.questions import Choice, Form, Question
from thinkube_catalog.domain.rendering import File
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import browse, prospect
from thinkube_catalog.operations.rollout import repository_of
from thinkube_catalog.operations.template_files import TemplateFiles
from thinkube_catalog.web.fields import Fields
from thinkube_catalog.web.questionnaire import kept_answers, question_fields, raw_answers, text_of

PAGE = "/templates/tkt-chat/deploy"


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{re.escape(name)}"(?: type="text")? value="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


def deployed(reader: Reader) -> list[str]:
    return [each.name for each in reader.stage.platform.deployments.page()]


def test_a_sent_form_makes_a_deployment_and_leads_to_it(reader: Reader) -> None:
    answer = reader.send(
        PAGE, {"action": "deploy", "key": "k", "a.project_name": "legal-qa", "a.greeting": "hi"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/deployments/legal-qa")
    made = reader.stage.platform.deployments.get("legal-qa")
    assert made.answers["greeting"] == "hi"


def test_sending_twice_makes_one_deployment(reader: Reader) -> None:
    fields = {"action": "deploy", "key": hidden(reader.get(PAGE).text, "key")}
    fields |= {"a.project_name": "legal-qa"}
    answers = [reader.send(PAGE, fields) for _ in range(2)]
    assert {answer.headers["location"] for answer in answers} == {"/deployments/legal-qa"}
    assert len(reader.stage.platform.deployments.runs("legal-qa")) == 1


def test_a_changed_form_under_an_old_key_says_that_the_name_is_taken(reader: Reader) -> None:
    fields = {"action": "deploy", "key": "k", "a.project_name": "legal-qa"}
    reader.send(PAGE, fields)
    answer = reader.send(PAGE, {**fields, "a.greeting": "other"})
    assert answer.status_code == 409
    assert "exists already" in answer.text


def test_every_error_stands_at_its_field_and_every_answer_is_kept(reader: Reader) -> None:
    answer = reader.send(
        PAGE, {"action": "deploy", "key": "k", "a.project_name": "Not Good", "a.greeting": ""}
    )
    assert answer.status_code == 422
    assert deployed(reader) == []
    assert hidden(answer.text, "a.project_name") == "Not Good"
    assert hidden(answer.text, "key") == "k"
    at_greeting = answer.text.split('id="q-greeting-all"')[1].split("</div>")[0]
    assert "greet somebody" in at_greeting


def test_checking_makes_nothing_and_shows_the_chosen_file(reader: Reader) -> None:
    answer = reader.send(PAGE, {"a.project_name": "x", "a.greeting": "good day", "file": "main.py"})
    assert answer.status_code == 200
    assert deployed(reader) == []
    assert "<code>main.py</code>" in answer.text
    answer = reader.send(PAGE, {"a.project_name": "x", "a.greeting": "good day"})
    assert "good day from x" in answer.text


def test_a_template_at_fault_is_named_and_nothing_is_lost(reader: Reader) -> None:
    answer = reader.send(
        PAGE, {"action": "deploy", "key": "k", "a.project_name": "x", "a.greeting": "fault"}
    )
    assert answer.status_code in {422, 500}
    assert "it is at fault" in answer.text
    assert hidden(answer.text, "a.greeting") == "fault"


def test_an_existing_deployment_is_compared_with(reader: Reader) -> None:
    reader.send(PAGE, {"action": "deploy", "key": "k", "a.project_name": "x", "a.greeting": "a"})
    answer = reader.send(PAGE, {"a.project_name": "x", "a.greeting": "b"})
    assert "A deployment named x exists already" in answer.text
    readme = answer.text.split('value="README.md"')[1].split("</button>")[0]
    assert "changed" in readme
    assert "changed" not in answer.text.split('value="main.py"')[1].split("</button>")[0]
    lines = re.findall(r'<tr class="(plus|minus)">.*?<td class="code">(.*?)</td>', answer.text)
    assert [(kind, re.sub("<[^>]*>", "", text)) for kind, text in lines] == [
        ("minus", "-a from x"),
        ("plus", "+b from x"),
    ]
    same = reader.send(PAGE, {"a.project_name": "x", "a.greeting": "b", "file": "main.py"})
    assert 'class="hunks"' not in same.text
    assert '<pre tabindex="0" aria-label="main.py">' in same.text


def test_a_file_that_would_go_shows_what_would_be_lost(reader: Reader) -> None:
    reader.send(PAGE, {"action": "deploy", "key": "k", "a.project_name": "x", "a.greeting": "a"})
    platform = reader.stage.platform
    deployment, repository = platform.deployments.get("x"), repository_of(platform, "x")
    files = platform.forge.files(repository, deployment.commit)
    ours = files.with_files({"notes.txt": File(b"only here")})
    signature = Signature("A Person", "person@example.org", deployment.created_at)
    kept = platform.forge.publish(repository, ours, "Keep notes", signature)
    platform.deployments.save(replace(deployment, commit=kept.id))
    answer = reader.send(PAGE, {"a.project_name": "x", "a.greeting": "a", "file": "notes.txt"})
    assert "-only here" in re.sub("<[^>]*>", "", answer.text)


def test_forms_of_other_pages_are_refused(reader: Reader) -> None:
    reader.get(PAGE)
    fields = {"action": "deploy", "a.project_name": "x"}
    for token in ({}, {"csrf": ""}, {"csrf": "A" * 43}):
        answer = reader.client.post(PAGE, data={**fields, **token})
        assert answer.status_code == 403
    answer = reader.client.post(
        PAGE, content="a.project_name=x", headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 422
    assert deployed(reader) == []


def test_answers_are_text_and_never_html(reader: Reader) -> None:
    payload = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    answer = reader.send(PAGE, {"a.project_name": payload, "a.greeting": payload, "ref": payload})
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text


@pytest.fixture
def with_secrets(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Reader:
    manifest = TemplateManifest("tkt-chat", secrets=(SecretDeclaration("HF_TOKEN", "A token"),))
    files = TemplateFiles(manifest, None, "", asks=True, warnings=())
    monkeypatch.setattr(browse, "read_template", lambda *_: files)
    monkeypatch.setattr(prospect, "read_template", lambda *_: files)
    return a_reader(stage)


def test_a_typed_secret_is_used_and_never_sent_back(with_secrets: Reader) -> None:
    fields = {"action": "deploy", "key": "k", "v.HF_TOKEN": "hf-canary-123", "s.HF_TOKEN": ""}
    refused = with_secrets.send(PAGE, {**fields, "a.project_name": "Not Good"})
    assert refused.status_code == 422
    assert "hf-canary-123" not in refused.text
    assert "type it again" in refused.text
    assert with_secrets.send(PAGE, {**fields, "a.project_name": "good"}).status_code == 303
    stored = with_secrets.stage.platform.secrets.get("good/HF_TOKEN")
    assert stored.reveal() == "hf-canary-123"


def test_a_stored_secret_is_chosen_by_name(with_secrets: Reader) -> None:
    with_secrets.stage.platform.secrets.put("SHARED", SecretValue("value"))
    assert 'value="stored:SHARED"' in with_secrets.get(PAGE).text
    fields = {"action": "deploy", "key": "k", "a.project_name": "x"}
    missing = with_secrets.send(PAGE, fields)
    assert "the secret HF_TOKEN is missing" in missing.text
    with_secrets.send(PAGE, {**fields, "s.HF_TOKEN": "stored:SHARED"})
    assert with_secrets.stage.platform.deployments.get("x").secrets == {"HF_TOKEN": "SHARED"}


def test_where_values_are_fetched_none_can_be_typed(with_secrets: Reader) -> None:
    object.__setattr__(with_secrets.stage.platform, "secret_store", "the vault")
    page = with_secrets.get(PAGE).text
    assert "Fetched from the vault" in page
    assert "v.HF_TOKEN" not in page
    assert 'value="stored:HF_TOKEN" selected' in page
    fields = {"action": "deploy", "key": "k", "a.project_name": "x"}
    assert with_secrets.send(PAGE, fields).status_code == 303
    assert with_secrets.stage.platform.deployments.get("x").secrets == {"HF_TOKEN": "HF_TOKEN"}


def shown(form: Form, raw: dict[str, object] | None = None) -> list[tuple[str, str]]:
    """Return the fields that a browser would send back untouched."""
    raw = raw or {}
    pairs: list[tuple[str, str]] = []
    for each in question_fields(form, raw, (), all_errors=True):
        if each.kind == "several":
            pairs.append((f"m.{each.name}", "1"))
        if each.kind == "switch":
            pairs.append((f"a.{each.name}", "false"))
        chosen = [choice.text for choice in each.choices if choice.chosen]
        texts = chosen if each.choices else [each.text]
        if each.kind == "switch":
            texts = ["true"] if each.text == "true" else []
        pairs += [(f"a.{each.name}", text) for text in texts]
        pairs.append((f"d.{each.name}", each.default))
    return pairs + [(f"k.{name}", value) for name, value in kept_answers(form, raw)]


VALUES = st.one_of(
    st.text(max_size=20), st.integers(), st.booleans(), st.none(), st.lists(st.text(max_size=5))
)


@given(VALUES)
def test_an_untouched_default_is_no_answer(default: object) -> None:
    kind = "bool" if isinstance(default, bool) else "json" if isinstance(default, list) else "str"
    form = Form((Question("q", kind, value=default, default=default),))
    assert raw_answers(Fields(shown(form))) == {}


@given(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
def test_several_choices_come_back_as_they_were(chosen: list[str]) -> None:
    choices = tuple(Choice(value, value.upper()) for value in "abc")
    ordered = [value for value in "abc" if value in chosen]
    question = Question("q", "str", value=ordered, default=["a"], choices=choices, multiselect=True)
    raw = raw_answers(Fields(shown(Form((question,)))))
    assert raw == ({} if ordered == ["a"] else {"q": ordered})


@given(VALUES)
def test_answers_to_hidden_questions_are_kept(value: object) -> None:
    form = Form((), dropped=("q",))
    raw = raw_answers(Fields(shown(form, {"q": value})))
    assert raw == ({} if value is None else {"q": value})


def test_a_default_that_follows_another_answer_goes_on_following() -> None:
    before = Form((Question("title", "str", value="A page", default="A page"),))
    after = Form((Question("title", "str", value="B page", default="B page"),))
    raw = raw_answers(Fields(shown(before)))
    assert raw == {}
    assert question_fields(after, raw, (), all_errors=True)[0].text == "B page"


def test_models_say_what_they_need_beside_the_gpus_that_there_are() -> None:
    choices = tuple(
        Choice(name, name, details={"memory_gib": need}) for name, need in (("s", 5), ("l", 90.5))
    )
    question = Question("model", "str", choices=choices, dynamic_source=MODEL_CATALOG)
    (field,) = question_fields(Form((question,)), {}, (24.0, 80.0), all_errors=True)
    fits = [choice.fit.fits for choice in field.choices if choice.fit]
    assert (field.kind, fits) == ("model", [True, False])


def test_what_nobody_has_answered_is_not_called_wrong_yet() -> None:
    missing = Question("q", "str", error="it needs an answer")
    wrong = replace(missing, name="w", answered=True, error="it is too long")
    form = Form((missing, wrong), problems=(Problem("it needs an answer", field="q"),))
    fields = question_fields(form, {}, (), all_errors=False)
    assert [each.error for each in fields] == ["", "it is too long"]


def test_structures_are_shown_as_what_can_be_sent_again() -> None:
    assert text_of({"a": [1, None, "ü"]}) == '{"a": [1, null, "ü"]}'
