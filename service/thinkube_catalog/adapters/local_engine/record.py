"""What the engine remembers of an application: what was declared, and how far it has come.

Two files. `application.json` is declared and kept twice; `progress.json` can be lost: the engine
then starts the application anew from its branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from thinkube_catalog.adapters.local_engine.files import DamagedFileError, read_json, write_json
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.domain.gitops import Application, Cause, CauseKind

DECLARED_STEM = "application."
DECLARED = "application.json"
DECLARED_COPY = "application.copy.json"
PROGRESS = "progress.json"


@dataclass(frozen=True)
class Declared:
    """An application as it was made known, and the port of its address (0 before it has one)."""

    application: Application
    port: int = 0
    removing: bool = False
    volumes_too: bool = False


class Phase(StrEnum):
    """How far a new version is.

    `beside` the one that serves; or, where both would meet in the same folders, first a
    `rehearsal` on storage of its own, and then a `takeover` for which the old one is stopped.
    """

    NONE = ""
    BESIDE = "beside"
    REHEARSAL = "rehearsal"
    TAKEOVER = "takeover"


@dataclass(frozen=True)
class Progress:
    """Which commits are wanted and serving, and the instances by container of each.

    A revision is a commit with the secrets that it runs with.
    """

    wanted: str = ""
    serving: str = ""
    serving_revision: str = ""
    failed: bool = False
    causes: tuple[Cause, ...] = ()
    crew: Mapping[str, int] = field(default_factory=dict)
    phase: Phase = Phase.NONE
    rolling_revision: str = ""
    rolling: Mapping[str, int] = field(default_factory=dict)
    scheduled: Mapping[str, int] = field(default_factory=dict)
    next_number: int = 1


def save_declared(folder: Path, declared: Declared) -> None:
    value = asdict(declared)
    write_json(folder / DECLARED, value, lasting=True)
    write_json(folder / DECLARED_COPY, value, lasting=True)


def load_declared(folder: Path) -> Declared | None:
    """Return what was declared; None if nothing was. Raises DamagedFileError if both are bad."""
    try:
        return _declared(folder / DECLARED)
    except DamagedFileError:
        copy = _declared(folder / DECLARED_COPY)
        if copy is None:
            raise
        save_declared(folder, copy)
        return copy


def save_progress(folder: Path, progress: Progress) -> None:
    write_json(folder / PROGRESS, asdict(progress), lasting=True)


def load_progress(folder: Path) -> Progress:
    """Return how far it was. Raises DamagedFileError."""
    path = folder / PROGRESS
    found = read_json(path)
    if found is None:
        return Progress()
    try:
        causes = tuple(_cause(each) for each in found.pop("causes"))
        phase = Phase(found.pop("phase"))
        return Progress(**found, causes=causes, phase=phase)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(path, f"{type(error).__name__}: {error}") from error


def _declared(path: Path) -> Declared | None:
    found = read_json(path)
    if found is None:
        return None
    try:
        application = found.pop("application")
        repository = Repository(**application.pop("repository"))
        return Declared(Application(**application, repository=repository), **found)
    except (KeyError, TypeError) as error:
        raise DamagedFileError(path, f"{type(error).__name__}: {error}") from error


def _cause(found: dict[str, Any]) -> Cause:
    return Cause(
        CauseKind(found["kind"]),
        found["message"],
        found["mend"],
        found["container"],
        tuple(found["lines"]),
    )
