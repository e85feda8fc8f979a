"""Inspection: what a template's newest release says it needs, and whether it can be read at all.

Lists show it of every template. Reading thousands of templates takes longer than a page may, so
it is done in the background, kept, and done again now and then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue

from thinkube_catalog.domain.catalog import CatalogEntry, is_git_address
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.operations.browse import TemplateDetails, describe_entry
from thinkube_catalog.operations.platform import Platform

FRESH_SECONDS = 600.0
PATIENCE_SECONDS = 0.02
"""How long a page waits for templates that nobody has looked at yet, all together."""


@dataclass(frozen=True)
class Inspection:
    """What was found when a template was last looked at. `error` is empty when it can be used."""

    checked_at: datetime
    version: str = ""
    gpu_count: int = 0
    gpu_memory_gib: int = 0
    required_secrets: int = 0
    optional_secrets: int = 0
    services: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    warnings: int = 0
    error: str = ""


class Inspections:
    """What is known of templates, by name. Safe to share between threads."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._known: dict[str, tuple[CatalogEntry, float, Inspection]] = {}
        self._queue: SimpleQueue[CatalogEntry] = SimpleQueue()
        self._queued: set[str] = set()
        self._worker: threading.Thread | None = None

    def of(
        self, entries: Iterable[CatalogEntry], patience: float = PATIENCE_SECONDS
    ) -> Mapping[str, Inspection]:
        """Return what is known of these now, looking at some at once while patience lasts.

        What is unknown or old is looked at in the background.
        """
        deadline = time.monotonic() + patience
        found: dict[str, Inspection] = {}
        for entry in entries:
            known = self._current(entry)
            if known is None and time.monotonic() < deadline and not is_git_address(entry.location):
                known = self._look(entry)
            if known is not None:
                found[entry.name] = known
        return found

    def _current(self, entry: CatalogEntry) -> Inspection | None:
        with self._lock:
            known = self._known.get(entry.name)
            fits = known is not None and known[0] == entry
            if not fits or known is None or time.monotonic() - known[1] > FRESH_SECONDS:
                self._enqueue(entry)
            return known[2] if known is not None and fits else None

    def _enqueue(self, entry: CatalogEntry) -> None:
        if entry.name in self._queued:
            return
        self._queued.add(entry.name)
        self._queue.put(entry)
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="inspections", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        while True:
            entry = self._queue.get()
            with self._lock:
                known = self._known.get(entry.name)
            if known is None or known[0] != entry or _old(known[1]):
                self._look(entry)
            with self._lock:
                self._queued.discard(entry.name)

    def _look(self, entry: CatalogEntry) -> Inspection:
        inspection = inspect(self._platform, entry)
        with self._lock:
            self._known[entry.name] = (entry, time.monotonic(), inspection)
        return inspection


def inspect(platform: Platform, entry: CatalogEntry) -> Inspection:
    """Look at a template's newest release."""
    try:
        return _found(describe_entry(platform, entry), platform.now())
    except CatalogError as error:
        return Inspection(platform.now(), error=str(error))


def _old(at: float) -> bool:
    return time.monotonic() - at > FRESH_SECONDS


def _found(details: TemplateDetails, now: datetime) -> Inspection:
    required = sum(secret.required for secret in details.secrets)
    return Inspection(
        checked_at=now,
        version=details.release.version,
        gpu_count=sum(each.gpu_count for each in details.containers),
        gpu_memory_gib=max((each.gpu_memory_gib for each in details.containers), default=0),
        required_secrets=required,
        optional_secrets=len(details.secrets) - required,
        services=details.services,
        depends_on=tuple(each.type for each in details.dependencies if not each.optional),
        provides=tuple(dict.fromkeys(each.type for each in details.provides)),
        warnings=len(details.warnings),
    )
