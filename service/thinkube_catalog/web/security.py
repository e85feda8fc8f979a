"""What protects readers of the pages: response headers, and the token that each form carries."""

from __future__ import annotations

import re
import secrets

from starlette.requests import Request
from starlette.responses import Response

from thinkube_catalog.domain.errors import DeniedError

CSRF_COOKIE = "thinkube-csrf"
CSRF_FIELD = "csrf"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types own-pages"
)
"""No inline code, nothing from elsewhere, no frames, no text that becomes HTML by accident."""

PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For pictures of templates: an SVG that is opened by itself can do nothing."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class ForgedRequestError(DeniedError):
    def __init__(self) -> None:
        super().__init__(
            "this form was not sent from a page of this catalog, or the page is older than the "
            "browser's session; open the page anew and send it again"
        )


def csrf_token(request: Request) -> str:
    """Return the browser's token, or a new one for a browser that has none."""
    known = request.cookies.get(CSRF_COOKIE, "")
    return known if _TOKEN.fullmatch(known) else secrets.token_urlsafe(32)


def remember(response: Response, request: Request, token: str) -> None:
    """Give the browser its token. It works beside the check of the request's origin."""
    if request.cookies.get(CSRF_COOKIE) != token:
        secure = request.url.scheme == "https"
        response.set_cookie(CSRF_COOKIE, token, httponly=True, samesite="strict", secure=secure)


def check_token(request: Request, given: str) -> None:
    """Raise ForgedRequestError unless a form carries its browser's token."""
    known = request.cookies.get(CSRF_COOKIE, "")
    same = secrets.compare_digest(known.encode(), given.encode())
    if not (_TOKEN.fullmatch(known) and same):
        raise ForgedRequestError
