"""Calling an ASGI app as a server would: as a client's transport, or message by message."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

import httpx
import uvicorn
from starlette.types import ASGIApp, Message


class AppTransport(httpx.BaseTransport):
    """Calls the app in a loop of its own for each request; bugs come back as answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        inner = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        body = b"".join(request.stream)  # type: ignore[arg-type] # a client's stream, not async
        again = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        answer = await inner.handle_async_request(again)
        content = await answer.aread()
        # What was read is no longer compressed.
        headers = [pair for pair in answer.headers.raw if pair[0].lower() != b"content-encoding"]
        return httpx.Response(answer.status_code, headers=headers, content=content)


class Conversation:
    """One request to the app, message by message: what a server sends it and gets from it."""

    def __init__(
        self,
        app: ASGIApp,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        query: str = "",
    ) -> None:
        self._app = app
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        given = {"host": "127.0.0.1", **(headers or {})}
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), text.encode()) for name, text in given.items()],
            "client": ("127.0.0.1", 5000),
            "server": ("127.0.0.1", 80),
            "state": {},
        }

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._converse())
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._task is not None
        self.say({"type": "http.disconnect"})
        done, _ = await asyncio.wait([self._task], timeout=1)
        if not done:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _converse(self) -> None:
        async def send(message: Message) -> None:
            await self._outgoing.put(dict(message))

        await self._app(self.scope, self._incoming.get, send)

    def send_body(self, *chunks: bytes, complete: bool = True) -> None:
        for place, chunk in enumerate(chunks):
            more = place < len(chunks) - 1 or not complete
            self.say({"type": "http.request", "body": chunk, "more_body": more})

    def say(self, message: dict[str, Any]) -> None:
        self._incoming.put_nowait(message)

    async def start(self) -> tuple[int, dict[str, str]]:
        """Return the status and headers of the answer."""
        message = await asyncio.wait_for(self._outgoing.get(), 10)
        assert message["type"] == "http.response.start"
        headers = {name.decode(): value.decode() for name, value in message["headers"]}
        return message["status"], headers

    async def chunks(self) -> AsyncIterator[str]:
        """Yield what the answer's body is made of, as it comes."""
        while True:
            message = await asyncio.wait_for(self._outgoing.get(), 10)
            if message["body"]:
                yield message["body"].decode()
            if not message.get("more_body"):
                return


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve the app at a free port of this machine; yield its address."""
    config = uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield _address(server, thread)
    finally:
        server.should_exit = True
        thread.join(10)


def _address(server: uvicorn.Server, thread: threading.Thread) -> str:
    pause = threading.Event()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        pause.wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    return f"http://127.0.0.1:{port}"


def field_names(document: object) -> Sequence[str]:
    """Return the sorted names of a JSON object's fields."""
    assert isinstance(document, dict)
    return sorted(document)
