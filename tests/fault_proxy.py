"""A proxy between us and a real server, at which things go wrong: named, at named calls, counted.

The same faults as at the stand-ins, so that what was tried on these is tried on what they stand
for. Streams pass through as they come; everything else is answered whole or not at all.
"""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.faulty import Faulty, FaultyHandler, serving

_OUR_OWN = {"connection", "host", "transfer-encoding", "content-length", "keep-alive", "expect"}


@dataclass(kw_only=True)
class FaultProxy(Faulty):
    """In front of the server at `upstream`."""

    upstream: str
    client: httpx.Client = field(repr=False)


@contextmanager
def fault_proxy(upstream: str, ca: Path | None = None) -> Generator[FaultProxy]:
    """Serve on a free port of this machine."""
    trust = ssl.create_default_context(cafile=ca) if ca else True
    with httpx.Client(base_url=upstream, verify=trust, timeout=120, trust_env=False) as client:
        proxy = FaultProxy(upstream=upstream, client=client)
        with serving(proxy, _Handler):
            yield proxy


class _Handler(FaultyHandler):
    stand_in: FaultProxy

    def _answer(self, fault: str) -> None:
        if "/stream/" in self.path:
            self.answer()  # as it comes, not when it is whole
        else:
            super()._answer(fault)

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length) if length else _chunks(self)
        kept = [(name, text) for name, text in self.headers.items() if _is_theirs(name)]
        with self.stand_in.client.stream(
            self.command, self.path, headers=kept, content=body
        ) as found:
            self.send_response(found.status_code)
            for name, text in found.headers.multi_items():
                if _is_theirs(name):
                    self.send_header(name, text)
            self.send_header("Connection", "close")
            self.end_headers()
            self._pass_on(found.iter_raw())
        self.close_connection = True

    def _pass_on(self, parts: Iterable[bytes]) -> None:
        try:
            for part in parts:
                self.wfile.write(part)
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the reader of a stream has gone

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the terminal."""


def _is_theirs(name: str) -> bool:
    return name.lower() not in _OUR_OWN


def _chunks(handler: FaultyHandler) -> bytes:
    """Read a body of unknown length, as git sends large ones."""
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return b""
    parts = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)
