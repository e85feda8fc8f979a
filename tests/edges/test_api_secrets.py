"""Secrets by API: values go in and never come out, whatever is asked and whatever fails."""

from __future__ import annotations

import logging

import httpx
import pytest

from tests.edges.platform import Scene

CANARY = "canary-6f1d2c"


def everything(client: httpx.Client) -> str:
    """Return what every route says, each as text."""
    paths = [
        "/api/v1/templates/tkt-guarded",
        "/api/v1/deployments",
        "/api/v1/secrets",
        "/metrics",
        "/ready",
        "/openapi.json",
        *(
            f"/api/v1/deployments/guarded{part}"
            for part in ("", "/events", "/logs", "/history", "/removal-plan")
        ),
    ]
    return "\n".join(client.get(path).text for path in paths)


def test_a_stored_secret_is_listed_without_its_value(client: httpx.Client) -> None:
    assert client.put("/api/v1/secrets/HF_TOKEN", json={"value": CANARY}).status_code == 204
    listed = client.get("/api/v1/secrets")
    assert [each["key"] for each in listed.json()["items"]] == ["HF_TOKEN"]
    assert CANARY not in listed.text


def test_a_secret_is_replaced_and_deleted(scene: Scene, client: httpx.Client) -> None:
    for value in ("first", CANARY):
        client.put("/api/v1/secrets/chat/HF_TOKEN", json={"value": value})
    assert scene.secrets.get("chat/HF_TOKEN").reveal() == CANARY
    for _ in range(2):
        assert client.delete("/api/v1/secrets/chat/HF_TOKEN").status_code == 204
    assert client.get("/api/v1/secrets").json()["items"] == []


@pytest.mark.parametrize("key", ["hf_token", "provider:gateway", "..%2FHF", "A/B", "A B", "a/b/C"])
def test_a_key_is_an_environment_name(client: httpx.Client, key: str) -> None:
    for method, body in (("PUT", {"value": CANARY}), ("DELETE", None)):
        answer = client.request(method, f"/api/v1/secrets/{key}", json=body)
        assert answer.status_code == 422
        assert CANARY not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"value": ""},
        {"value": [CANARY]},
        {"valeu": CANARY},
        {"value": CANARY, "more": CANARY},
        [CANARY],
        CANARY,
        {"value": CANARY + "\0"},
    ],
)
def test_a_refused_value_is_not_repeated(client: httpx.Client, body: object) -> None:
    answer = client.put("/api/v1/secrets/HF_TOKEN", json=body)
    assert answer.status_code == 422
    assert CANARY not in answer.text


def test_a_secret_of_a_deployment_shows_nowhere(
    scene: Scene, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {
        "template": "tkt-guarded",
        "name": "guarded",
        "secrets": {"HF_TOKEN": {"value": CANARY}},
    }
    with caplog.at_level(logging.DEBUG):
        answers = [client.post("/api/v1/deployments", json=asked).text, everything(client)]
        scene.break_next_versions(f"401 for the token {CANARY}")
        answers += [client.post("/api/v1/deployments", json={**asked, "name": "other"}).text]
        answers += [client.get("/api/v1/deployments/other/events").text]
        run = client.get("/api/v1/deployments/other").json()["run"]["id"]
        answers += [client.get(f"/api/v1/runs/{run}").text]
    assert scene.secrets.get("guarded/HF_TOKEN").reveal() == CANARY
    assert [text for text in answers if CANARY in text] == []
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "secrets",
    [
        {"HF_TOKEN": CANARY},
        {"HF_TOKEN": {"value": CANARY, "colour": CANARY}},
        {"HF_TOKEN": [CANARY]},
        {"HF_TOKEN": {"value": CANARY}, "OTHER": {"value": CANARY}},
        {"HF_TOKEN": {"value": CANARY, "stored": "NOT_STORED"}},
    ],
)
def test_a_request_refused_for_its_secrets_does_not_repeat_them(
    client: httpx.Client, secrets: object
) -> None:
    asked = {"template": "tkt-guarded", "name": "Wrong Name", "secrets": secrets}
    answer = client.post("/api/v1/deployments", json=asked)
    assert answer.status_code == 422
    assert CANARY not in answer.text
    assert client.get("/api/v1/secrets").json()["items"] == []


def test_the_application_s_own_words_do_not_give_a_secret_away(
    scene: Scene, client: httpx.Client
) -> None:
    client.put("/api/v1/secrets/HF_TOKEN", json={"value": CANARY})
    scene.break_next_versions(f"401 for the token {CANARY}")
    client.post("/api/v1/deployments", json={"template": "tkt-guarded", "name": "guarded"})
    assert CANARY not in client.get("/api/v1/deployments/guarded").text
