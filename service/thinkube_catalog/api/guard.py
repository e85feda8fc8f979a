"""What every request passes first: host, origin, token and size."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thinkube_catalog.api.errors import problem_response

LARGEST_BODY = 2 * 1024 * 1024
"""Bytes of a request body; answers and secrets are small."""

OPEN_PATHS = ("/health", "/ready")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Access:
    """Who may call: by which host names, and with which token (none: no token needed)."""

    hosts: Sequence[str] = ("127.0.0.1", "localhost", "::1")
    token: str = ""

    def refusal(self, method: str, path: str, headers: Headers) -> tuple[int, str, str] | None:
        """Return status, kind and sentence of a refusal; None lets the request pass."""
        host = _host(headers.get("host", ""))
        if host not in self.hosts:
            return 403, "host-not-allowed", f"{host!r} is not a name of this service"
        origin = headers.get("origin")
        if method not in SAFE_METHODS and origin and not _same_origin(origin, headers):
            return 403, "origin-not-allowed", f"pages of {origin} may not call this service"
        if self.token and path not in OPEN_PATHS and not self._has_token(headers):
            return 401, "token-required", "send the service's token: Authorization: Bearer …"
        return None

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        same = secrets.compare_digest(given.strip().encode(), self.token.encode())
        return scheme.lower() == "bearer" and same


class Guard:
    """ASGI middleware around the whole app; streams pass through untouched."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self.access.refusal(scope["method"], scope["path"], headers)
        if refusal is None and int(headers.get("content-length") or 0) > LARGEST_BODY:
            refusal = 413, "too-large", f"a request may have at most {LARGEST_BODY} bytes"
        if refusal is not None:
            await problem_response(*refusal, scope["path"])(scope, receive, send)
            return
        await self.app(scope, _bounded(receive), send)


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_BODY:
            # A body without a stated length: treat the caller as gone.
            return {"type": "http.disconnect"}
        return message

    return bounded


def _host(value: str) -> str:
    try:
        return urlsplit(f"//{value}").hostname or ""
    except ValueError:
        return ""


def _same_origin(origin: str, headers: Headers) -> bool:
    try:
        return urlsplit(origin).netloc == headers.get("host", "")
    except ValueError:
        return False
