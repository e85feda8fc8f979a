"""The real client for models and embeddings, against an endpoint on this machine."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import HANDBOOK, add, ask, wait_until
from tests.conftest import Start
from tests.gateway import Gateway, a_gateway

HOLIDAY = "How many days of paid holiday are there?"
KEY = "a-very-secret-key"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with a_gateway() as running:
        yield running


def model(gateway: Gateway, **changes: Any) -> dict[str, Any]:
    return {"llm_base_url": gateway.url, "llm_model": "m", "llm_api_key": KEY, **changes}


def embeddings(gateway: Gateway, name: str = "e") -> dict[str, Any]:
    return {"embeddings_base_url": gateway.url, "embeddings_model": name}


def test_an_answer_comes_from_the_endpoint(start: Start, gateway: Gateway) -> None:
    client = start(**model(gateway))
    add(client, ("handbook.md", HANDBOOK))
    answer = ask(client, HOLIDAY)
    assert answer["answer"].strip() == "Thirty days [1]."
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    [sent] = gateway.requests
    assert (sent["path"], sent["key"], sent["model"]) == (
        "/v1/chat/completions",
        f"Bearer {KEY}",
        "m",
    )


def test_a_busy_endpoint_is_tried_again(start: Start, gateway: Gateway) -> None:
    gateway.failures = [429, 503]
    client = start(**model(gateway, llm_retries=2))
    add(client, ("handbook.md", HANDBOOK))
    assert ask(client, HOLIDAY)["status"] == "answered"
    assert len(gateway.requests) == 3


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "LLM_API_KEY"),
        (403, "LLM_API_KEY"),
        (404, "LLM_MODEL"),
        (429, "busy"),
        (400, "(400)"),
        (500, "(500)"),
    ],
)
def test_a_refusal_is_explained_and_never_tells_the_key(
    start: Start, gateway: Gateway, status: int, reason: str
) -> None:
    gateway.failures = [status] * 5
    client = start(**model(gateway, llm_retries=0))
    add(client, ("handbook.md", HANDBOOK))
    answer = ask(client, HOLIDAY)
    assert (answer["status"], bool(answer["passages"])) == ("model_failed", True)
    assert reason in answer["message"]
    assert KEY not in str(answer)


def test_an_endpoint_that_is_down_is_named(start: Start) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        client = start(llm_base_url=url, llm_model="m", llm_retries=0)
        add(client, ("handbook.md", HANDBOOK))
        assert f"Nothing answers at {url}/v1" in ask(client, HOLIDAY)["message"]


def test_an_endpoint_that_hangs_is_given_up(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = start(llm_base_url=url, llm_model="m", llm_retries=0, llm_timeout_s=0.3)
        add(client, ("handbook.md", HANDBOOK))
        assert "in time" in ask(client, HOLIDAY)["message"]


def test_meaning_finds_what_words_do_not(start: Start, gateway: Gateway) -> None:
    by_words = start()
    add(by_words, ("handbook.md", HANDBOOK))
    assert ask(by_words, "vacation")["passages"] == []
    start.stop()
    by_meaning = start(**embeddings(gateway))
    add(by_meaning, ("handbook.md", HANDBOOK))
    answer = ask(by_meaning, "vacation")
    assert answer["retrieval"] == "words and meaning"
    assert answer["passages"][0]["section"] == "Holidays"
    assert answer["passages"][0]["similarity"] > 0.35


def test_search_by_meaning_keeps_to_the_readers(start: Start, gateway: Gateway) -> None:
    client = start(**embeddings(gateway), trust_identity_headers=True)
    ann, ben = {"X-Forwarded-User": "ann"}, {"X-Forwarded-User": "ben"}
    add(client, ("handbook.md", HANDBOOK), acl="user:ann", headers=ann)
    assert ask(client, "vacation", headers=ann)["passages"]
    assert ask(client, "vacation", headers=ben)["passages"] == []


def test_words_go_on_while_the_embeddings_are_down(start: Start, gateway: Gateway) -> None:
    client = start(**embeddings(gateway), llm_retries=0)
    add(client, ("handbook.md", HANDBOOK))
    gateway.embeddings_fail = True
    answer = ask(client, HOLIDAY)
    assert (answer["retrieval"], bool(answer["passages"])) == ("words", True)
    assert any("embedding model did not answer" in note for note in answer["notes"])
    job = add(client, ("new.md", HANDBOOK))
    assert job["files"][0]["state"] == "failed"


def test_another_embedding_model_is_noticed_and_explained(start: Start, gateway: Gateway) -> None:
    add(start(**embeddings(gateway), qdrant_url=""), ("handbook.md", HANDBOOK))
    start.stop()
    for number, changed in enumerate((embeddings(gateway, "another"), {})):
        client = start(**changed, qdrant_url="")
        notes = " ".join(client.get("/ready").json()["notes"])
        assert "was made with gateway:e" in notes
        assert "COLLECTION" in notes
        assert ask(client, HOLIDAY)["passages"], "words still work"
        assert add(client, (f"more{number}.txt", "Lunch."))["files"][0]["state"] == "added"
        start.stop()


def test_the_index_opens_once_the_embeddings_are_there(start: Start, gateway: Gateway) -> None:
    from fastapi.testclient import TestClient

    from rag_agent.application import create_app
    from rag_agent.services import Services
    from tests.builders import a_settings

    gateway.embeddings_fail = True
    settings = a_settings(start.folder, **embeddings(gateway), llm_retries=0)
    with TestClient(create_app(Services(settings))) as client:
        wait_until(lambda: "did not answer" in client.get("/ready").json().get("reason", ""))
        assert client.get("/ready").status_code == 503
        assert client.get("/api/documents").status_code == 503
        gateway.embeddings_fail = False
        wait_until(lambda: client.get("/ready").status_code == 200)
