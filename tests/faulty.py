"""Stand-ins for servers, and what goes wrong at them: named, at named calls, counted."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any


@dataclass
class Fault:
    """What goes wrong, `times` times, at calls whose method and path match `at`.

    The first `skip` of these calls go well. Kinds: drop before, drop after, delay, 500, 500 after,
    429, half a body, reset.
    """

    kind: str
    at: str
    times: int = 1
    skip: int = 0
    fired: int = 0


@dataclass
class Faulty:
    """What every stand-in has: a port, the calls so far, and faults to come."""

    port: int = 0
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fault(self, kind: str, at: str, times: int = 1, skip: int = 0) -> Fault:
        """Have something go wrong from now on."""
        self.faults.append(Fault(kind, at, times, skip))
        return self.faults[-1]

    def due(self, call: str) -> str:
        """Return what goes wrong at this call."""
        with self.lock:
            for fault in self.faults:
                if fault.fired >= fault.times or not re.search(fault.at, call):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.fired += 1
                return fault.kind
        return ""


@dataclass
class Reply:
    """A status, a body to be sent as JSON (or as it is, if it is text), and a place to go to."""

    status: int
    body: Any = None
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class FaultyHandler(BaseHTTPRequestHandler):
    """Answers whole or not at all; `answer` is the server's own."""

    stand_in: Faulty

    def do_GET(self) -> None:
        call = f"{self.command} {self.path}"
        self.stand_in.requests.append(call)
        fault = self.stand_in.due(call)
        if fault in {"drop before", "reset"}:
            self._break(reset=fault == "reset")
            return
        if fault == "delay":
            time.sleep(0.5)
        if fault in {"500", "429"}:
            self.send(Reply(int(fault), {"message": ""}, headers={"Retry-After": "1"}))
            return
        self._answer(fault)

    do_POST = do_PATCH = do_DELETE = do_PUT = do_GET  # noqa: N815 (as above)

    def answer(self) -> None:
        """Send what the server says."""
        raise NotImplementedError

    def body(self) -> Any:
        length = int(self.headers.get("Content-Length", 0))
        return json.loads(self.rfile.read(length) or b"{}")

    def send(self, reply: Reply) -> None:
        plain = isinstance(reply.body, str)
        text = reply.body if plain else "" if reply.body is None else json.dumps(reply.body)
        content = text.encode()
        self.send_response(reply.status)
        for header, value in reply.headers.items():
            self.send_header(header, value)
        if reply.location:
            self.send_header("Location", reply.location)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the terminal."""

    def _answer(self, fault: str) -> None:
        sent, self.wfile = self.wfile, BytesIO()  # until it is whole
        try:
            self.answer()
            whole = self.wfile.getvalue()
        finally:
            self.wfile = sent
        if fault == "drop after":
            self._break(reset=False)
        elif fault == "500 after":
            self.send(Reply(500, {"message": ""}))
        elif fault == "half a body":
            self.wfile.write(whole[: len(whole) - 5])
            self.close_connection = True
        else:
            self.wfile.write(whole)

    def _break(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(stand_in: Faulty, handler: type[FaultyHandler]) -> Generator[None]:
    """Serve, on a free port, unless one is given."""
    kind = type("Handler", (handler,), {"stand_in": stand_in})
    http = ThreadingHTTPServer(("127.0.0.1", stand_in.port), kind)
    http.daemon_threads = False
    stand_in.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
