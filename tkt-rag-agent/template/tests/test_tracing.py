"""Traces, as a Langfuse server would receive them."""

import base64
import gzip
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rag_agent.errors import ModelError
from tests.builders import HANDBOOK, add, ask
from tests.conftest import Start

HOLIDAY = "How many days of paid holiday are there?"


class Collector:
    """Keeps what is sent to it: spans by name, with their attributes, and the keys."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.spans: dict[str, dict[str, Any]] = {}
        self.keys: set[str] = set()
        self.others: list[tuple[str, Any]] = []


@pytest.fixture
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            kept.keys.add(self.headers["authorization"])
            if self.path.endswith("/v1/traces"):
                _keep_spans(kept, body)
            else:
                kept.others.append((self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept = Collector(server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


def _keep_spans(kept: Collector, body: bytes) -> None:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {a.key: a.value.string_value for a in span.attributes}
                ids = {"id": span.span_id, "parent": span.parent_span_id}
                kept.spans[span.name] = {**attributes, **ids}


def keys(url: str, name: str) -> dict[str, Any]:
    # The SDK keeps one client per public key for the life of the process.
    return {
        "langfuse_base_url": url,
        "langfuse_public_key": f"pk-{name}",
        "langfuse_secret_key": "sk",
    }


def test_an_answer_is_traced_with_its_steps_person_and_scores(
    start: Start, collector: Collector
) -> None:
    client = start("Thirty [1].", **keys(collector.url, "whole"), trust_identity_headers=True)
    ann = {"X-Forwarded-User": "ann"}
    add(client, ("handbook.md", HANDBOOK), headers=ann)
    conversation = ask(client, HOLIDAY, headers=ann)["conversation_id"]
    start.stop()
    spans = collector.spans
    assert set(spans) == {"answer", "retrieval", "generation"}
    for step in ("retrieval", "generation"):
        assert spans[step]["parent"] == spans["answer"]["id"]
    for span in spans.values():
        assert (span["user.id"], span["session.id"]) == ("ann", conversation)
    assert "thirty days" in spans["retrieval"]["langfuse.observation.output"]
    assert HOLIDAY in spans["generation"]["langfuse.observation.input"]
    assert spans["generation"]["langfuse.observation.output"] == "Thirty [1]."
    assert json.loads(spans["generation"]["langfuse.observation.usage_details"])["input"] == 100
    assert collector.keys == {"Basic " + base64.b64encode(b"pk-whole:sk").decode()}
    [(path, scores)] = collector.others
    assert path == "/api/public/scores"
    assert {score["name"] for score in scores} == {"passages", "citations", "coverage"}


def test_a_failure_is_traced_as_an_error(start: Start, collector: Collector) -> None:
    client = start(ModelError("busy", "It is busy."), **keys(collector.url, "failing"))
    add(client, ("handbook.md", HANDBOOK))
    ask(client, HOLIDAY)
    start.stop()
    assert collector.spans["generation"]["langfuse.observation.level"] == "ERROR"
    assert "busy" in collector.spans["answer"]["langfuse.observation.status_message"]


def test_a_collector_that_is_down_or_hangs_changes_nothing(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = start(*["Thirty [1]."] * 5, **keys(url, "down"))
        add(client, ("handbook.md", HANDBOOK))
        for _ in range(5):
            answer = client.post("/api/ask", json={"question": HOLIDAY})
            assert answer.json()["status"] == "answered"
        start.stop()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_without_keys_nothing_is_traced_and_nothing_said(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    client = start("Thirty [1].")
    add(client, ("handbook.md", HANDBOOK))
    ask(client, HOLIDAY)
    assert "langfuse" not in caplog.text.lower()


def test_keys_without_an_address_send_nothing_anywhere(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    client = start("Thirty [1].", langfuse_public_key="pk", langfuse_secret_key="sk")
    add(client, ("handbook.md", HANDBOOK))
    assert ask(client, HOLIDAY)["status"] == "answered"
    assert "LANGFUSE_BASE_URL is not" in caplog.text
