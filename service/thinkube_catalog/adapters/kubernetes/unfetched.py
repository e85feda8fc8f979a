"""Why External Secrets has not fetched values: its own words, told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from thinkube_catalog.domain.gitops import Cause, CauseKind

_LONGEST = 300
_ITS_WORDS = re.compile(
    r"error processing spec\.data\[(?P<place>\d+)\] \(key: .*?\), err: (?P<why>.*)", re.DOTALL
)
_NOT_ALLOWED = re.compile(r"using cluster store .* is not allowed from namespace")
_STORE = re.compile(
    r"could not get ClusterSecretStore|ClusterSecretStore .* (not found|is not ready)"
)
_DENIED = re.compile(r"forbidden|denied|unauthori[sz]ed|\b40[13]\b", re.IGNORECASE)
_ABSENT = re.compile(
    r"does not exist|not found|cannot find|could not find|no such|\b404\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Wanted:
    """The store, and where in it the value of each name is expected: entry and field."""

    store: str
    places: Mapping[str, tuple[str, str]]


def why_unfetched(told: str, wanted: Wanted) -> tuple[Cause, bool]:
    """Return the cause, and whether the store lacks a value: else another try may help."""
    found = _ITS_WORDS.search(told)
    why = " ".join((found["why"] if found else told).split())[:_LONGEST]
    store = f"the ClusterSecretStore {wanted.store}"
    if _NOT_ALLOWED.search(why):
        mend = f"have the conditions of {store} admit the namespaces of applications"
        return _cause(f"{store} does not serve this namespace: {why}", mend), False
    if _STORE.search(why):
        mend = f"see how {store} is with: tkt doctor; THINKUBE_SECRET_STORE names it"
        return _cause(f"External Secrets cannot use {store}: {why}", mend), False
    what = _named(int(found["place"]), wanted) if found else "its values"
    if not _DENIED.search(why) and _ABSENT.search(why):
        mend = "put it there, then: tkt retry"
        return _cause(f"{store} does not have {what}: {why}", mend), True
    mend = "have whoever looks after the store see to it, then: tkt retry"
    return _cause(f"External Secrets cannot fetch {what} from {store}: {why}", mend), False


def not_looked_at(store: str) -> Cause:
    """Return the cause where External Secrets has said nothing yet."""
    return _cause(
        f"External Secrets has not fetched its secrets from the ClusterSecretStore {store} yet",
        "wait a moment; if it stays so, see that External Secrets runs in the cluster",
    )


def _named(place: int, wanted: Wanted) -> str:
    names = list(wanted.places)
    if place >= len(names):
        return "one of its values"
    entry, field = wanted.places[names[place]]
    return f"the secret {names[place]} (entry {entry}{f', field {field}' if field else ''})"


def _cause(message: str, mend: str) -> Cause:
    return Cause(CauseKind.MISSING_SECRET, message, mend)
