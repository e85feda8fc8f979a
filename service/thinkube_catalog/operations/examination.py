"""Look at many things side by side, each for no longer than a bound."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from thinkube_catalog.domain.checks import Check, failed
from thinkube_catalog.domain.errors import CatalogError


@dataclass(frozen=True)
class Look:
    """Something to be looked at; `mend` says what to do where that does not come to an end."""

    name: str
    at: Callable[[], Sequence[Check]]
    mend: str = "try again; look into its own log"


def examine(looks: Sequence[Look], seconds: float) -> list[Check]:
    """Return every look's checks, in the order of the looks.

    What goes wrong in one, or takes longer than `seconds`, is a check of its own that failed.
    """
    answers = [_begin(look) for look in looks]
    return [
        check
        for look, answer in zip(looks, answers, strict=True)
        for check in _taken(look, answer, seconds)
    ]


Answer = SimpleQueue[Sequence[Check] | BaseException]


def _begin(look: Look) -> Answer:
    answer: Answer = SimpleQueue()
    # A daemon: one that hangs does not keep the program from ending.
    threading.Thread(target=_run, args=(look, answer), daemon=True).start()
    return answer


def _run(look: Look, answer: Answer) -> None:
    try:
        answer.put(look.at())
    except BaseException as error:  # noqa: BLE001 (raised where the answer is taken)
        answer.put(error)


def _taken(look: Look, answer: Answer, seconds: float) -> Sequence[Check]:
    try:
        found = answer.get(timeout=seconds)
    except Empty:
        return [failed(look.name, f"has not answered within {seconds:.0f} s", look.mend)]
    if isinstance(found, CatalogError):
        return [failed(look.name, str(found), look.mend)]
    if isinstance(found, BaseException):
        raise found
    return found
