"""Pulling images: the account at the registry, put into the namespace of each application.

Whoever makes an application puts it there. What was made with another account, or with none, gets
it when the service starts, and once more a while later: until then a replica with the settings of
before may still have made some.
"""

from __future__ import annotations

import logging

from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.cluster import Cluster, RegistryAccount
from thinkube_catalog.adapters.argocd.desired import MARKER, NAME, Placement
from thinkube_catalog.adapters.background import Background
from thinkube_catalog.domain.environment import PULL_SECRET
from thinkube_catalog.domain.errors import CatalogError

ONCE_MORE_AFTER = 120.0
"""Seconds; a rolling update of the service is over by then."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds until what did not work is tried again."""

_log = logging.getLogger(__name__)


class Pulls:
    """Keeps what images are pulled by as the settings say it; without an account, nowhere."""

    def __init__(
        self,
        applications: Applications,
        cluster: Cluster,
        placement: Placement,
        account: RegistryAccount | None,
    ) -> None:
        self._applications, self._cluster = applications, cluster
        self._placement, self._account = placement, account
        self._background = Background("argocd-pulls", self._run)

    def allow(self, name: str, marker: str) -> None:
        """Let the images of an application be pulled."""
        if self._account is not None:
            self._write(name, marker)

    def start(self) -> None:
        """Begin to bring the account to what is there already, or to take it back."""
        self._background.start()

    def stop(self) -> None:
        self._background.stop()

    def _run(self) -> None:
        self._settle()
        if not self._background.closed.wait(ONCE_MORE_AFTER):
            self._settle()

    def _settle(self) -> None:
        """Try until nothing is left of what was there in the beginning."""
        done: set[str] = set()
        pause = FIRST_PAUSE
        while not self._is_settled(done) and not self._background.closed.wait(pause):
            pause = min(2 * pause, LONGEST_PAUSE)

    def _is_settled(self, done: set[str]) -> bool:
        """Write where it is not `done`; say whether that was all."""
        try:
            there = [each for each in self._applications.all() if _is_ours(each)]
        except CatalogError as error:
            _log.info("whose images are pulled is not known: %s", error)
            return False
        for each in there:
            if each.metadata.uid not in done and self._is_written(each):
                done.add(each.metadata.uid)
        return all(each.metadata.uid in done for each in there)

    def _is_written(self, there: ArgoApplication) -> bool:
        notes = there.metadata.annotations
        try:
            self._write(notes[NAME], notes[MARKER])
        except CatalogError as error:
            _log.info("what images of %s are pulled by is not as set: %s", notes[NAME], error)
            return False
        return True

    def _write(self, name: str, marker: str) -> None:
        namespace = self._placement.record_name(name)
        self._cluster.allow_pulls(namespace, PULL_SECRET, self._account, marker)


def _is_ours(there: ArgoApplication) -> bool:
    marked = {MARKER, NAME} <= there.metadata.annotations.keys()
    return marked and there.metadata.deletion_timestamp is None
