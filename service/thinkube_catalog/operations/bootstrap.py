"""Look at every part of an installation, and make what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from thinkube_catalog.domain.bootstrap import (
    ByHandError,
    Effect,
    Finding,
    Outcome,
    Part,
    State,
    StillDifferentError,
)
from thinkube_catalog.domain.errors import CatalogError, UnavailableError

TRIES = 3
"""How often a part is made whose answer is lost, or which is not there when looked for."""


def plan(parts: Iterable[Part]) -> Iterator[Outcome]:
    """Look at each part and say what would be done. Changes nothing."""
    for part in parts:
        try:
            finding = part.look()
        except CatalogError as error:
            yield _failed(part, error)
        else:
            done = finding.state is State.PRESENT
            yield _outcome(part, finding, Effect.LEFT if done else Effect.WANTED)


def carry_out(parts: Iterable[Part]) -> Iterator[Outcome]:
    """Look at each part and make what is not as it should be; safe to repeat.

    Where one fails, those after it in the same system are skipped.
    """
    failed: dict[str, str] = {}
    for part in parts:
        if part.system in failed:
            message = f"needs {failed[part.system]}"
            yield Outcome(part.system, part.name, Effect.SKIPPED, message=message)
            continue
        outcome = _settle(part)
        if outcome.effect is Effect.FAILED:
            failed[part.system] = part.name
        yield outcome


def complete(outcomes: Iterable[Outcome]) -> bool:
    """Say whether nothing is left to be done."""
    return all(
        outcome.effect in {Effect.LEFT, Effect.MADE, Effect.CORRECTED} for outcome in outcomes
    )


def _settle(part: Part) -> Outcome:
    finding: Finding | None = None
    try:
        finding = part.look()
        if finding.state is State.PRESENT:
            return _outcome(part, finding, Effect.LEFT)
        _make(part)
    except ByHandError as error:
        state = finding.state if finding else None
        return Outcome(part.system, part.name, Effect.BY_HAND, state, _told(finding), str(error))
    except CatalogError as error:
        return _failed(part, error)
    made = Effect.MADE if finding.state is State.MISSING else Effect.CORRECTED
    return _outcome(part, finding, made)


def _make(part: Part) -> None:
    """Make until it is found: an answer that was lost says nothing about what happened."""
    lost: UnavailableError | None = None
    finding = Finding(State.MISSING)
    for _ in range(TRIES):
        try:
            part.make()
        except UnavailableError as error:
            lost = error
        finding = part.look()
        if finding.state is State.PRESENT:
            return
    raise lost or StillDifferentError(part.name, finding.message)


def _failed(part: Part, error: CatalogError) -> Outcome:
    return Outcome(part.system, part.name, Effect.FAILED, message=str(error))


def _outcome(part: Part, finding: Finding, effect: Effect) -> Outcome:
    return Outcome(part.system, part.name, effect, finding.state, finding.message)


def _told(finding: Finding | None) -> str:
    return finding.message if finding else ""
