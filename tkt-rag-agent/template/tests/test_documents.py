import json
import threading
from typing import Any

import pytest

from rag_agent.extraction import Reading
from rag_agent.reading import read
from tests.builders import HANDBOOK, SALARIES, a_pdf, add, ask, wait_until
from tests.conftest import Start


def test_every_kind_of_file_is_taken_in_and_found_again(start: Start) -> None:
    client = start()
    job = add(
        client,
        ("handbook.md", HANDBOOK),
        ("salaries.txt", SALARIES),
        ("canteen.pdf", a_pdf("Preface", "Soup is served on Thursdays.")),
        ("parking.html", "<h1>Parking</h1><p>Bicycles are parked in the cellar.</p>"),
    )
    assert [file["state"] for file in job["files"]] == ["added"] * 4
    found = {document["name"] for document in client.get("/api/documents").json()}
    assert found == {"handbook.md", "salaries.txt", "canteen.pdf", "parking.html"}
    soup = ask(client, "When is soup served?")["passages"][0]
    assert (soup["document"], soup["page"]) == ("canteen.pdf", 2)
    bicycles = ask(client, "Where are bicycles parked?")["passages"][0]
    assert (bicycles["document"], bicycles["section"]) == ("parking.html", "Parking")


def test_one_bad_file_does_not_stop_the_others(start: Start) -> None:
    job = add(start(), ("bad.pdf", b"nonsense"), ("../good.md", HANDBOOK), ("tool.exe", b"MZ"))
    assert [file["state"] for file in job["files"]] == ["failed", "added", "failed"]
    assert "damaged" in job["files"][0]["problem"]
    assert job["files"][1]["name"] == "good.md"
    assert ".exe" in job["files"][2]["problem"]


def test_who_asks_before_a_document_is_read_is_told_to_ask_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start()
    may_go_on = threading.Event()

    def wait_and_read(*given: Any) -> Reading:
        assert may_go_on.wait(20)
        return read(*given)

    monkeypatch.setattr("rag_agent.ingestion.read", wait_and_read)
    files = [("files", ("handbook.md", HANDBOOK))]
    job = client.post("/api/documents", files=files, data={"acl": "everyone"}).json()
    answer = ask(client, "How many days of paid holiday?")
    assert answer["status"] == "nothing_found"
    assert "1 file is still being read" in answer["message"]
    may_go_on.set()
    wait_until(lambda: client.get(f"/api/ingestions/{job['ingestion_id']}").json()["done"])
    assert ask(client, "How many days of paid holiday?")["passages"]


def test_the_same_document_again_changes_nothing(start: Start) -> None:
    client = start()
    add(client, ("handbook.md", HANDBOOK))
    before = client.get("/api/documents").json()
    job = add(client, ("handbook.md", HANDBOOK))
    assert job["files"][0]["state"] == "unchanged"
    assert client.get("/api/documents").json() == before
    passages = ask(client, "How many days of paid holiday?")["passages"]
    assert len({passage["text"] for passage in passages}) == len(passages)


def test_a_changed_document_replaces_its_earlier_version(start: Start) -> None:
    client = start()
    add(client, ("handbook.md", HANDBOOK + "\n## Old\n\nFaxes are sent weekly.\n"))
    add(client, ("handbook.md", HANDBOOK.replace("thirty", "forty")))
    assert len(client.get("/api/documents").json()) == 1
    assert ask(client, "Are faxes sent weekly?")["status"] == "nothing_found"
    texts = [p["text"] for p in ask(client, "How many days of paid holiday?")["passages"]]
    assert any("forty" in text for text in texts)
    assert not any("thirty" in text for text in texts)


def test_new_readers_alone_are_a_change(start: Start) -> None:
    tokens = json.dumps({"a": {"user": "ann"}, "b": {"user": "ben"}})
    client = start(api_tokens=tokens)
    ann, ben = {"Authorization": "Bearer a"}, {"Authorization": "Bearer b"}
    add(client, ("handbook.md", HANDBOOK), headers=ann)
    assert client.get("/api/documents", headers=ben).json()
    add(client, ("handbook.md", HANDBOOK), acl="user:ann", headers=ann)
    assert client.get("/api/documents", headers=ben).json() == []
    assert ask(client, "paid holiday", headers=ben)["passages"] == []


def test_a_removed_document_is_gone_with_all_its_passages(start: Start) -> None:
    client = start()
    add(client, ("handbook.md", HANDBOOK), ("salaries.txt", SALARIES))
    chosen = next(d for d in client.get("/api/documents").json() if d["name"] == "handbook.md")
    assert client.delete(f"/api/documents/{chosen['document_id']}").status_code == 200
    assert [d["name"] for d in client.get("/api/documents").json()] == ["salaries.txt"]
    assert ask(client, "How many days of paid holiday?")["passages"] == []
    assert client.delete(f"/api/documents/{chosen['document_id']}").status_code == 404


def test_limits_are_told_and_kept(start: Start) -> None:
    client = start(max_file_mb=0.01, max_upload_mb=0.1, max_files=2)
    job = add(client, ("big.txt", b"x" * 20_000), ("small.txt", SALARIES))
    assert "larger than 0.01 MB" in job["files"][0]["problem"]
    assert job["files"][1]["state"] == "added"
    three = [("files", (f"{n}.txt", b"text")) for n in range(3)]
    assert "At most 2 files" in client.post("/api/documents", files=three).json()["detail"]
    huge = client.post("/api/documents", files=[("files", ("h.txt", b"x" * 200_000))])
    assert huge.status_code == 413


def test_a_body_of_unknown_length_is_counted_as_it_comes(start: Start) -> None:
    client = start(max_upload_mb=0.1)
    parts = (b"x" * 50_000 for _ in range(10))
    reply = client.post("/api/ask", content=parts, headers={"content-type": "application/json"})
    assert reply.status_code == 413


def test_documents_are_still_there_after_a_restart(start: Start) -> None:
    add(start(qdrant_url=""), ("handbook.md", HANDBOOK))
    start.stop()
    again = start(qdrant_url="")
    assert [document["name"] for document in again.get("/api/documents").json()] == ["handbook.md"]
    assert ask(again, "How many days of paid holiday?")["passages"]


def test_a_file_without_a_name_is_no_upload(start: Start) -> None:
    client = start()
    assert client.post("/api/documents", files=[]).status_code == 422


@pytest.mark.parametrize("acl", ["ann", "user:", "group:a\x07b"])
def test_readers_that_are_no_principals_are_refused(start: Start, acl: str) -> None:
    client = start(api_tokens=json.dumps({"a": {"user": "ann"}}))
    reply = client.post(
        "/api/documents",
        files=[("files", ("a.txt", b"text"))],
        data={"acl": acl},
        headers={"Authorization": "Bearer a"},
    )
    assert reply.status_code == 422
    assert "user:NAME" in reply.json()["detail"]
