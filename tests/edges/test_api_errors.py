"""Errors of the API: one shape for every exit, every problem at once."""

from __future__ import annotations

import logging

import httpx
import pytest

from tests.edges.platform import Scene, Unreachable, without
from thinkube_catalog.domain.errors import CatalogError, DeniedError

FIELDS = {"type", "title", "status", "detail", "instance", "errors"}
MEDIA_TYPE = "application/problem+json"


def problem_of(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    document = answer.json()
    assert isinstance(document, dict)
    assert set(document) == FIELDS
    assert document["status"] == status
    return document


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/api/v1/templates/tkt-chta", "template-not-found"),
        ("GET", "/api/v1/templates/tkt-chat?ref=v9", "release-not-found"),
        ("GET", "/api/v1/templates/none/releases", "template-not-found"),
        ("GET", "/api/v1/templates/none/readme", "template-not-found"),
        ("POST", "/api/v1/templates/none/form", "template-not-found"),
        ("POST", "/api/v1/templates/none/preview", "template-not-found"),
        ("GET", "/api/v1/deployments/none", "deployment-not-found"),
        ("GET", "/api/v1/deployments/none/events", "deployment-not-found"),
        ("GET", "/api/v1/deployments/none/logs", "deployment-not-found"),
        ("GET", "/api/v1/deployments/none/history", "deployment-not-found"),
        ("GET", "/api/v1/deployments/none/removal-plan", "deployment-not-found"),
        ("POST", "/api/v1/deployments/none/retry", "deployment-not-found"),
        ("POST", "/api/v1/deployments/none/renew", "deployment-not-found"),
        ("POST", "/api/v1/deployments/none/rollback", "deployment-not-found"),
        ("POST", "/api/v1/deployments/none/cancel", "deployment-not-found"),
        ("DELETE", "/api/v1/deployments/none", "deployment-not-found"),
        ("GET", "/api/v1/runs/none", "run-not-found"),
        ("GET", "/api/v1/nothing", "no-such-address"),
    ],
)
def test_what_does_not_exist_is_404_with_its_kind(
    client: httpx.Client, method: str, path: str, kind: str
) -> None:
    body: dict[str, str] | None = {} if method == "POST" else None
    document = problem_of(client.request(method, path, json=body), 404)
    assert document["type"] == f"/errors/{kind}"


def test_an_unknown_template_names_the_near_ones(client: httpx.Client) -> None:
    document = problem_of(client.get("/api/v1/templates/tkt-chta"), 404)
    assert "tkt-chat" in str(document["detail"])


def test_an_unknown_method_is_told_with_those_that_are_there(client: httpx.Client) -> None:
    answer = client.put("/api/v1/deployments")
    assert problem_of(answer, 405)["type"] == "/errors/method-not-allowed"
    assert "GET" in answer.headers["allow"]


def test_every_problem_of_a_request_is_listed_at_once(client: httpx.Client) -> None:
    asked = {
        "template": "tkt-guarded",
        "name": "Not A Name!",
        "secrets": {"HF_TOKN": {"value": "canary-value"}},
    }
    answer = client.post("/api/v1/deployments", json=asked)
    document = problem_of(answer, 422)
    errors = document["errors"]
    assert isinstance(errors, list)
    assert {each["field"] for each in errors} == {
        "name",
        "secrets.HF_TOKEN",
        "secrets.HF_TOKN",
    }
    assert "canary" not in answer.text


def test_every_fault_of_a_body_is_listed_at_once(client: httpx.Client) -> None:
    asked = {"template": "../x", "answers": [], "colour": "blue"}
    document = problem_of(client.post("/api/v1/deployments", json=asked), 422)
    errors = document["errors"]
    assert isinstance(errors, list)
    assert {each["field"] for each in errors} == {
        "body.template",
        "body.name",
        "body.answers",
        "body.colour",
    }


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b'{"answers": ' * 5_000, b"\xff\xfe", b"null", b"NaN"],
    ids=["nothing", "half", "deep lists", "deep objects", "no text", "null", "NaN"],
)
def test_a_body_that_is_no_json_object_is_a_fault_of_the_request(
    client: httpx.Client, body: bytes
) -> None:
    headers = {"content-type": "application/json"}
    answer = client.post("/api/v1/templates/tkt-chat/form", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    problem_of(answer, answer.status_code)


@pytest.mark.parametrize("text", [r"\ud800", r"\u0000", r"a\udfffb"])
def test_texts_that_cannot_be_stored_are_refused(client: httpx.Client, text: str) -> None:
    body = f'{{"answers": {{"greeting": ["{text}"]}}}}'
    headers = {"content-type": "application/json"}
    answer = client.post("/api/v1/templates/tkt-chat/form", content=body, headers=headers)
    problem_of(answer, 422)


def test_numbers_that_json_does_not_know_come_back_as_json(client: httpx.Client) -> None:
    body = b'{"answers": {"greeting": NaN, "count": 1e999}}'
    headers = {"content-type": "application/json"}
    answer = client.post("/api/v1/templates/tkt-chat/form", content=body, headers=headers)
    assert answer.status_code == 200
    assert "NaN" not in answer.text.replace('"nan"', "")
    answer.json()


def test_a_name_in_use_is_a_conflict(client: httpx.Client) -> None:
    asked = {"template": "tkt-chat", "name": "chat"}
    assert client.post("/api/v1/deployments", json=asked).status_code == 202
    document = problem_of(client.post("/api/v1/deployments", json=asked), 409)
    assert document["type"] == "/errors/deployment-taken"
    assert "tkt remove chat" in str(document["detail"])


def test_a_template_at_fault_is_500_with_what_is_wrong(client: httpx.Client) -> None:
    asked = {"answers": {"project_name": "a"}}
    document = problem_of(client.post("/api/v1/templates/tkt-broken/preview", json=asked), 500)
    assert document["type"] == "/errors/render"
    assert [each["message"] for each in document["errors"]] == ["the template divides by zero"]  # type: ignore[attr-defined] # a list


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ("sources", "/api/v1/templates/tkt-chat"),
        ("deployments", "/api/v1/deployments"),
        ("engine", "/api/v1/deployments/chat/logs"),
        ("forge", "/api/v1/deployments/chat/history"),
        ("secrets", "/api/v1/secrets"),
    ],
)
def test_what_does_not_answer_is_503_and_worth_another_try(
    scene: Scene, client: httpx.Client, part: str, path: str
) -> None:
    client.post("/api/v1/deployments", json={"template": "tkt-chat", "name": "chat"})
    with without(scene.platform, **{part: Unreachable()}):
        answer = client.get(path)
    assert problem_of(answer, 503)["type"] == "/errors/unavailable"
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(("error", "status"), [(DeniedError("no"), 403), (CatalogError("x"), 500)])
def test_every_kind_of_error_has_a_status(
    scene: Scene, client: httpx.Client, error: CatalogError, status: int
) -> None:
    def refuse() -> None:
        raise error

    scene.app.add_api_route("/refuse", refuse)
    assert problem_of(client.get("/refuse"), status)["detail"] == str(error)


def test_a_bug_is_a_problem_document_with_a_reference_into_the_log(
    scene: Scene, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    scene.app.add_api_route("/bug", lambda: dict[str, str]()["canary-of-the-inside"])
    with caplog.at_level(logging.ERROR):
        document = problem_of(client.get("/bug"), 500)
    assert "canary" not in str(document)
    assert str(document["instance"]) in caplog.text
