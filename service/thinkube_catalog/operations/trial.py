"""Trying a webhook: have a delivery made, and see whether it arrives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Protocol

_PAUSE = 0.1


class Outcome(Enum):
    """What became of a delivery: it arrived, it was sent in vain, it was not sent in time."""

    ARRIVED = "arrived"
    LOST = "lost"
    UNSENT = "unsent"


class Sending(Protocol):
    """One webhook of the forge. It tells when it has tried, and never what came of it."""

    def begin(self) -> None:
        """Have the forge make a delivery. Raises ForgeRefusedError, ForgeUnavailableError."""
        ...

    def is_over(self) -> bool:
        """Say whether the forge has tried since. Raises ForgeUnavailableError."""
        ...


def try_delivery(
    sending: Sending, arrived: Callable[[], bool], seconds: float, grace: float = 0.0
) -> Outcome:
    """Return what became of a delivery.

    The forge has `seconds` to send it; `grace` is how long after that its effect may take.
    """
    sending.begin()
    if not _comes(lambda: arrived() or sending.is_over(), seconds):
        return Outcome.UNSENT
    return Outcome.ARRIVED if _comes(arrived, grace) else Outcome.LOST


def _comes(it: Callable[[], bool], seconds: float) -> bool:
    """Wait for something, and look once more at the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if it():
            return True
        threading.Event().wait(_PAUSE)
    return it()
