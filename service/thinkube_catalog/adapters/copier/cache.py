"""Rendered trees, kept by release and answers and bounded by bytes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.questions import Answers
from thinkube_catalog.domain.rendering import FileTree

_PER_FILE = 400
"""Bytes that a file's objects take beside its content, roughly."""


class TreeCache:
    """The least recently used trees go first. Safe to use from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._trees: OrderedDict[str, tuple[FileTree, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @staticmethod
    def key(release: Release, answers: Answers, variables: Mapping[str, str]) -> str:
        """Name a render. The order of answers does not matter; no answer can be read back."""
        parts = [release.location, release.version, release.commit, dict(answers), dict(variables)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def get(self, key: str) -> FileTree | None:
        with self._lock:
            if key not in self._trees:
                return None
            self._trees.move_to_end(key)
            return self._trees[key][0]

    def put(self, key: str, tree: FileTree) -> None:
        """Keep the tree, unless it alone is too large."""
        size = sum(len(file.content) + len(path) + _PER_FILE for path, file in tree.items())
        if size > self._most:
            return
        with self._lock:
            if key in self._trees:
                return
            self._trees[key] = (tree, size)
            self._bytes += size
            while self._bytes > self._most:
                _, (_, gone) = self._trees.popitem(last=False)
                self._bytes -= gone
