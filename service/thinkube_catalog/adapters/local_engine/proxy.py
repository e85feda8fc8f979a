"""Hands one request to the application that it is for: any body, any stream, WebSockets.

Part of the router's process: imports nothing of ours.
"""

from __future__ import annotations

import asyncio
import html
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientWebSocketResponse,
    ClientWSTimeout,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ],
)
"""RFC 9110, section 7.6.1: meant for one connection only."""

CLAIMED_PREFIXES = ("x-forwarded-", "x-auth-request-", "x-remote-", "x-real-ip", "remote-")
"""Who a caller is, is for a gateway to say; there is none here, so nobody may claim it."""

WEB_SOCKET_HEADERS = ("sec-websocket-",)
AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True)
class Application:
    """One row of the table: routes as (path, upstream port), and what to say without any."""

    name: str
    routes: tuple[tuple[str, int], ...]
    message: str

    @staticmethod
    def of(row: dict[str, Any]) -> Application:
        routes = tuple((str(path), int(port)) for path, port in row["routes"])
        return Application(str(row["name"]), routes, str(row["message"]))

    def upstream(self, path: str) -> int | None:
        """Return the port of the longest route that is a prefix, whole segments; first of equals.

        That is what Gateway API routes mean in production.
        """
        fitting = [route for route in self.routes if _covers(route[0], path)]
        return max(fitting, key=lambda route: len(route[0].rstrip("/")))[1] if fitting else None


def _covers(prefix: str, path: str) -> bool:
    prefix = prefix.rstrip("/")
    return path == prefix or path.startswith(f"{prefix}/")


