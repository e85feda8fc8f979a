"""Following all applications: a stream of changes for speed, a look at all of them for truth.

Argo CD's stream loses events silently (it begins after its first list, and drops what is read too
slowly), so nothing rests on it alone: everything is listed again every few seconds, and after each
reconnection. What is older than what is known, by the record's version, changes nothing.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.gitops import EngineRefusedError, EngineUnavailableError

POLL_SECONDS = 15.0

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STALE = 2.5  # times the interval after which what is known is not trusted any more

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Known:
    application: ArgoApplication
    uid: str


class Follower:
    """What is known of every application; may be asked by many threads."""

    def __init__(
        self,
        applications: Applications,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._applications = applications
        self._poll_seconds = poll_seconds
        self._known: dict[str, _Known] = {}
        self._listed_at = float("-inf")
        self._failure: EngineUnavailableError | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._again = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """List once, and follow from then on."""
        if self._threads:
            return
        self._closed.clear()
        for run, name in ((self._poll, "argocd-poll"), (self._watch, "argocd-watch")):
            thread = threading.Thread(target=run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, close: Callable[[], None]) -> None:
        """End the threads; `close` ends the stream that one of them is reading."""
        self._closed.set()
        self._again.set()
        close()
        for thread in self._threads:
            thread.join(timeout=5)
        self._threads.clear()

    def find(self, record: str) -> ArgoApplication | None:
        """Return a record as it was last seen, or asked for now where that is not good enough."""
        with self._lock:
            known = self._known.get(record)
            fresh = time.monotonic() - self._listed_at < _STALE * self._poll_seconds
        if known is not None and fresh:
            return known.application
        found = self._applications.find(record)
        if found is None:
            self.forget(record)
            return None
        return self.put(found)

    def put(self, application: ArgoApplication) -> ArgoApplication:
        """Note a record; return the newer of it and what is known."""
        name, uid = application.metadata.name, application.metadata.uid
        with self._lock:
            known = self._known.get(name)
            if known and known.uid == uid and known.application.version >= application.version:
                return known.application
            self._known[name] = _Known(application, uid)
        return application

    def forget(self, record: str) -> None:
        """Ask Argo CD the next time: we have just changed something there."""
        with self._lock:
            self._known.pop(record, None)

    def all(self) -> list[ArgoApplication]:
        """Return everything that is known now, without asking."""
        with self._lock:
            return [each.application for each in self._known.values()]

    def _poll(self) -> None:
        while not self._closed.is_set():
            try:
                self._list()
            except CatalogError as error:
                _log.warning("listing applications: %s", error)
            self._again.wait(self._poll_seconds)
            self._again.clear()

    def _list(self) -> None:
        begun = time.monotonic()
        with self._lock:
            before = {name: known.uid for name, known in self._known.items()}
        listed = self._applications.all()
        for application in listed:
            self.put(application)
        there = {each.metadata.name for each in listed}
        with self._lock:
            for name, uid in before.items():
                # One that was made anew meanwhile is another.
                if name not in there and name in self._known and self._known[name].uid == uid:
                    del self._known[name]
            self._listed_at = begun

    def _watch(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closed.is_set():
            try:
                for event in self._applications.watch():
                    if self._closed.is_set():
                        return
                    if event is None:
                        pause = _FIRST_PAUSE
                    else:
                        self._take(*event)
            except EngineRefusedError as error:
                _log.warning("following applications: %s", error)
                pause = _LONGEST_PAUSE
            except CatalogError as error:
                # Without any application Argo CD says nothing at all, which reads as a loss.
                _log.debug("following applications: %s", error)
            self._again.set()  # what was missed meanwhile is listed
            self._closed.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 (replicas do not ask in step)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _take(self, kind: str, application: ArgoApplication) -> None:
        if kind == "DELETED":
            with self._lock:
                known = self._known.get(application.metadata.name)
                if known and known.uid == application.metadata.uid:
                    del self._known[application.metadata.name]
        else:
            self.put(application)
