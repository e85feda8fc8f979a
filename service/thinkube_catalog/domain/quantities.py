"""Quantities as Kubernetes and people write them: 512Mi, 24Gi, 1.5TiB."""

from __future__ import annotations

import math
import re

_QUANTITY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([KMGTP]i?B?|)")
_BYTES = {
    **{f"{letter}": 1000**power for power, letter in enumerate("KMGTP", 1)},
    **{f"{letter}i": 1024**power for power, letter in enumerate("KMGTP", 1)},
}
_GIB = 1024**3


def quantity_problem(text: str) -> str:
    """Say what is wrong with a quantity of memory or disk; empty when it is good."""
    found = _QUANTITY.fullmatch(text.strip())
    if not found:
        return f"{text[:60]!r} is not a quantity"
    return "" if found[2] else f"{text!r} has no unit"


def gibibytes(text: str) -> int | None:
    """Return a quantity in whole GiB, rounded up; a bare number is GiB. None if it is none."""
    found = _QUANTITY.fullmatch(text.strip())
    if not found:
        return None
    unit = found[2].removesuffix("B")
    factor = _BYTES[unit] / _GIB if unit else 1
    return math.ceil(float(found[1]) * factor)
