"""Runs carried out by this very process, as far as its life goes: for tests and dry runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock, Thread

from thinkube_catalog.domain.deployments import Run

Proceed = Callable[[str, int], float | None]
"""Does the next thing of a run's attempt; see `operations.runs.proceed`."""

_log = logging.getLogger(__name__)


class MemoryRuns:
    """Carries out each run on a thread of its own, or with `inline` before `start` returns.

    `launch` tells it how to proceed, since the platform that a run needs holds the runs. Runs
    started before are carried out then.
    """

    def __init__(
        self, pause: Callable[[float], None] = time.sleep, *, inline: bool = False
    ) -> None:
        self._pause = pause
        self._inline = inline
        self._proceed: Proceed | None = None
        self._lock = Lock()
        self._started: set[tuple[str, int]] = set()
        self._waiting: list[Run] = []
        self._threads: list[Thread] = []

    def launch(self, proceed: Proceed) -> None:
        self._proceed = proceed
        waiting, self._waiting = self._waiting, []
        for run in waiting:
            self._begin(run)

    def start(self, run: Run) -> None:
        with self._lock:
            if (run.id, run.attempt) in self._started:
                return
            self._started.add((run.id, run.attempt))
        self._begin(run)

    def settle(self, seconds: float = 30.0) -> None:
        """Wait until every run that was started has ended."""
        for thread in self._threads:
            thread.join(seconds)

    def _begin(self, run: Run) -> None:
        if self._proceed is None:
            self._waiting.append(run)
            return
        if self._inline:
            self._carry_out(self._proceed, run)
            return
        arguments = (self._proceed, run)
        name = f"run-{run.id}"
        thread = Thread(target=self._carry_out, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _carry_out(self, proceed: Proceed, run: Run) -> None:
        try:
            while (seconds := proceed(run.id, run.attempt)) is not None:
                if seconds > 0:
                    self._pause(seconds)
        except Exception:  # noqa: BLE001 (a bug in one run must not end the others)
            _log.exception("run %s ended unexpectedly", run.id)
