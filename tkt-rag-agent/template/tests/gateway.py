"""A small OpenAI-compatible endpoint on a port of its own, which fails as it is told to."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

_SIZE = 16
_SYNONYMS = {"vacation": "holiday", "leave": "holiday"}


@dataclass
class Gateway:
    """What the endpoint does, and what it was sent. `failures` are statuses, used up in order."""

    url: str
    reply: str = "Thirty days [1]."
    failures: list[int] = field(default_factory=list)
    embeddings_fail: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def a_gateway() -> Iterator[Gateway]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            key = self.headers["authorization"]
            gateway.requests.append({"path": self.path, "key": key, **body})
            if self.path == "/v1/embeddings" and not gateway.embeddings_fail:
                self._send(200, _embeddings(body))
            elif gateway.failures or self.path == "/v1/embeddings":
                status = gateway.failures.pop(0) if gateway.failures else 500
                self._send(status, {"error": {"message": f"no; key was {key}"}})
            else:
                self._stream()

        def _send(self, status: int, content: dict[str, Any]) -> None:
            raw = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for word in gateway.reply.split(" "):
                self._event({"choices": [{"index": 0, "delta": {"content": f"{word} "}}]})
            usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
            self._event({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")

        def _event(self, content: dict[str, Any]) -> None:
            whole = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
            self.wfile.write(f"data: {json.dumps({**whole, **content})}\n\n".encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway = Gateway(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    rows = [
        {"object": "embedding", "index": at, "embedding": _meaning(text)}
        for at, text in enumerate(texts)
    ]
    return {"object": "list", "model": body["model"], "data": rows, "usage": {"total_tokens": 0}}


def _meaning(text: str) -> list[float]:
    """A bag of words in which synonyms are one."""
    vector = [0.001] * _SIZE
    for word in re.findall(r"[a-z]{5,}", text.lower()):
        vector[crc32(_SYNONYMS.get(word, word).encode()) % _SIZE] += 1
    return vector
