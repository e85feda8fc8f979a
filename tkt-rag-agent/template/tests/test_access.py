"""Attempts to read, or to touch, what one may not."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.builders import HANDBOOK, SALARIES, ScriptedWriter, add, ask
from tests.conftest import Start

TOKENS = json.dumps(
    {
        "ann-token": {"user": "ann", "groups": ["board"]},
        "ben-token": {"user": "ben", "groups": ["sales"]},
        "root-token": {"user": "root", "groups": ["it"]},
    }
)
ANN = {"Authorization": "Bearer ann-token"}
BEN = {"Authorization": "Bearer ben-token"}
ROOT = {"Authorization": "Bearer root-token"}
NOBODY: dict[str, str] = {}
SECRET = "What is the salary of the managing director?"


@pytest.fixture
def client(start: Start) -> TestClient:
    """ann has shared the salaries with the board, and the handbook with everyone."""
    script = ScriptedWriter(*["It is in the documents [1]."] * 20)
    started = start(writer=script, api_tokens=TOKENS, admins="group:it")
    add(started, ("salaries.txt", SALARIES), acl="group:board", headers=ANN)
    add(started, ("handbook.md", HANDBOOK), headers=ANN)
    started.app.state.script = script  # type: ignore[attr-defined]  # an ASGI app, to its type
    return started


def asked_plainly(client: TestClient, headers: dict[str, str]) -> str:
    return json.dumps(ask(client, SECRET, headers=headers))


def asked_as_stream(client: TestClient, headers: dict[str, str]) -> str:
    body = {"question": SECRET, "stream": True}
    return client.post("/api/ask", json=body, headers=headers).text


def asked_as_completion(client: TestClient, headers: dict[str, str], **more: Any) -> str:
    messages = [{"role": "user", "content": SECRET}]
    body = {"model": "rag-agent", "messages": messages, "user": "ann", **more}
    return client.post("/v1/chat/completions", json=body, headers=headers).text


def asked_as_streamed_completion(client: TestClient, headers: dict[str, str]) -> str:
    return asked_as_completion(client, headers, stream=True)


WAYS = [asked_plainly, asked_as_stream, asked_as_completion, asked_as_streamed_completion]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("headers", [BEN, NOBODY])
def test_a_passage_reaches_neither_the_caller_nor_the_model(
    client: TestClient,
    way: Callable[[TestClient, dict[str, str]], str],
    headers: dict[str, str],
) -> None:
    assert "crowns" not in way(client, headers)
    assert not any("crowns" in str(p) for p in client.app.state.script.prompts)  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", WAYS)
def test_whoever_may_read_it_gets_it(
    client: TestClient, way: Callable[[TestClient, dict[str, str]], str]
) -> None:
    assert "crowns" in way(client, ANN)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "board"},
        {**BEN, "X-Forwarded-User": "ann", "X-Forwarded-Groups": "board"},
        {**BEN, "X-Forwarded-Groups": "board"},
    ],
)
def test_identity_headers_are_not_believed_unless_told_to(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert "crowns" not in asked_plainly(client, headers)


def test_identity_headers_are_believed_behind_a_proxy(start: Start) -> None:
    client = start(trust_identity_headers=True)
    ann = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "board, staff"}
    add(client, ("salaries.txt", SALARIES), acl="group:board", headers=ann)
    assert "crowns" in asked_plainly(
        client, {"X-Forwarded-User": "c", "X-Forwarded-Groups": "board"}
    )
    assert "crowns" not in asked_plainly(client, {"X-Forwarded-User": "board"})
    assert "crowns" not in asked_plainly(client, {"X-Forwarded-Groups": "board"})
    doubled = [("X-Forwarded-User", "ben"), ("X-Forwarded-User", "ann")]
    assert client.get("/api/documents", headers=doubled).status_code == 401


def test_a_user_cannot_pass_as_a_group_or_as_everyone(start: Start) -> None:
    client = start(trust_identity_headers=True)
    add(client, ("s.txt", SALARIES), acl="group:board", headers={"X-Forwarded-User": "ann"})
    for name in ("everyone", "group:board", "board", "ann,group:board", "user:ann"):
        assert client.get("/api/documents", headers={"X-Forwarded-User": name}).json() == []


def test_a_wrong_token_is_an_error_and_not_an_anonymous_reader(client: TestClient) -> None:
    reply = client.get("/api/documents", headers={"Authorization": "Bearer wrong"})
    assert reply.status_code == 401
    completion = client.post(
        "/v1/chat/completions",
        json={"model": "rag-agent", "messages": [{"role": "user", "content": "x"}]},
        headers={"Authorization": "Bearer wrong"},
    )
    assert completion.status_code == 401
    assert "token" in completion.json()["error"]["message"]


@pytest.mark.parametrize("headers", [BEN, NOBODY])
def test_a_document_that_one_may_not_read_is_not_listed(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert [d["name"] for d in client.get("/api/documents", headers=headers).json()] == [
        "handbook.md"
    ]


def test_only_the_owner_or_an_admin_removes_a_document(client: TestClient) -> None:
    mine = {d["name"]: d["document_id"] for d in client.get("/api/documents", headers=ANN).json()}
    hidden, public = mine["salaries.txt"], mine["handbook.md"]
    assert client.delete(f"/api/documents/{hidden}", headers=BEN).status_code == 404
    assert client.delete(f"/api/documents/{public}", headers=BEN).status_code == 403
    assert client.delete(f"/api/documents/{public}", headers=NOBODY).status_code == 403
    assert client.delete(f"/api/documents/{public}", headers=ROOT).status_code == 200
    assert client.delete(f"/api/documents/{hidden}", headers=ANN).status_code == 200


def test_the_same_name_from_another_person_replaces_nothing(client: TestClient) -> None:
    add(client, ("handbook.md", "Everything is free for everybody today."), headers=BEN)
    names = [(d["name"], d["owner"]) for d in client.get("/api/documents", headers=ANN).json()]
    assert ("handbook.md", "ann") in names
    assert ("handbook.md", "ben") in names


def test_nobody_adds_documents_without_signing_in(client: TestClient) -> None:
    reply = client.post("/api/documents", files=[("files", ("a.txt", b"text"))])
    assert reply.status_code == 403


def test_another_persons_ingestion_is_not_there(client: TestClient) -> None:
    job = add(client, ("more.txt", "More text of ann."), headers=ANN)
    address = f"/api/ingestions/{job['ingestion_id']}"
    assert client.get(address, headers=BEN).status_code == 404
    assert client.get(address, headers=NOBODY).status_code == 404
    assert client.get(address, headers=ROOT).status_code == 200


@pytest.mark.parametrize("headers", [BEN, NOBODY])
def test_the_memory_of_anothers_conversation_stays_theirs(
    client: TestClient, headers: dict[str, str]
) -> None:
    ask(client, SECRET, headers=ANN, conversation_id="c1")
    ask(client, "And what about holiday?", headers=headers, conversation_id="c1")
    assert "managing director" not in client.app.state.script.last_prompt  # type: ignore[attr-defined]
    assert client.delete("/api/conversations/c1", headers=headers).json()["turns_forgotten"] == 1
    assert client.delete("/api/conversations/c1", headers=ANN).json()["turns_forgotten"] == 1


def test_another_web_site_cannot_use_the_readers_session(client: TestClient) -> None:
    foreign = {**ANN, "Sec-Fetch-Site": "cross-site"}
    sent = client.post("/api/documents", files=[("files", ("a.txt", b"t"))], headers=foreign)
    assert sent.status_code == 403
