"""Answers /health from the first moment, while the libraries behind the rest are still loading."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from rag_agent.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_log = logging.getLogger(__name__)


class Whole(Protocol):
    """The loaded application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Shell:
    """An ASGI application that passes everything to the loaded one, once it is there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._whole: Whole | None = None
        self._running: AbstractAsyncContextManager[Any] | None = None
        self._failed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"] == "/health":
            await self._health(send)
        elif self._whole:
            await self._whole(scope, receive, send)
        elif scope["type"] == "http":
            reason = "failed to start; its log says why" if self._failed else "is starting"
            await _reply(send, 503, {"status": "not ready", "reason": f"The application {reason}."})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        loading = asyncio.create_task(self._load())
        await receive()
        await loading
        if self._running:
            await self._running.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})

    async def _load(self) -> None:
        try:
            whole = await asyncio.to_thread(_load, self._settings)
            running = whole.router.lifespan_context(whole)
            await running.__aenter__()
        except Exception:
            self._failed = True
            _log.exception("the application cannot start")
            return
        self._running, self._whole = running, whole
        _log.info("the application is loaded")

    async def _health(self, send: Send) -> None:
        if self._failed:
            await _reply(send, 500, {"status": "failed", "component": self._settings.app_name})
        else:
            await _reply(send, 200, {"status": "healthy", "component": self._settings.app_name})


def _load(settings: Settings) -> Any:
    from rag_agent.application import create_app
    from rag_agent.page import mount_page
    from rag_agent.services import Services

    services = Services(settings)
    return mount_page(create_app(services), services)


async def _reply(send: Send, status: int, content: dict[str, str]) -> None:
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"2")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})
