"""A place beside the finished things for what is half made, so that a rename finishes it."""

from __future__ import annotations

import shutil
from pathlib import Path


def emptied_aside(root: Path) -> Path:
    """Return the folder for half-made things, emptied of what killed processes left in it.

    The caller holds a lock that everybody takes who uses the aside of this root.
    """
    aside = root / ".aside"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    return aside
