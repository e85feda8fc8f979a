"""Which commit each tag of a source led to when it was first seen: released versions never move."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from thinkube_catalog.adapters.locks import holding

_LOCK_SECONDS = 10.0


class SeenTags:
    """One small file per source below `root`; lines of a commit id, a space and a tag."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def record(self, source: str) -> Path:
        return self._root / hashlib.sha256(source.encode()).hexdigest()

    def remember(self, source: str, tags: Mapping[str, str]) -> Mapping[str, str]:
        """Note tags that are new, and return what was noted first for those that have moved."""
        seen = self._read(source)
        if not tags.keys() <= seen.keys():
            self._root.mkdir(parents=True, exist_ok=True)
            with holding(self._root / ".lock", _LOCK_SECONDS):
                seen = {**tags, **self._read(source)}
                self._write(source, seen)
        return {tag: seen[tag] for tag, commit in tags.items() if seen[tag] != commit}

    def _read(self, source: str) -> dict[str, str]:
        try:
            lines = self.record(source).read_text().splitlines()
        except FileNotFoundError:
            return {}
        return {tag: commit for commit, _, tag in (line.partition(" ") for line in lines)}

    def _write(self, source: str, seen: Mapping[str, str]) -> None:
        record = self.record(source)
        new = record.with_suffix(".new")
        with new.open("w") as stream:
            stream.writelines(f"{commit} {tag}\n" for tag, commit in sorted(seen.items()))
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(record)
