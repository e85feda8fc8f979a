"""Routes that follow something: events and logs, as JSON pages or server-sent events.

Both forms have the same cursors, so that a client may change between them at any time. A stream
ends only when the client goes; it says that it is alive by a comment every few seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from thinkube_catalog.api import PREFIX
from thinkube_catalog.api.deployments import KNOWN, Name
from thinkube_catalog.api.schemas.streams import EventPage, EventPublic, LogLinePublic, LogPage
from thinkube_catalog.api.schemas.wire import Wire
from thinkube_catalog.domain.errors import UnavailableError
from thinkube_catalog.operations import watch
from thinkube_catalog.operations.platform import Platform

POLL_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
AWAY_SECONDS = 1.0
"""How soon a stream asks again what does not answer."""

LONGEST_WAIT = 30
LARGEST_CURSOR = 2**53 - 1
"""What every JSON reader takes for an integer."""

_EVENT_CURSOR = re.compile(r"[0-9]{1,15}")

Wait = Annotated[
    float,
    Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for something new to come."),
]
LastEventId = Annotated[
    str,
    Header(description="The last cursor seen, as browsers send it when they reconnect."),
]
STREAMED: dict[int | str, dict[str, Any]] = {
    **KNOWN,
    200: {
        "description": "A page of them, or with `Accept: text/event-stream` a stream.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
}

Read = Callable[[str], tuple[Sequence[Wire], str]]
"""Items after a cursor, and the cursor to continue after."""


def routes(platform: Platform) -> APIRouter:
    """Return the routes that follow deployments on a platform."""
    router = APIRouter(prefix=PREFIX + "/deployments/{name}", tags=["deployments"])

    @router.get(
        "/events", summary="Follow its events", response_model=EventPage, responses=STREAMED
    )
    async def get_events(
        request: Request,
        name: Name,
        after: Annotated[
            int, Query(ge=0, le=LARGEST_CURSOR, description="The last cursor seen.")
        ] = 0,
        wait: Wait = 0,
        last_event_id: LastEventId = "",
    ) -> Response | EventPage:
        """Return events after a cursor, in order, each once.

        With `Accept: text/event-stream` it goes on for ever, with the cursor as each event's id.
        """
        read = _events(platform, name)
        start = last_event_id if _EVENT_CURSOR.fullmatch(last_event_id) else str(after)
        if _wants_stream(request):
            await run_in_threadpool(read, start)  # an unknown name is an error before the stream
            return _stream(request, read, start)
        items, following = await _wait_for(read, start, wait)
        return EventPage.of({"items": items, "next": int(following)})

    @router.get("/logs", summary="Read its logs", response_model=LogPage, responses=STREAMED)
    async def get_logs(
        request: Request,
        name: Name,
        container: Annotated[str, Query(description="Only of this container.")] = "",
        after: Annotated[str, Query(max_length=4000, description="The last cursor seen.")] = "",
        limit: Annotated[
            int, Query(ge=1, le=5000, description="The most lines of one answer.")
        ] = 200,
        wait: Wait = 0,
        last_event_id: LastEventId = "",
    ) -> Response | LogPage:
        """Return log lines after a cursor, or the last `limit` lines when there is none."""
        read = _logs(platform, name, container, limit)
        start = last_event_id or after
        if _wants_stream(request):
            await run_in_threadpool(read, start)  # an unknown name is an error before the stream
            return _stream(request, read, start)
        items, following = await _wait_for(read, start, wait)
        return LogPage.of({"items": items, "next": following})

    return router


def _events(platform: Platform, name: str) -> Read:
    def read(after: str) -> tuple[Sequence[Wire], str]:
        events = watch.follow(platform, name, int(after))
        items = [EventPublic.of(event) for event in events]
        return items, str(items[-1].cursor) if items else after

    return read


def _logs(platform: Platform, name: str, container: str, limit: int) -> Read:
    def read(after: str) -> tuple[Sequence[Wire], str]:
        lines = watch.logs(platform, name, container, after, limit)
        items = [LogLinePublic.of(line) for line in lines]
        return items, items[-1].cursor if items else after

    return read


async def _wait_for(read: Read, after: str, seconds: float) -> tuple[Sequence[Wire], str]:
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        items, following = await run_in_threadpool(read, after)
        if items or asyncio.get_running_loop().time() >= deadline:
            return items, following
        await asyncio.sleep(POLL_SECONDS)


def _wants_stream(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")


def _stream(request: Request, read: Read, after: str) -> StreamingResponse:
    return StreamingResponse(
        _lines(request, read, after),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(request: Request, read: Read, after: str) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    while not await request.is_disconnected():
        try:
            items, after = await _wait_for(read, after, HEARTBEAT_SECONDS)
        except UnavailableError:
            # A browser would not come back after an error; the reader is not to notice.
            yield ": waiting\n\n"
            await asyncio.sleep(AWAY_SECONDS)
            continue
        for item in items:
            document = json.dumps(item.model_dump(mode="json"), ensure_ascii=False)
            yield f"id: {getattr(item, 'cursor', '')}\ndata: {document}\n\n"
        if not items:
            yield ": still here\n\n"
