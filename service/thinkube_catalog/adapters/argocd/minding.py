"""Minding applications between two calls: pushes are brought up, and what serves is noted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from uuid import uuid4

from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.desired import SERVING, Placement
from thinkube_catalog.adapters.argocd.following import Follower
from thinkube_catalog.adapters.argocd.progress import Stage, progress
from thinkube_catalog.adapters.background import Background
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Commit, Repository

_REPEAT_SECONDS = 15.0
"""After how long something that had no effect is asked for again."""

_PAUSE = 0.2

_log = logging.getLogger(__name__)


class Minder:
    """Looks at everything that is followed, every few moments, in a thread of its own."""

    def __init__(
        self,
        applications: Applications,
        follower: Follower,
        placement: Placement,
        head: Callable[[Repository], Commit | None],
        awaits: Callable[[ArgoApplication], bool],
        seconds: float,
    ) -> None:
        """`awaits` says whether an application's secrets have still to come."""
        self._applications, self._follower = applications, follower
        self._placement, self._head = placement, head
        self._awaits, self._seconds = awaits, seconds
        self._asked: dict[tuple[str, str, str], float] = {}
        self._lock = threading.Lock()
        self._background = Background("argocd-minder", self._run)

    def start(self) -> None:
        self._background.start()

    def stop(self) -> None:
        self._background.stop()

    def pause(self) -> None:
        """Wait a moment for Argo CD to do what it was asked to."""
        self._background.closed.wait(_PAUSE)

    def note_serving(self, there: ArgoApplication) -> None:
        """Note at the record which commit is healthy: it still is when a later one fails."""
        now = progress(there)
        if now.serving in {"", there.metadata.annotations.get(SERVING, "")}:
            return
        if not self._is_due(there.metadata.name, "serving", now.serving) or self._awaits(there):
            return
        try:
            self._applications.note(there, {SERVING: now.serving})
        except CatalogError as error:
            _log.info("%s serves %s, unnoted: %s", there.metadata.name, now.serving, error)

    def head_of(self, there: ArgoApplication) -> str:
        """Return the commit that its branch is at; empty where the forge does not say."""
        repository = self._placement.repository_of(there.spec)
        if repository is None:
            return ""
        try:
            head = self._head(repository)
        except CatalogError:
            return ""  # the forge's trouble is told where it matters
        return head.id if head else ""

    def _run(self) -> None:
        while not self._background.closed.wait(self._seconds):
            for there in self._follower.all():
                if self._background.closed.is_set():
                    return
                self.note_serving(there)
                self._bring_up(there)

    def _bring_up(self, there: ArgoApplication) -> None:
        """Have Argo CD look at a branch that has moved: by itself it looks every few minutes."""
        now, name = progress(there), there.metadata.name
        head = "" if now.stage is Stage.REMOVING else self.head_of(there)
        if head not in {"", now.wanted} and self._is_due(name, "refresh", head):
            self._applications.refresh(name)
        elif now.stage is Stage.UNCONFIRMED and self._is_due(name, "sync", now.wanted):
            self._confirm(name, now.wanted)

    def _confirm(self, name: str, commit: str) -> None:
        """Have a commit applied that Argo CD takes to be there: it costs little if it is."""
        try:
            self._applications.sync(name, uuid4().hex)
        except CatalogError as error:
            _log.info("%s of %s is not confirmed: %s", commit, name, error)

    def _is_due(self, name: str, what: str, commit: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if len(self._asked) > 10_000:  # noqa: PLR2004 (forgetting only asks once more)
                self._asked.clear()
            last = self._asked.get((name, what, commit), float("-inf"))
            if now - last < _REPEAT_SECONDS:
                return False
            self._asked[(name, what, commit)] = now
        return True
