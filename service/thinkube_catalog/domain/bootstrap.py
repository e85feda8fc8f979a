"""Bootstrap: what this service needs in other systems, part by part, looked at and made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from thinkube_catalog.domain.errors import CatalogError, UnavailableError
from thinkube_catalog.domain.secrets import SecretValue

Ask = Callable[[str, Path | None], SecretValue]
"""Return what a person knows under that title, from that file if there is one, else asked."""


@dataclass(frozen=True)
class Wishes:
    """Who administers the other systems, and what is made there.

    Passwords come through `ask` when they are needed, and are kept nowhere. Without a
    `kubeconfig`, what only the cluster's administrator can do is told instead.
    """

    settings: Path
    ask: Ask
    gitea_admin: str = ""
    gitea_password: Path | None = None
    argocd_admin: str = "admin"
    argocd_password: Path | None = None
    kubeconfig: Path | None = None
    account: str = "catalog"
    reader: str = "catalog-reader"
    token_days: int = 365


class State(StrEnum):
    """How a part was found."""

    PRESENT = "present"
    MISSING = "missing"
    DIFFERENT = "different"


class Effect(StrEnum):
    """What came of a part."""

    LEFT = "left as it is"
    WANTED = "to be done"
    MADE = "made"
    CORRECTED = "corrected"
    BY_HAND = "by hand"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """How a part was found, and in which way it is not as it should be."""

    state: State
    message: str = ""


@dataclass(frozen=True)
class Outcome:
    """What was found and done of one part; `mend` says what a person has to do."""

    system: str
    part: str
    effect: Effect
    state: State | None = None
    message: str = ""
    mend: str = ""


class Part(Protocol):
    """One thing in one system. Making it may be interrupted anywhere, and repeated."""

    @property
    def system(self) -> str:
        """Name the system that it is in; parts after it there may build on it."""
        ...

    @property
    def name(self) -> str:
        """Name it, for people."""
        ...

    def look(self) -> Finding:
        """Say how it is. Changes nothing."""
        ...

    def make(self) -> None:
        """Make it, or correct it: looking again finds it present.

        Raises ByHandError where that takes a right that was not given, ImpossibleError where it
        needs a decision, and UnavailableError, after which it may have been made.
        """
        ...


class Kept(Protocol):
    """The settings of this installation, where what was made is kept."""

    def value(self, name: str) -> SecretValue | None:
        """Return a setting by its whole name; None if it is not set."""
        ...

    def keep(self, name: str, value: SecretValue) -> None:
        """Set it, for good, before this returns."""
        ...


class ByHandError(CatalogError):
    """Somebody with more rights has to do this; the message says what."""


class ImpossibleError(CatalogError):
    """What is there is in the way; the message says whose decision it takes."""


class StillDifferentError(UnavailableError):
    def __init__(self, part: str, message: str) -> None:
        told = f": {message}" if message else ""
        super().__init__(f"{part} was made, and is still not as it should be{told}")
