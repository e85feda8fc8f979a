"""Forms and rendered trees, kept by release and answers and bounded by bytes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Generic, TypeVar

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.questions import Form
from thinkube_catalog.domain.rendering import FileTree

_T = TypeVar("_T")
_PER_FILE = 400
"""Bytes that a file's objects take beside its content, roughly."""


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


def key_of(
    release: Release,
    answers: Mapping[str, object],
    variables: Mapping[str, str] | None = None,
) -> str:
    """Name a form or a render. The order of answers does not matter; none can be read back."""
    told = dict(variables or {})
    parts = [release.location, release.version, release.commit, dict(answers), told]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def tree_size(tree: FileTree) -> int:
    return sum(len(file.content) + len(path) + _PER_FILE for path, file in tree.items())


def form_size(form: Form) -> int:
    return len(repr(form))
