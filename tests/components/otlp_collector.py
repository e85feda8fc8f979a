"""A collector of OTLP traces that stands in for a Langfuse server and keeps what it receives.

It reads the protocol buffers itself (opentelemetry-proto, trace/v1/trace.proto), as the project has
no other use for that library.
"""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LENGTH_DELIMITED, _VARINT, _FIXED64, _FIXED32 = 2, 0, 1, 5


@dataclass(frozen=True)
class Span:
    name: str
    span_id: bytes
    parent_id: bytes
    attributes: dict[str, str]  # those with text values


@dataclass
class Collector:
    """Everything that was received so far."""

    url: str
    spans: list[Span] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)


@contextmanager
def otlp_collector() -> Iterator[Collector]:
    """A collector on a free port of this machine, for as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path.endswith("/v1/traces"):
                collector.authorizations.add(self.headers.get("authorization", ""))
                collector.spans += _spans(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(request: bytes) -> Iterator[Span]:
    for resource in _parts(request, 1):
        for scope in _parts(resource, 2):
            for span in _parts(scope, 2):
                yield Span(
                    name=_text(span, 5),
                    span_id=b"".join(_parts(span, 2)),
                    parent_id=b"".join(_parts(span, 4)),
                    attributes={
                        _text(pair, 1): "".join(_text(value, 1) for value in _parts(pair, 2))
                        for pair in _parts(span, 9)
                    },
                )


def _text(message: bytes, number: int) -> str:
    return b"".join(_parts(message, number)).decode()


def _parts(message: bytes, number: int) -> list[bytes]:
    """The length-delimited values of one field of a message."""
    found: list[bytes] = []
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            length, at = _varint(message, at)
            if key >> 3 == number:
                found.append(message[at : at + length])
            at += length
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at
