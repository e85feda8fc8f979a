"""Test deliveries that have come, in memory."""

from __future__ import annotations


class MemoryArrivals:
    """Keeps the promises of `Arrivals` for one process."""

    def __init__(self) -> None:
        self._last: dict[int, str] = {}

    def note(self, repository: int, delivery: str) -> None:
        self._last[repository] = delivery

    def last(self, repository: int) -> str:
        return self._last.get(repository, "")
