"""Looks happen side by side; each has its bound, and its failure is a check."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from thinkube_catalog.domain.checks import Check, passed
from thinkube_catalog.domain.errors import UnavailableError
from thinkube_catalog.operations.examination import Look, examine


def test_looks_wait_for_each_other_and_keep_their_order() -> None:
    barrier = threading.Barrier(3)

    def look(name: str) -> list[Check]:
        barrier.wait(timeout=30)  # passes only when all three look at the same time
        return [passed(name, "seen")]

    looks = [Look(name, partial(look, name)) for name in "abc"]
    assert [check.name for check in examine(looks, 60)] == ["a", "b", "c"]


def test_one_that_hangs_is_a_check_that_failed() -> None:
    release = threading.Event()

    def hang() -> list[Check]:
        release.wait()
        return []

    looks = [Look("slow", hang, "look there"), Look("quick", lambda: [passed("quick", "seen")])]
    slow, quick = examine(looks, 0.05)
    release.set()
    assert (slow.good, slow.mend, "has not answered" in slow.message) == (False, "look there", True)
    assert quick.good


def test_an_error_of_ours_is_a_check_and_a_bug_is_not() -> None:
    def refuse() -> list[Check]:
        raise UnavailableError("nobody answers")

    (check,) = examine([Look("it", refuse, "start it")], 60)
    assert (check.good, check.message, check.mend) == (False, "nobody answers", "start it")

    def fail() -> list[Check]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        examine([Look("it", fail)], 60)
