"""Which tags are releases, and which of them is the newest: PEP 440, as Copier takes it."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from packaging.version import InvalidVersion, Version


def newest_first(tags: Iterable[str]) -> list[str]:
    """Sort tags by version; those that are no versions are no releases and are left out."""
    versions = {tag: version for tag in tags if (version := _version(tag)) is not None}
    return sorted(versions, key=lambda tag: (versions[tag], tag), reverse=True)


def newest_final(tags: Iterable[str]) -> str:
    """Return the newest tag that is no pre-release; empty if there is none."""
    return next((tag for tag in newest_first(tags) if not _is_prerelease(tag)), "")


def _is_prerelease(tag: str) -> bool:
    version = _version(tag)
    return version is not None and version.is_prerelease


@functools.lru_cache(maxsize=4096)
def _version(tag: str) -> Version | None:
    try:
        return Version(tag)
    except InvalidVersion:
        return None
