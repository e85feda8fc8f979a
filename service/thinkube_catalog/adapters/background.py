"""A thread beside the calls, which can be ended and begun again."""

from __future__ import annotations

import threading
from collections.abc import Callable

_END_SECONDS = 10.0


class Background:
    """Does `work` in a thread of that name; the work looks at `closed` and ends soon after."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name, self._work = name, work
        self.closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            self.closed.clear()
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Tell it to end, and wait for it a while."""
        self.closed.set()
        if self._thread is not None:
            self._thread.join(timeout=_END_SECONDS)
            self._thread = None
