"""Errors as RFC 9457 problem documents: one shape for every exit, every problem listed."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from inspect import isawaitable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thinkube_catalog.api.description import MEDIA_TYPE, methods_at
from thinkube_catalog.api.schemas.problems import ProblemDocument, ProblemItem
from thinkube_catalog.domain.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
    Problem,
    RenderError,
    UnavailableError,
)

STATUS: tuple[tuple[type[CatalogError], int, str], ...] = (
    (NotFoundError, 404, "Not found"),
    (ConflictError, 409, "Conflict"),
    (InvalidError, 422, "Not valid"),
    (DeniedError, 403, "Not allowed"),
    (RenderError, 500, "The template cannot be rendered"),
    (UnavailableError, 503, "Not available now"),
    (CatalogError, 500, "It cannot be done"),
)
"""The one table from kinds of errors to HTTP."""

CHALLENGES = 'Basic realm="any name, and the token as password", charset="UTF-8", Bearer'
"""Programs send the token as they like; browsers ask for it, so pages need no sign-in."""

_TITLES = {401: "A token is required", 403: "Not allowed", 413: "Too large"}

_log = logging.getLogger(__name__)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says about these errors of a route."""
    titles = {status: title for _, status, title in reversed(STATUS)}
    return {
        status: {
            "model": ProblemDocument,
            "description": titles[status],
            "content": {MEDIA_TYPE: {}},
        }
        for status in statuses
    }


def _document(
    status: int,
    kind: str,
    title: str,
    detail: str,
    instance: str,
    problems: Sequence[Problem] = (),
) -> JSONResponse:
    document = ProblemDocument(
        type=f"/errors/{kind}",
        title=title,
        status=status,
        detail=detail,
        instance=instance,
        errors=[ProblemItem.of(problem) for problem in problems],
    )
    headers = {"Retry-After": "5"} if status == 503 else None  # noqa: PLR2004 (as RFC 9110 names it)
    return JSONResponse(document.model_dump(), status, headers=headers, media_type=MEDIA_TYPE)


def problem_response(status: int, kind: str, detail: str, instance: str) -> JSONResponse:
    """Return a problem document for a refusal that is no exception."""
    response = _document(status, kind, _TITLES.get(status, "Refused"), detail, instance)
    if status == 401:  # noqa: PLR2004 (as RFC 9110 names it)
        response.headers["WWW-Authenticate"] = CHALLENGES
    return response


def _kind(error: Exception) -> str:
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).lstrip("-")


def _catalog_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CatalogError)  # noqa: S101 (registered for that class alone)
    status, title = next((s, t) for kind, s, t in STATUS if isinstance(error, kind))
    detail = getattr(error, "subject", None) or str(error)
    return _document(status, _kind(error), title, detail, request.url.path, error.problems)


def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
    problems = [
        Problem(
            str(each["msg"]).removeprefix("Value error, "),
            field=".".join(str(part) for part in each["loc"]),
        )
        for each in error.errors()
    ]
    detail = "the request does not fit the API; see /openapi.json"
    return _document(422, "request-invalid", "Not valid", detail, request.url.path, problems)


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (as above)
    if error.status_code == 400:  # noqa: PLR2004 (a body that is no text at all)
        problems = [Problem(str(error.detail), field="body", mend="send JSON, as UTF-8")]
        detail = "the request does not fit the API; see /openapi.json"
        return _document(422, "request-invalid", "Not valid", detail, request.url.path, problems)
    kind = {404: "no-such-address", 405: "method-not-allowed"}.get(error.status_code, "http")
    response = _document(
        error.status_code, kind, str(error.detail), str(error.detail), request.url.path
    )
    response.headers.update(error.headers or {})
    if error.status_code == 405 and (known := methods_at(request.app, request.url.path)):  # noqa: PLR2004
        response.headers["Allow"] = ", ".join(known)
    return response


class Unexpected:
    """ASGI middleware that answers a bug as the app's handler of `Exception` does.

    Starlette alone would answer too, and pass the bug on to the server as well.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            if started or scope["type"] != "http":
                raise  # half an answer cannot be taken back; the server closes the connection
            given = scope["app"].exception_handlers[Exception](Request(scope, receive), error)
            response: Response = await given if isawaitable(given) else given
            await response(scope, receive, send)


def _bug(request: Request, error: Exception) -> JSONResponse:
    """Answer with a problem document that has a reference into the log."""
    reference = f"urn:uuid:{uuid.uuid4()}"
    _log.error("unexpected error %s at %s", reference, request.url.path, exc_info=error)
    detail = f"something unexpected happened; the log has it under {reference}"
    return _document(500, "unexpected", "Unexpected error", detail, reference)


def install(app: FastAPI) -> None:
    """Make every error that leaves the app a problem document."""
    app.add_middleware(Unexpected)
    app.add_exception_handler(Exception, _bug)
    app.add_exception_handler(CatalogError, _catalog_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
