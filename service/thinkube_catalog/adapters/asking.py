"""Asking another program over HTTP: what every client of ours does alike.

Answers are bounded in size and time, pauses between tries grow and differ, and a server that says
how long to wait is believed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

BUSY = 429
PASSING = frozenset({500, 502, 503, 504})
"""Statuses of which the next answer may be another."""

_TRIES = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_CONNECT_SECONDS = 5.0


class AnswerUnusableError(Exception):
    """An answer that is too long, or takes too long to arrive."""


def timeout(deadline: float) -> httpx.Timeout:
    """Return the time that is left until the deadline, of the monotonic clock."""
    left = max(deadline - time.monotonic(), 0.01)
    return httpx.Timeout(left, connect=min(left, _CONNECT_SECONDS))


def whole_content(response: httpx.Response, deadline: float, largest: int) -> bytes:
    """Return the body. Raises AnswerUnusableError beyond the deadline, or that many bytes."""
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            raise AnswerUnusableError("its answer is far too long")
        if time.monotonic() > deadline:
            raise AnswerUnusableError("its answer takes too long")
    return b"".join(chunks)


def asked_to_wait(response: httpx.Response) -> float:
    """Return the seconds of Retry-After, a number or a date; 0 without it."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (at.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def pauses() -> Iterator[float]:
    """Give the seconds to wait after each try, as often as it is worth trying."""
    pause = _FIRST_PAUSE
    for _ in range(_TRIES):
        yield pause * random.uniform(0.5, 1.5)  # noqa: S311 (so that many do not ask in step)
        pause = min(2 * pause, _LONGEST_PAUSE)
