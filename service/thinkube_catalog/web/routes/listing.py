"""What several pages know of deployments: how many there are by template, kept for a moment."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from threading import Lock

from thinkube_catalog.domain.deployments import State
from thinkube_catalog.operations.platform import Platform

FRESH_SECONDS = 2.0
_RUNNING = frozenset({State.HEALTHY, State.ROLLING_OUT, State.DEGRADED})


class RunningCounts:
    """How many deployments of each template run. A card may be seconds old; a list never is."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = Lock()
        self._counts: Mapping[str, int] = {}
        self._read_at = float("-inf")

    def now(self) -> Mapping[str, int]:
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._counts = Counter(
                    each.template
                    for each in self._platform.deployments.summaries()
                    if each.state in _RUNNING
                )
                self._read_at = time.monotonic()
            return self._counts
