"""Remembering what was made from the same things before, within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

_T = TypeVar("_T")

MOST = 256
LONGEST = 64 * 1024
"""Characters of a text that is still kept; longer ones are read anew, so that memory is bounded."""


def remembered(read: Callable[[str, str], _T]) -> Callable[[str, str], _T]:
    """Return the same reading of a text and its file's name, done once for each.

    What it returns must never change, and depend on nothing else. Errors are not kept.
    """
    kept = lru_cache(maxsize=MOST)(read)

    def reading(text: str, file: str) -> _T:
        return kept(text, file) if len(text) <= LONGEST else read(text, file)

    return reading


class BoundedCache(Generic[_T]):
    """The least recently used values go first. Safe to use from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._values: OrderedDict[str, tuple[_T, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> _T | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: str, value: _T, size: int) -> None:
        """Keep the value, unless it alone is too large."""
        if size > self._most:
            return
        with self._lock:
            if key in self._values:
                return
            self._values[key] = (value, size)
            self._bytes += size
            while self._bytes > self._most:
                _, (_, gone) = self._values.popitem(last=False)
                self._bytes -= gone
