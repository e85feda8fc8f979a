"""What became of a delivery: told by whether it arrived, and whether the forge has tried."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from thinkube_catalog.operations.trial import Outcome, try_delivery


@dataclass
class Made:
    """A delivery that is over after so many looks; `looks` is negative where it never is."""

    looks: int
    begun: bool = False

    def begin(self) -> None:
        self.begun = True

    def is_over(self) -> bool:
        self.looks -= 1
        return self.begun and self.looks == 0


@dataclass
class Place:
    """Where it arrives after so many looks; never where that is negative."""

    looks: int

    def arrived(self) -> bool:
        self.looks -= 1
        return -2 < self.looks <= 0


@pytest.mark.parametrize(
    ("over_after", "arrives_after", "outcome"),
    [
        (2, 1, Outcome.ARRIVED),
        (1, 3, Outcome.ARRIVED),
        (1, -10, Outcome.LOST),
        (-10, -10, Outcome.UNSENT),
    ],
)
def test_an_outcome_is_told_by_both_sides(
    over_after: int, arrives_after: int, outcome: Outcome
) -> None:
    made, place = Made(over_after), Place(arrives_after)
    assert try_delivery(made, place.arrived, seconds=0.5, grace=0.5) is outcome
    assert made.begun


def test_what_has_arrived_before_anybody_waits_is_seen() -> None:
    assert try_delivery(Made(-10), lambda: True, seconds=0.0) is Outcome.ARRIVED
