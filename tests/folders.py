"""Template folders written on the spot, and a source that serves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from thinkube_catalog.domain.catalog import Release, Source


def write_folder(
    folder: Path,
    files: Mapping[str, str | bytes],
    executable: Sequence[str] = (),
) -> Path:
    """Write files by relative path, with modes that no umask changes; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o755 if name in executable else 0o644)
    return folder


class FolderSources:
    """Template sources over plain folders: a release's location is looked up among them."""

    def __init__(self) -> None:
        self._folders: dict[str, Path] = {}
        self._releases: dict[str, Release] = {}

    def offer(self, folder: Path, version: str = "v1.0.0", location: str = "") -> Release:
        """Offer the folder as it is under a location (its path by default)."""
        release = Release(location or str(folder), version, f"{len(self._folders):040x}")
        self._folders[release.location] = folder
        self._releases[release.location] = release
        return release

    def releases(self, location: str) -> Sequence[Release]:
        return [self._releases[location]]

    def resolve(self, source: Source) -> Release:
        return self._releases[source.location]

    def checkout(self, release: Release) -> Path:
        return self._folders[release.location]
