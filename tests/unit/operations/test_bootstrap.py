"""Parts are looked at first, made until they are found, and skipped behind one that failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from thinkube_catalog.domain.bootstrap import (
    ByHandError,
    Effect,
    Finding,
    ImpossibleError,
    State,
)
from thinkube_catalog.domain.errors import UnavailableError
from thinkube_catalog.operations.bootstrap import carry_out, complete, plan


@dataclass
class Thing:
    """A part in memory: `goes` are what its makings do, the last one for ever."""

    name: str
    system: str = "here"
    state: State = State.MISSING
    goes: list[Callable[[], State]] = field(default_factory=lambda: [lambda: State.PRESENT])
    made: int = 0

    def look(self) -> Finding:
        return Finding(self.state, f"about {self.name}")

    def make(self) -> None:
        go = self.goes[min(self.made, len(self.goes) - 1)]
        self.made += 1
        self.state = go()


def lost() -> State:
    raise UnavailableError("the answer was lost")


def refused() -> State:
    raise ImpossibleError("somebody else's")


def told() -> State:
    raise ByHandError("do it yourself")


def effects(*things: Thing) -> list[Effect]:
    return [outcome.effect for outcome in carry_out(things)]


def test_what_is_there_is_left_and_the_rest_is_made_or_corrected() -> None:
    things = [Thing("a", state=State.PRESENT), Thing("b"), Thing("c", state=State.DIFFERENT)]
    assert effects(*things) == [Effect.LEFT, Effect.MADE, Effect.CORRECTED]
    assert [thing.made for thing in things] == [0, 1, 1]
    assert complete(carry_out(things))


def test_a_plan_makes_nothing() -> None:
    things = [Thing("a"), Thing("b", state=State.PRESENT)]
    assert [it.effect for it in plan(things)] == [Effect.WANTED, Effect.LEFT]
    assert [thing.made for thing in things] == [0, 0]


def test_a_lost_answer_is_made_good_by_looking_and_making_again() -> None:
    thing = Thing("a", goes=[lost, lambda: State.PRESENT])
    assert effects(thing) == [Effect.MADE]
    assert thing.made == 2


def test_what_is_never_found_has_failed_with_the_reason() -> None:
    for goes, reason in ((lost, "answer was lost"), (lambda: State.DIFFERENT, "about a")):
        (outcome,) = carry_out([Thing("a", goes=[goes])])
        assert (outcome.effect, reason in outcome.message) == (Effect.FAILED, True)


def test_behind_a_failure_the_same_system_is_skipped_and_others_are_not() -> None:
    things = [Thing("a", goes=[refused]), Thing("b"), Thing("c", system="there")]
    outcomes = list(carry_out(things))
    assert [it.effect for it in outcomes] == [Effect.FAILED, Effect.SKIPPED, Effect.MADE]
    assert outcomes[0].message == "somebody else's"
    assert outcomes[1].message == "needs a"
    assert not complete(outcomes)


def test_what_a_person_has_to_do_is_told_and_stops_nothing() -> None:
    first, second = carry_out([Thing("a", goes=[told]), Thing("b")])
    assert (first.effect, first.mend) == (Effect.BY_HAND, "do it yourself")
    assert second.effect is Effect.MADE
    assert not complete([first, second])
