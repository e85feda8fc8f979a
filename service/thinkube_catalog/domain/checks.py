"""Checks: what `tkt doctor` looked at, and what to mend."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `mend` says what to do when it is not `good`.

    A `warning` is good enough to work with, and still should be mended.
    """

    name: str
    good: bool
    message: str
    mend: str = ""
    warning: bool = False


def passed(name: str, message: str) -> Check:
    return Check(name, good=True, message=message)


def warned(name: str, message: str, mend: str) -> Check:
    return Check(name, good=True, message=message, mend=mend, warning=True)


def failed(name: str, message: str, mend: str) -> Check:
    return Check(name, good=False, message=message, mend=mend)
