"""Errors as pages: what happened, every problem, and what to do, for people who came by browser."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from inspect import isawaitable
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

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
from thinkube_catalog.web import urls
from thinkube_catalog.web.pages import ErrorPage
from thinkube_catalog.web.site import Site

STATUS: tuple[tuple[type[CatalogError], int, str], ...] = (
    (NotFoundError, 404, "error.e404"),
    (ConflictError, 409, "error.e409"),
    (InvalidError, 422, "error.e422"),
    (DeniedError, 403, "error.e403"),
    (RenderError, 500, "error.e500_template"),
    (UnavailableError, 503, "error.e503"),
    (CatalogError, 500, "error.e500"),
)
"""The one table from kinds of errors to pages."""

MACHINES = ("/api/", "/health", "/ready", "/metrics", "/openapi.json")
"""Addresses that programs call: there the API's own errors stand."""

_HTTP_TITLES = {403: "error.e403", 404: "error.e404", 405: "error.e405", 422: "error.e422"}

_PASSING = (500, 503)
_ABOUT = re.compile(r"/deployments/(?P<name>[^/]+)/")

_log = logging.getLogger(__name__)

Handler = Callable[[Request, Exception], Response | Awaitable[Response]]


def install(app: FastAPI, site: Site) -> None:
    """Answer people with pages, and leave what programs get as it is."""
    pages: tuple[tuple[type[Exception], Callable[[Site, Any], tuple[ErrorPage, int]]], ...] = (
        (CatalogError, catalog_error),
        (RequestValidationError, _invalid_request),
        (HTTPException, _http_error),
        (Exception, _bug),
    )
    for kind, page in pages:
        before = app.exception_handlers.get(kind)
        app.add_exception_handler(kind, _chosen(site, page, before))


def catalog_error(site: Site, error: CatalogError) -> tuple[ErrorPage, int]:
    """Return the page and the status of an expected error."""
    status, title = next((s, t) for kind, s, t in STATUS if isinstance(error, kind))
    detail = str(getattr(error, "subject", None) or error)
    return ErrorPage(site.texts(title), status, detail, error.problems), status


def _chosen(
    site: Site,
    page: Callable[[Site, Any], tuple[ErrorPage, int]],
    before: Any,  # noqa: ANN401 (what Starlette keeps for a kind of exception)
) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        if before is not None and request.url.path.startswith(MACHINES):
            given = before(request, error)
            response: Response = await given if isawaitable(given) else given
            return response
        made, status = page(site, error)
        made = _with_ways_on(request, made)
        response = await run_in_threadpool(site.respond, request, made, status)
        if isinstance(error, HTTPException) and error.headers:
            response.headers.update(error.headers)
        if isinstance(error, UnavailableError):
            response.headers["Retry-After"] = "5"
        return response

    return handle


def _with_ways_on(request: Request, page: ErrorPage) -> ErrorPage:
    """Name where to go from here. What was sent is not sent again by following a link."""
    asked = urls.again(request.url.path, request.url.query)
    again = asked if request.method == "GET" and page.status in _PASSING else ""
    about = _ABOUT.match(unquote(request.url.path))
    known = page.status not in {404, 410}
    return replace(page, again=again, deployment=about["name"] if about and known else "")


def _invalid_request(site: Site, error: RequestValidationError) -> tuple[ErrorPage, int]:
    problems = tuple(
        Problem(str(each["msg"]), field=".".join(str(part) for part in each["loc"]))
        for each in error.errors()
    )
    return ErrorPage(site.texts("error.e422"), 422, "", problems), 422


def _http_error(site: Site, error: HTTPException) -> tuple[ErrorPage, int]:
    title = site.texts(_HTTP_TITLES.get(error.status_code, "error.e500"))
    return ErrorPage(title, error.status_code, "", ()), error.status_code


def _bug(site: Site, error: Exception) -> tuple[ErrorPage, int]:
    reference = uuid.uuid4().hex[:12]
    _log.error("unexpected error, reference %s", reference, exc_info=error)
    return ErrorPage(site.texts("error.e500"), 500, "", (), reference), 500
