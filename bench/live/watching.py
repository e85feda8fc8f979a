"""When applications got where, as Argo CD tells it: the same eyes for both sides."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

PATIENCE_SECONDS = 900.0


@dataclass
class Watcher:
    """Reads the stream of applications; notes when each was first synced and healthy, by clock.

    `applied` has the time at which a sync to a commit had succeeded, by application and commit.
    """

    url: str
    token: str
    synced: dict[str, float] = field(default_factory=dict)
    healthy: dict[str, float] = field(default_factory=dict)
    applied: dict[tuple[str, str], float] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "text/event-stream"}
        address = f"{self.url}/api/v1/stream/applications"
        while not self.ended.is_set():
            with httpx.stream("GET", address, headers=headers, timeout=300) as answer:
                for line in answer.iter_lines():
                    if self.ended.is_set():
                        return
                    if line.startswith("data:"):
                        self._note(json.loads(line.removeprefix("data:")))

    def _note(self, message: dict[str, Any]) -> None:
        now = time.time()
        application = message["result"]["application"]
        name, status = application["metadata"]["name"], application.get("status", {})
        operation = status.get("operationState", {})
        if operation.get("phase") == "Succeeded":
            commit = operation.get("syncResult", {}).get("revision", "")
            self.applied.setdefault((name, commit), now)
        if status.get("sync", {}).get("status") == "Synced" and status.get("resources"):
            self.synced.setdefault(name, now)
            if status.get("health", {}).get("status") == "Healthy":
                self.healthy.setdefault(name, now)

    def wait_healthy(self, names: Iterable[str]) -> None:
        """Wait until each has been healthy once."""
        _wait({*names}, self.healthy)

    def wait_applied(self, commits: Iterable[tuple[str, str]]) -> None:
        """Wait until each commit has been applied to its application."""
        _wait({*commits}, self.applied)


@contextmanager
def watching(url: str, token: str) -> Iterator[Watcher]:
    watcher = Watcher(url, token)
    thread = threading.Thread(target=watcher.follow, daemon=True)
    thread.start()
    yield watcher
    watcher.ended.set()


def _wait(wanted: set[Any], found: dict[Any, float]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while missing := wanted - found.keys():
        assert time.monotonic() < deadline, sorted(missing)
        time.sleep(0.02)
