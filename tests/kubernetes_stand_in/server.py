"""The server, and what goes wrong at it."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.kubernetes_stand_in.calls import Refusal
from tests.kubernetes_stand_in.content import Json, KubernetesStandIn
from tests.kubernetes_stand_in.routes import Call


@contextmanager
def kubernetes_stand_in() -> Generator[KubernetesStandIn]:
    """Serve, on a free port."""
    cluster = KubernetesStandIn()
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    http.daemon_threads = False
    cluster.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield cluster
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    cluster: KubernetesStandIn

    def do_GET(self) -> None:
        request = f"{self.command} {self.path}"
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        self.cluster.requests.append(request)
        self.cluster.before(request)
        fault = _due(self.cluster, request)
        if fault in {"drop before", "reset"}:
            _break(self.connection, reset=fault == "reset")
            self.close_connection = True
        elif fault == "429":
            self._send(429, {"kind": "Status", "message": "not now"}, {"Retry-After": "1"})
        elif fault in {"500", "503"}:
            self._send(int(fault), {"kind": "Status", "message": "not now"})
        elif fault == "echo":
            self._send(422, {"kind": "Status", "message": f"denied: {json.dumps(body)}"})
        elif fault == "no json":
            self._send(200, "<html>a proxy's page</html>")
        else:
            self._answer(body, fault)

    do_POST = do_PATCH = do_DELETE = do_PUT = do_GET  # noqa: N815 (as above)

    def _answer(self, body: Json, fault: str) -> None:
        try:
            with self.cluster.lock:
                self.cluster.tidy()
                status, answer = Call(self.cluster, self.command, self.path, body).answer(
                    self.headers.get("Authorization", ""), self.headers.get("Content-Type", "")
                )
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body
        if "as=PartialObjectMetadata" in self.headers.get("Accept", ""):
            answer = _metadata_alone(answer)
        if fault == "drop after":
            _break(self.connection, reset=False)
            self.close_connection = True
        elif fault == "500 after":
            self._send(500, {"kind": "Status", "message": "afterwards"})
        else:
            self._send(status, answer, cut=5 if fault == "half a body" else 0)

    def _send(
        self, status: int, body: Any, headers: dict[str, str] | None = None, cut: int = 0
    ) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.cluster.answered.append(text)
        content = text.encode()
        self.send_response(status)
        for header, value in (headers or {}).items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - cut])
        self.close_connection = self.close_connection or bool(cut)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the terminal."""


def _metadata_alone(answer: Any) -> Any:
    if not isinstance(answer, dict) or answer.get("kind") == "Status":
        return answer
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": answer["metadata"],
    }


def _due(cluster: KubernetesStandIn, call: str) -> str:
    with cluster.lock:
        for fault in cluster.faults:
            if fault.fired < fault.times and re.search(fault.at, call):
                fault.fired += 1
                return fault.kind
    return ""


def _break(connection: socket.socket, *, reset: bool) -> None:
    if reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    else:
        connection.shutdown(socket.SHUT_RDWR)
