"""One line of the table of measurements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What we take for something, beside what a person would do by hand.

    `theirs` says what that is; `note` what one of the two does not do.
    """

    name: str
    ours_seconds: float
    theirs_seconds: float
    theirs: str
    note: str = ""
