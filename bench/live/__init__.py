"""Deploying to a real Gitea and a real Argo CD, beside a script of copier, git and curl.

Both sides are watched by the same eyes: one stream of Argo CD's applications, read here. The
servers' addresses come from the environment, as for tests marked `live`; `python -m bench live`
alone runs it, since nobody has such servers by chance.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.live import by_hand, service
from bench.live.passages import Passage
from bench.live.servers import given
from bench.live.watching import watching
from bench.rows import Row

BATCHES = (1, 10, 100)
ROUNDS_OF_ONE = 5
LATE_SECONDS = 0.5
"""How late somebody sees it, on average, who asks Argo CD every second."""

_SCRIPT = "a shell script: copier, git, curl"


@dataclass
class _Side:
    passages: list[Passage] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    def add(self, batch: by_hand.Batch | service.Batch) -> None:
        self.passages += batch.passages
        self.cpu_seconds.append(batch.cpu_seconds)

    def median(self, begin: str, end: str) -> float:
        seconds = [float(getattr(it, end) - getattr(it, begin)) for it in self.passages]
        return statistics.median(seconds)

    def longest(self, count: int) -> float:
        """Return from the first request of the last `count` to the last of them healthy."""
        last = self.passages[-count:]
        return max(it.healthy for it in last) - min(it.asked for it in last)


def measure() -> list[Row]:
    """Measure batches of both sides in turn, on the servers that the environment names."""
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        watching(given("ARGOCD_URL"), given("ARGOCD_TOKEN")) as watcher,
        service.running(Path(folder)) as ours,
    ):
        for size in BATCHES:
            mine, theirs = _Side(), _Side()
            for _ in range(ROUNDS_OF_ONE if size == 1 else 1):
                theirs.add(by_hand.deploy(Path(folder), watcher, size))
                mine.add(ours.deploy(watcher, size))
            rows += _rows(size, mine, theirs)
            print(f"{size}: {rows}", file=sys.stderr, flush=True)
    return rows


_STAGES: Sequence[tuple[str, str, str, str]] = (
    ("request → pushed", "ours: checks, records, protects the branch", "asked", "pushed"),
    ("pushed → Argo CD is asked", "ours: namespace and secrets too", "pushed", "registered"),
    ("pushed → synced", "ours: policies, limits and routes too", "pushed", "synced"),
    ("synced → healthy", "until Argo CD says so", "synced", "healthy"),
    ("request → healthy", "", "asked", "healthy"),
    ("somebody's later push → synced", "both by Gitea's webhook", "changed", "applied"),
)


def _rows(size: int, ours: _Side, theirs: _Side) -> Iterator[Row]:
    """Compare those that arrived; a script gives up where a server does not answer in time."""
    lost = len(ours.passages) - len(theirs.passages)
    many = f"{size} at once" if size > 1 else "one"
    for what, note, begin, end in _STAGES:
        mine, other = (side.median(begin, end) for side in (ours, theirs))
        yield Row(f"{many}: {what}", mine, other, _SCRIPT, note)
    yield Row(
        f"{many}: healthy → the asker is told",
        ours.median("healthy", "known"),
        LATE_SECONDS,
        "asking Argo CD every second, on average",
    )
    mine, other = (statistics.median(side.cpu_seconds) for side in (ours, theirs))
    note = "CPU time of service or script; the servers' own is in neither"
    yield Row(f"{many}: the own share of a deployment", mine, other, _SCRIPT, note)
    if size > 1:
        note = (
            f"{lost} of {size} scripts gave up: Gitea answered 500; ours ask again" if lost else ""
        )
        mine, other = (side.longest(size) for side in (ours, theirs))
        yield Row(f"{many}: until the last is healthy", mine, other, _SCRIPT, note)
