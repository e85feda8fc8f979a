"""What goes on over the wire: events and log lines, each with a cursor to continue after."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from thinkube_catalog.api.schemas.wire import Json, Wire


class EventPublic(Wire):
    """One line of a deployment's log of events."""

    cursor: int
    deployment: str
    run: str
    step: str
    attempt: int
    kind: str
    at: datetime
    message: str
    seconds: float | None
    details: dict[str, Json]


class EventPage(Wire):
    """Events after a cursor, in order."""

    items: list[EventPublic]
    next: int = Field(description="Cursor to continue after.")


class LogLinePublic(Wire):
    """One line that a container wrote."""

    at: datetime
    container: str
    text: str
    cursor: str


class LogPage(Wire):
    """Log lines in order."""

    items: list[LogLinePublic]
    next: str = Field(description="Cursor to continue after.")
