"""Everything that can go wrong, as one tree.

CatalogError
├── NotFoundError      no such template, release, deployment
├── ConflictError      the name is taken, the deployment is busy
├── InvalidError       breaks its own rules; carries every problem
├── DeniedError        this person may not do that
├── RenderError        the template is at fault; carries every problem
└── UnavailableError   forge, engine or store did not answer; trying again may help

Nouns add leaves beside themselves. A leaf takes what happened and phrases the sentence itself.
Each edge (API, CLI, pages) owns one table from these kinds to its own form. A bug is no
`CatalogError`: it is left to crash.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong at one place, and how to mend it.

    `file` and `line` (from 1) name the place in a file; `field` is a dotted path such as
    `spec.containers[0].port` or the name of a question. Empty or None where not applicable.
    """

    message: str
    file: str = ""
    line: int | None = None
    field: str = ""
    mend: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        parts = [part for part in (place, self.field) if part]
        sentence = ": ".join([*parts, self.message])
        return f"{sentence} ({self.mend})" if self.mend else sentence


class CatalogError(Exception):
    """The root. `problems` lists every single thing wrong; it may be empty."""

    problems: tuple[Problem, ...] = ()


class NotFoundError(CatalogError):
    """What was named does not exist."""


class ConflictError(CatalogError):
    """What was asked does not fit what is there already."""


class DeniedError(CatalogError):
    """This person may not do that."""


class _ListedError(CatalogError):
    def __init__(self, subject: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        listed = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"{subject}{listed}")
        self.subject = subject


class InvalidError(_ListedError):
    """Input breaks its rules. `problems` holds all of them, never only the first."""


class RenderError(_ListedError):
    """A template cannot be rendered, and the template is at fault."""


class UnavailableError(CatalogError):
    """Something outside did not answer in time or answered nonsense."""
