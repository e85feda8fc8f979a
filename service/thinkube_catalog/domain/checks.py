"""Checks: what `tkt doctor` looked at, and what to mend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `mend` says what to do when it is not `good`."""

    name: str
    good: bool
    message: str
    mend: str = ""
