"""Releases: which of two versions is the newer one, so that a list can say what is out of date."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

_SINCE_TAG = re.compile(r"-\d+-g[0-9a-f]+$")


def is_newer(release: str, than: str) -> bool:
    """Say whether a release comes after a version, both as `git describe --tags` names them.

    Some commits after a tag are not older than that tag. What is no version, such as a branch or
    a folder outside Git, has nothing to be compared with: nothing is newer than it.
    """
    try:
        return Version(release) > Version(_SINCE_TAG.sub("", than))
    except InvalidVersion:
        return False
