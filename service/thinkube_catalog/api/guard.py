"""What every request passes first: host, origin, token and size; and what every answer carries."""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thinkube_catalog.api import PREFIX
from thinkube_catalog.api.errors import problem_response

LARGEST_BODY = 2 * 1024 * 1024
"""Bytes of a request body; answers and secrets are small."""

OPEN_PATHS = ("/health", "/ready")
METRICS_PATH = "/metrics"
SIGNED_PATHS = (f"{PREFIX}/hooks/gitea",)
"""Deliveries; the route itself believes none that is not signed."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What each answer says to browsers, unless its route says something else."""


@dataclass(frozen=True)
class Access:
    """Who may call: by which host names, and with which token (none: no token needed).

    `metrics_token` opens the metrics and nothing else.
    """

    hosts: Sequence[str] = ("127.0.0.1", "localhost", "::1")
    token: str = ""
    metrics_token: str = ""

    def refusal(self, method: str, path: str, headers: Headers) -> tuple[int, str, str] | None:
        """Return status, kind and sentence of a refusal; None lets the request pass."""
        host = _host(headers.get("host", ""))
        if host not in self.hosts:
            return 403, "host-not-allowed", f"{host!r} is not a name of this service"
        if method not in SAFE_METHODS and (origin := _other_origin(headers)):
            return 403, "origin-not-allowed", f"pages of {origin} may not call this service"
        open_to_all = path in OPEN_PATHS or (method == "POST" and path in SIGNED_PATHS)
        if self.token and not open_to_all and not self._has_token(path, headers):
            return 401, "token-required", "send the service's token: Authorization: Bearer …"
        return None

    def _has_token(self, path: str, headers: Headers) -> bool:
        """Take the token as a bearer token, or as the password that a browser has asked for."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            given = _password(given)
        elif scheme.lower() != "bearer":
            return False
        tokens = (self.token, self.metrics_token) if path == METRICS_PATH else (self.token,)
        return any(
            secrets.compare_digest(given.strip().encode(), each.encode()) for each in tokens if each
        )


class Guard:
    """ASGI middleware around the whole app; answers that stream pass through untouched."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self.access.refusal(scope["method"], scope["path"], headers)
        received: list[Message] = []
        if refusal is None and not await _receive_body(headers, receive, received):
            refusal = 413, "too-large", f"a request may have at most {LARGEST_BODY} bytes"
        if refusal is None:
            await self.app(scope, _again(received, receive), _with_headers(send))
        else:
            answer = problem_response(*refusal, scope["path"])
            await answer(scope, receive, _with_headers(send))


async def _receive_body(headers: Headers, receive: Receive, received: list[Message]) -> bool:
    """Receive the whole body, stated length or not; False as soon as it is known to be too large.

    Nothing is done for a caller who has not sent everything, so reading it first costs nothing.
    """
    stated = headers.get("content-length", "")
    if stated.isdecimal() and int(stated[:20]) > LARGEST_BODY:
        return False
    size = 0
    more = True
    while more:
        message = await receive()
        received.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size > LARGEST_BODY:
            return False
    return True


def _again(received: list[Message], receive: Receive) -> Receive:
    async def replayed() -> Message:
        return received.pop(0) if received else await receive()

    return replayed


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent


def _password(credentials: str) -> str:
    """Return the password of Basic credentials (RFC 7617), empty if they are none."""
    try:
        return b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _host(value: str) -> str:
    try:
        return urlsplit(f"//{value}").hostname or ""
    except ValueError:
        return ""


def _other_origin(headers: Headers) -> str:
    """Return the origin of a page that is not this service's; empty if no other page calls."""
    origin = headers.get("origin", "")
    if origin:
        return "" if _same_origin(origin, headers) else origin
    # Browsers that keep the origin to themselves still say how far away the page is.
    site = headers.get("sec-fetch-site", "none")
    return "" if site in {"none", "same-origin"} else f"another site ({site})"


def _same_origin(origin: str, headers: Headers) -> bool:
    try:
        return urlsplit(origin).netloc == headers.get("host", "")
    except ValueError:
        return False
