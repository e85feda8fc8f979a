"""The servers that the environment names, as for tests marked `live`."""

from __future__ import annotations

import os

IN_CLUSTER = "https://kubernetes.default.svc"


def given(name: str) -> str:
    """Return the variable THINKUBE_TEST_<name>."""
    return os.environ[f"THINKUBE_TEST_{name}"]
