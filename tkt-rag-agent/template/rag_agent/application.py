"""The web application: routes, errors, limits and figures around the services."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_agent import api, openai_api
from rag_agent.errors import (
    AgentError,
    BusyError,
    IndexUnavailableError,
    InputError,
    MissingError,
    RefusedError,
    UnknownCallerError,
)
from rag_agent.metrics import Metrics
from rag_agent.openai_api import UnknownModelError
from rag_agent.services import Services

_STATUS: dict[type[AgentError], int] = {
    UnknownCallerError: 401,
    RefusedError: 403,
    MissingError: 404,
    UnknownModelError: 404,
    InputError: 422,
    BusyError: 429,
    IndexUnavailableError: 503,
}


def create_app(services: Services) -> FastAPI:
    """The API around these services; the chat page is mounted by page.py."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        services.start()
        yield
        services.close()

    app = FastAPI(
        title=services.settings.assistant_title,
        description="Questions on documents, answered with citations.",
        lifespan=lifespan,
    )
    app.state.services = services
    app.include_router(api.router)
    app.include_router(openai_api.router)
    app.add_exception_handler(AgentError, _explain)
    app.add_exception_handler(RequestValidationError, _explain_input)
    app.add_middleware(Limits, most=int(services.settings.max_upload_mb * 2**20))
    app.add_middleware(Figures, metrics=services.metrics)
    return app


async def _explain(request: Request, error: Exception) -> JSONResponse:
    status = next((code for kind, code in _STATUS.items() if type(error) is kind), 500)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = "5"
    return _problem(request, status, str(error), [], headers)


async def _explain_input(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # registered for it alone
    found = [
        {"field": ".".join(map(str, item["loc"][1:])), "message": item["msg"]}
        for item in error.errors()
    ]
    status = 400 if request.url.path.startswith("/v1/") else 422
    sentence = "; ".join(f"{item['field']}: {item['message']}" for item in found)
    return _problem(request, status, sentence, found, {})


def _problem(
    request: Request,
    status: int,
    sentence: str,
    found: list[dict[str, str]],
    headers: dict[str, str],
) -> JSONResponse:
    """RFC 9457, except under /v1, where clients expect OpenAI's shape."""
    if request.url.path.startswith("/v1/"):
        kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "api_error"
        code = "model_not_found" if status == HTTPStatus.NOT_FOUND else None
        error = {"message": sentence, "type": kind, "param": None, "code": code}
        return JSONResponse({"error": error}, status, headers)
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        "problems": found,
    }
    return JSONResponse(content, status, headers, media_type="application/problem+json")


class Limits:
    """Refuses requests that are too large, and changes that another web site asks for."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        # A browser that is signed in at the proxy would send its identity along.
        foreign = headers.get(b"sec-fetch-site") == b"cross-site"
        if foreign and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            await _refuse(403, "Another web site asked for this.")(scope, receive, send)
            return
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._most:
            await self._too_large()(scope, receive, send)
            return
        await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A body without a declared length is counted as it comes."""
        taken = 0
        answered = False

        async def counting_receive() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most:
                raise ValueError("the body is too large")
            return message

        async def guarding_send(message: Message) -> None:
            nonlocal answered
            if taken <= self._most:
                await send(message)
            elif not answered:
                # Whatever the application made of the broken body, this is the reason.
                answered = True
                await self._too_large()(scope, receive, send)

        await self._app(scope, counting_receive, guarding_send)

    def _too_large(self) -> JSONResponse:
        return _refuse(413, f"The request is larger than {self._most / 2**20:g} MB.")


def _refuse(status: int, sentence: str) -> JSONResponse:
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
        "problems": [],
    }
    return JSONResponse(content, status, media_type="application/problem+json")


class Figures:
    """Counts requests and their time, under the name of their route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            # The route's pattern, never the address: addresses have no end.
            route = getattr(scope.get("route"), "path", "page")
            self._metrics.requests.labels(scope["method"], route, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - started)
