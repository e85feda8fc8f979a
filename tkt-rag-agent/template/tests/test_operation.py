import json
import re
import socket
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from rag_agent.application import create_app
from rag_agent.services import Services
from rag_agent.settings import Settings, table
from rag_agent.shell import Shell
from tests.builders import HANDBOOK, a_settings, add, ask, wait_until
from tests.conftest import Start

HERE = Path(__file__).parents[1]


def test_health_answers_while_everything_else_still_loads(tmp_path: Path) -> None:
    with TestClient(Shell(a_settings(tmp_path, app_name="legal-qa"))) as client:
        assert client.get("/health").json() == {"status": "healthy", "component": "legal-qa"}
        wait_until(lambda: client.get("/ready").status_code == 200, seconds=60)
        assert client.get("/health").status_code == 200
        page = client.get("/")
        assert "Document assistant" in page.text
        assert not re.findall(r'(?:src|href)="https?://(?!testserver)', page.text)


def test_the_index_of_another_process_is_explained(start: Start, tmp_path: Path) -> None:
    start(qdrant_url="")
    second = TestClient(create_app(Services(a_settings(tmp_path, qdrant_url=""))))
    with second as client:
        wait_until(lambda: "Another process" in client.get("/ready").json()["reason"])
        assert client.get("/health").status_code == 200


def test_an_unreachable_server_is_named_in_the_reason(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with TestClient(create_app(Services(a_settings(tmp_path, qdrant_url=url)))) as client:
            wait_until(lambda: url in client.get("/ready").json()["reason"])
            reply = client.post("/api/ask", json={"question": "x"})
            assert (reply.status_code, url in reply.json()["detail"]) == (503, True)


def test_a_collection_of_somebody_else_is_left_alone(start: Start, tmp_path: Path) -> None:
    from qdrant_client import QdrantClient, models

    client = QdrantClient(path=str(tmp_path / "qdrant"))
    client.create_collection("documents", models.VectorParams(size=2, distance=models.Distance.DOT))
    client.close()
    with TestClient(create_app(Services(a_settings(tmp_path, qdrant_url="")))) as started:
        wait_until(lambda: "not made by this" in started.get("/ready").json()["reason"])


def test_figures_are_counted_by_route_and_not_by_address(start: Start) -> None:
    client = start("Thirty [1].")
    job = add(client, ("handbook.md", HANDBOOK))
    ask(client, "How many days of paid holiday?")
    text = client.get("/metrics").text
    assert 'rag_requests_total{method="POST",route="/api/ask",status="200"} 1.0' in text
    assert 'route="/api/ingestions/{ingestion_id}"' in text
    assert job["ingestion_id"] not in text
    assert "rag_ingested_chunks_total 2.0" in text
    assert "rag_retrieval_coverage_count 1.0" in text


def test_errors_have_one_shape_and_name_every_field(start: Start) -> None:
    reply = start().post("/api/ask", json={"question": 1, "stream": "perhaps"})
    assert reply.headers["content-type"] == "application/problem+json"
    assert {item["field"] for item in reply.json()["problems"]} == {"question", "stream"}


def test_the_readme_lists_every_setting() -> None:
    readmes = [*HERE.glob("README.md"), *HERE.glob("README.md.jinja")]
    assert table() in readmes[0].read_text(encoding="utf-8")


def test_settings_that_disagree_are_refused_without_telling_secrets(tmp_path: Path) -> None:
    bad = {"chunk_size": 200, "chunk_overlap": 150}
    with pytest.raises(ValidationError, match="CHUNK_OVERLAP"):
        a_settings(tmp_path, **bad)
    with pytest.raises(ValidationError, match="user:NAME"):
        a_settings(tmp_path, admins="ann")
    for broken in ('{"the-secret": ', '{"the-secret": {"user": 5}}'):
        with pytest.raises(ValidationError) as caught:
            a_settings(tmp_path, api_tokens=broken)
        assert "the-secret" not in str(caught.value).replace("api_tokens.the-secret", "")


def test_secrets_do_not_show_in_the_settings(tmp_path: Path) -> None:
    tokens = json.dumps({"hush-token": {"user": "ann"}})
    settings = a_settings(tmp_path, llm_api_key="hush-key", api_tokens=tokens)
    assert "hush" not in repr(settings)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_BASE_URL", "http://gateway:4000")
    monkeypatch.setenv("LLM_MODEL", "small")
    monkeypatch.setenv("API_TOKENS", '{"t": {"user": "ann", "groups": ["a"]}}')
    monkeypatch.setenv("ADMINS", "user:ann, group:it")
    settings = Settings()
    assert settings.model_is_configured
    assert settings.api_tokens["t"].groups == ("a",)
    assert settings.admins == {"user:ann", "group:it"}


def test_many_callers_at_once_get_their_own_answers(start: Start) -> None:
    client = start(trust_identity_headers=True)
    people = [f"p{number}" for number in range(8)]
    for person in people:
        add(
            client,
            ("notes.txt", f"The password word of the day is {person}{person}."),
            acl=f"user:{person}",
            headers={"X-Forwarded-User": person},
        )
    wrong: list[str] = []

    def check(person: str) -> None:
        for _ in range(5):
            found = ask(client, "password of the day", headers={"X-Forwarded-User": person})
            if [p["text"] for p in found["passages"]] != [
                f"The password word of the day is {person}{person}."
            ]:
                wrong.append(person)

    threads = [threading.Thread(target=check, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
