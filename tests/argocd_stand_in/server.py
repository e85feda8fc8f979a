"""The server: the API, and the stream of what changes."""

from __future__ import annotations

import copy
import json
import queue
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.argocd_controller import ArgoCdStandIn, control
from tests.argocd_stand_in.calls import Refusal
from tests.argocd_stand_in.routes import Call
from tests.faulty import FaultyHandler, Reply, serving
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.domain.forge import Forge


@contextmanager
def argocd_stand_in(forge: Forge, cluster: MemoryCluster) -> Generator[ArgoCdStandIn]:
    """Serve, and control."""
    argocd = ArgoCdStandIn(forge=forge, cluster=cluster)
    controller = threading.Thread(target=control, args=(argocd,))
    controller.start()
    try:
        with serving(argocd, _Handler):
            try:
                yield argocd
            finally:
                argocd.closed.set()
                argocd.drop_watchers()
    finally:
        argocd.closed.set()
        controller.join()


class _Handler(FaultyHandler):
    stand_in: ArgoCdStandIn

    def _answer(self, fault: str) -> None:
        if "/stream/" in self.path:
            self.answer()  # as it comes, not when it is whole
        else:
            super()._answer(fault)

    def answer(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if self.command != "GET" and self.headers.get("Content-Type") != "application/json":
            self.send(Reply(415, "Invalid content type"))
            return
        authorization = self.headers.get("Authorization", "")
        rights = self.stand_in.tokens.get(authorization.removeprefix("Bearer "))
        if rights is None or not authorization.startswith("Bearer "):
            message = "invalid session: token is expired"
            self.send(Refusal(401, 16, message).reply)
            return
        segments = [unquote(part) for part in parts.path.split("/") if part][2:]
        body = self.body() if self.command != "GET" else {}
        call = Call(self.stand_in, self.command, query, body, rights)
        try:
            if segments == ["stream", "applications"]:
                self._stream(call)
            elif segments[0] == "applications" and segments[-1] == "logs":
                with self.stand_in.lock:
                    text = call.logs(segments[1])
                self.send(Reply(200, text))
            else:
                self.send(call.answer(segments))
        except Refusal as refusal:
            self.send(refusal.reply)

    def _stream(self, call: Call) -> None:
        """Send what there is and what changes; no sign tells where the one becomes the other."""
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with self.stand_in.lock:
            there = [copy.deepcopy(it.body) for it in call.listed()]
            self.stand_in.watchers.append(events)
        try:
            head = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
            self.wfile.write(head.encode())
            for body in there:
                self._event({"type": "ADDED", "application": body})
            while not self.stand_in.closed.is_set():
                try:
                    event = events.get(timeout=self.stand_in.heartbeat)
                except queue.Empty:
                    self.wfile.write(b":\n\n")
                    continue
                if event is None:
                    return
                self._event(event)
        except OSError:
            return
        finally:
            self.stand_in.watchers.remove(events)
            self.close_connection = True

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps({'result': event})}\n\n".encode())
