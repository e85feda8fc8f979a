"""Static files: read once, compressed once, and addressed by their digest: never stale."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file, as it is and compressed."""

    content: bytes
    compressed: bytes
    media_type: str


class Assets:
    """Every static file of the pages. All stand below one digest, so that they fit together."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }

    @cached_property
    def digest(self) -> str:
        digest = hashlib.sha256()
        for name, content in self._files.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        return digest.hexdigest()[:16]

    def url(self, name: str) -> str:
        """Return a file's address. Raises KeyError: a page that names no such file is a bug."""
        self._files[name]
        return f"/static/{self.digest}/{name}"

    def get(self, digest: str, name: str) -> Asset | None:
        """Return a file of exactly that digest; an old page's files are not there any more."""
        content = self._files.get(name) if digest == self.digest else None
        if content is None:
            return None
        return Asset(content, self._compressed[name], _TYPES[Path(name).suffix])

    @cached_property
    def _compressed(self) -> dict[str, bytes]:
        return {name: gzip.compress(each, 9, mtime=0) for name, each in self._files.items()}
