"""Form workers: contained children that stay for one template's commit and answer form after form.

A worker has the template's questions parsed and compiled, so that a form costs milliseconds. It is
never used for another commit, is ended when it is late, and goes when nobody asked for a while.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from thinkube_catalog.adapters.copier.frames import BrokenFrameError
from thinkube_catalog.adapters.copier.limits import Limits
from thinkube_catalog.adapters.copier.server import (
    Child,
    OverdueError,
    RenderServer,
    ServerLostError,
)
from thinkube_catalog.domain.catalog import Release


@dataclass
class _Worker:
    child: Child
    lock: threading.RLock = field(default_factory=threading.RLock)
    asked: float = field(default_factory=time.monotonic)
    served: bool = False
    gone: bool = False


class FormWorkers:
    """At most `limits.form_workers` of them; the one longest unused makes place."""

    def __init__(self, server: RenderServer, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._lock = threading.Lock()
        self._workers: OrderedDict[tuple[Release, str], _Worker] = OrderedDict()
        self._timer: threading.Timer | None = None

    def ask(self, release: Release, request: Mapping[str, object]) -> dict[str, object]:
        """Return the worker's reply, or a fault that says why there is none."""
        key = (release, str(request["template"]))
        worker = self._worker(key)
        with worker.lock:
            if worker.gone:  # ended between our finding it and our turn
                raise ServerLostError
            worker.asked = time.monotonic()
            try:
                reply = worker.child.ask(
                    request,
                    self._limits.form_seconds,
                    self._limits.message_size,
                )
            except (OverdueError, BrokenFrameError) as error:
                self._drop(key, worker)
                return {"faults": [{"message": f"its questions: {error}"}]}
            if reply is None:
                self._drop(key, worker)
                if worker.served:  # it was well before: another will be, if the template is
                    raise ServerLostError
                reason = worker.child.end().reason
                return {"faults": [{"message": f"its questions: {reason}"}]}
            worker.served = True
            return reply

    def close(self) -> None:
        with self._lock:
            workers = list(self._workers.items())
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for key, worker in workers:
            self._drop(key, worker)

    def _worker(self, key: tuple[Release, str]) -> _Worker:
        with self._lock:
            worker = self._workers.get(key)
            if worker is not None:
                self._workers.move_to_end(key)
                return worker
            worker = self._workers[key] = _Worker(self._server.fork())
            surplus = list(self._workers.items())[: -self._limits.form_workers]
            self._watch_idleness()
        for other, oldest in surplus:
            self._drop(other, oldest)
        return worker

    def _drop(self, key: tuple[Release, str], worker: _Worker) -> None:
        with self._lock:
            if self._workers.get(key) is worker:
                del self._workers[key]
        with worker.lock, worker.child:
            worker.gone = True

    def _watch_idleness(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._limits.form_idle_seconds, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self) -> None:
        long_ago = time.monotonic() - self._limits.form_idle_seconds
        with self._lock:
            idle = [item for item in self._workers.items() if item[1].asked <= long_ago]
            self._timer = None
            if len(idle) < len(self._workers):
                self._watch_idleness()
        for key, worker in idle:
            self._drop(key, worker)
