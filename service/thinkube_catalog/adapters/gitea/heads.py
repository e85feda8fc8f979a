"""Heads of branches that are asked for all the time, followed by as few questions as will do.

Who asks twice within a few seconds gets the repository followed: a thread asks Gitea once a second
which repositories of the organisation changed last, one question however many are followed, and
looks at those alone. So asking costs nothing, and never waits for a Gitea that hangs: what the last
look found is the answer for its second, be it a failure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from thinkube_catalog.adapters.gitea.repositories import Found
from thinkube_catalog.domain.errors import CatalogError, UnavailableError
from thinkube_catalog.domain.forge import Commit, Repository

INTERVAL = 1.0
"""Seconds between two looks, unless Gitea is slow: then nine tenths of the time are left to it."""

_LEFT_ALONE = 9.0  # times the length of the last look
_LONGEST_INTERVAL = 15.0
_INTEREST = 10.0  # seconds for which a repository is followed after it was last asked for
_OLDEST = 60.0  # seconds for which an answer stands in for one that does not come
_ANYWAY = 30.0  # seconds after which each is looked at, whatever the organisation's list says
_MARGIN = timedelta(seconds=3)  # times of change are whole seconds, and noted after the push


@dataclass
class _Entry:
    """What was seen last. `version` changes with what we publish ourselves."""

    seen: Commit | CatalogError | None = None
    seen_at: float = float("-inf")
    looked_at: float = float("-inf")
    asked_at: float = float("-inf")
    version: int = 0


class Heads:
    """`look` reads one repository's head; `recently_updated` gives an owner's repositories."""

    def __init__(
        self,
        look: Callable[[Repository], Commit | None],
        recently_updated: Callable[[str], Iterator[Sequence[Found]]],
    ) -> None:
        self._look = look
        self._recently_updated = recently_updated
        self._entries: dict[Repository, _Entry] = {}
        self._newest: dict[str, datetime] = {}
        self._interval = INTERVAL
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def get(self, repository: Repository) -> Commit | None:
        """Return the head as it was at most a moment ago. Raises what looking raised."""
        now = time.monotonic()
        with self._lock:
            entry = self._entries.setdefault(repository, _Entry())
            followed = now - entry.asked_at < _INTEREST and entry.seen_at > float("-inf")
            if followed:
                self._follow()
            entry.asked_at = now
            age = now - entry.seen_at
        if age > (_OLDEST if followed else INTERVAL):
            return _told(self._look_at(repository, entry))
        return _told(entry.seen)

    def put(self, repository: Repository, commit: Commit) -> None:
        """Note what we have just published."""
        with self._lock:
            entry = self._entries.setdefault(repository, _Entry())
            entry.seen, entry.seen_at, entry.version = commit, time.monotonic(), entry.version + 1

    def renew(self, repository: Repository) -> None:
        """Look now at what somebody asks for; whoever asks next gets what is there."""
        with self._lock:
            entry = self._entries.get(repository)
        if entry is not None:
            self._look_at(repository, entry)

    def forget(self, repository: Repository) -> None:
        """Look anew when next asked."""
        with self._lock:
            self._entries.pop(repository, None)

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _follow(self) -> None:
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._run, name="gitea-heads", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._closed.wait(self._interval):
            with self._lock:
                followed = self._followed()
                if not followed:
                    self._thread = None
                    return
            begun = time.monotonic()
            for owner in {each.owner for each in followed}:
                self._visit(owner, [each for each in followed if each.owner == owner])
            spent = time.monotonic() - begun
            self._interval = min(_LONGEST_INTERVAL, max(INTERVAL, _LEFT_ALONE * spent))

    def _followed(self) -> list[Repository]:
        now = time.monotonic()
        wanted = [each for each, it in self._entries.items() if now - it.asked_at < _INTEREST]
        self._entries = {each: self._entries[each] for each in wanted}
        return wanted

    def _visit(self, owner: str, followed: list[Repository]) -> None:
        try:
            changed = self._changed(owner) if len(followed) > 1 else set(followed)
        except CatalogError as error:
            self._note(followed, error)
            return
        for repository in followed:
            with self._lock:
                entry = self._entries.get(repository)
            if entry is None or self._closed.is_set():
                continue
            known = time.monotonic() - entry.looked_at < _ANYWAY
            if known and repository not in changed and not isinstance(entry.seen, CatalogError):
                entry.seen_at = time.monotonic()
                continue
            found = self._look_at(repository, entry)
            if isinstance(found, UnavailableError):  # the others would only wait as long
                self._note(followed, found)
                return

    def _changed(self, owner: str) -> set[Repository]:
        """Return what may have changed since the last time; the first time, what changed last."""
        newest = self._newest.get(owner)
        changed: set[Repository] = set()
        for page in self._recently_updated(owner):
            first = page[0].updated_at
            self._newest[owner] = max(self._newest.get(owner, first), first)
            since = (newest or first) - _MARGIN
            changed |= {each.repository for each in page if each.updated_at >= since}
            if page[-1].updated_at < since:
                break
        return changed

    def _look_at(self, repository: Repository, entry: _Entry) -> Commit | CatalogError | None:
        version = entry.version
        try:
            found: Commit | CatalogError | None = self._look(repository)
        except CatalogError as error:
            found = error
        with self._lock:
            if entry.version != version:  # we published meanwhile, and know better
                return entry.seen
            entry.seen, entry.seen_at = found, time.monotonic()
            entry.looked_at = entry.seen_at
        return found

    def _note(self, repositories: list[Repository], error: CatalogError) -> None:
        with self._lock:
            for entry in (self._entries.get(each) for each in repositories):
                if entry is not None:
                    entry.seen, entry.seen_at = error, time.monotonic()


def _told(seen: Commit | CatalogError | None) -> Commit | None:
    if isinstance(seen, CatalogError):
        raise seen
    return seen