class Proxy:
    """Forwards requests by listener, and counts those under way by upstream."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session
        self.applications: dict[int, Application] = {}
        self.hosts: frozenset[str] = frozenset()
        self.busy: Counter[int] = Counter()

    def leaving(self) -> dict[int, int]:
        """Count the requests that still run on upstreams which no route leads to any more."""
        routed = {port for each in self.applications.values() for _, port in each.routes}
        return {port: count for port, count in self.busy.items() if count and port not in routed}

    async def answer(self, listener: int, request: web.BaseRequest) -> web.StreamResponse:
        application = self.applications.get(listener)
        if application is None:
            return _apology(request, 404, "nothing here", "This address belongs to no application.")
        if self.hosts and _host(request) not in self.hosts:
            # A page elsewhere must not reach local applications through a name of its own.
            return _apology(request, 421, application.name, "This host name is not served here.")
        upstream = application.upstream(request.path)
        if upstream is None:
            return _unrouted(request, application)
        self.busy[upstream] += 1
        try:
            return await self._forward(application, upstream, request)
        finally:
            self.busy[upstream] -= 1
            if not self.busy[upstream]:
                del self.busy[upstream]

    async def _forward(
        self, application: Application, upstream: int, request: web.BaseRequest
    ) -> web.StreamResponse:
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._web_socket(upstream, request)
            return await self._exchange(upstream, request)
        except WSServerHandshakeError as error:
            return web.Response(
                status=error.status if error.status >= HTTPStatus.BAD_REQUEST else 502
            )
        except ClientConnectorError:  # the process is not there (yet)
            return _apology(request, 503, application.name, application.message)
        except (ClientError, OSError, TimeoutError) as error:
            reason = f"{application.name} broke off its answer ({type(error).__name__})."
            return _apology(request, 502, application.name, reason)

    async def _exchange(self, upstream: int, request: web.BaseRequest) -> web.StreamResponse:
        async with self.session.request(
            request.method,
            _url(upstream, request),
            headers=_headers_up(request),
            data=_body(request) if request.can_read_body else None,
            allow_redirects=False,
            skip_auto_headers=AUTOMATIC,
        ) as answer:
            return await _relay(request, answer)

    async def _web_socket(self, upstream: int, request: web.BaseRequest) -> web.StreamResponse:
        offered = [
            name.strip()
            for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
            if name.strip()
        ]
        headers = _headers_up(request)
        for name in [name for name in headers if name.lower().startswith(WEB_SOCKET_HEADERS)]:
            del headers[name]
        async with self.session.ws_connect(
            _url(upstream, request),
            protocols=offered,
            headers=headers,
            max_msg_size=0,
            autoclose=False,
            timeout=ClientWSTimeout(ws_close=5),
        ) as inner:
            chosen = [inner.protocol] if inner.protocol else []
            outer = web.WebSocketResponse(protocols=chosen, max_msg_size=0, autoclose=False)
            await outer.prepare(request)
            await _bridge(outer, inner)
            return outer


async def _relay(request: web.BaseRequest, answer: ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
    )
    try:
        await response.prepare(request)
        if request.method != "HEAD":
            async for piece in answer.content.iter_any():
                await response.write(piece)
        await response.write_eof()
    except (ClientError, OSError):
        # The head has gone out: all that is left to say is that this answer is not whole.
        if request.transport is not None:
            request.transport.abort()
    return response


async def _bridge(outer: web.WebSocketResponse, inner: ClientWebSocketResponse) -> None:
    ways = [asyncio.create_task(_pump(outer, inner)), asyncio.create_task(_pump(inner, outer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        code = inner.close_code or outer.close_code or 1001
        code = code if code not in {1005, 1006, 1015} else 1001
        await asyncio.gather(outer.close(code=code), inner.close(code=code), return_exceptions=True)


async def _pump(
    source: web.WebSocketResponse | ClientWebSocketResponse,
    sink: web.WebSocketResponse | ClientWebSocketResponse,
) -> None:
    while True:
        message = await source.receive()
        if message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        else:
            return


async def _body(request: web.BaseRequest) -> AsyncIterator[bytes]:
    async for piece in request.content.iter_any():
        yield piece


def _url(upstream: int, request: web.BaseRequest) -> URL:
    path = request.raw_path
    target = path if path.startswith("/") else URL(path, encoded=True).raw_path_qs
    return URL(f"http://127.0.0.1:{upstream}{target}", encoded=True)


def _host(request: web.BaseRequest) -> str:
    return (URL(f"http://{request.host}").host or "") if request.host else ""


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    return CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if name.lower() not in HOP_BY_HOP and name.lower() not in named
    )


def _headers_up(request: web.BaseRequest) -> CIMultiDict[str]:
    headers = CIMultiDict(
        (name, value)
        for name, value in _end_to_end(request.headers).items()
        if not _claimed(name) and name.lower() != "expect"  # answered by us already
    )
    headers["X-Forwarded-For"] = request.remote or ""
    headers["X-Forwarded-Proto"] = "http"
    headers["X-Forwarded-Host"] = request.host
    return headers


def _claimed(name: str) -> bool:
    # Servers fold `_` into `-`, so both spellings would arrive.
    plain = name.lower().replace("_", "-")
    return plain == "forwarded" or plain.startswith(CLAIMED_PREFIXES)


def _unrouted(request: web.BaseRequest, application: Application) -> web.Response:
    if application.routes:
        return _apology(request, 404, application.name, f"No route leads to {request.path}.")
    return _apology(request, 503, application.name, application.message)


PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">{refresh}<title>{name}</title><style>
:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;
margin:20vh auto;padding:0 1rem}}p{{overflow-wrap:anywhere}}</style></head>
<body><main><h1>{name}</h1><p role="status">{message}</p></main></body></html>
"""


def _apology(request: web.BaseRequest, status: int, name: str, message: str) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "2"
    if "text/html" in request.headers.get("Accept", ""):
        refresh = (
            '<meta http-equiv="refresh" content="2">'
            if status == HTTPStatus.SERVICE_UNAVAILABLE
            else ""
        )
        page = PAGE.format(name=html.escape(name), message=html.escape(message), refresh=refresh)
        return web.Response(status=status, text=page, content_type="text/html", headers=headers)
    problem = json.dumps({"title": name, "status": status, "detail": message})
    return web.Response(
        status=status, text=problem, content_type="application/problem+json", headers=headers
    )
