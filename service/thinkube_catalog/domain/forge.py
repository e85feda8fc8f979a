"""The forge: where rendered projects and published templates live as Git repositories.

Each promise below is kept by `tests/contracts/test_forge.py`, for every forge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from thinkube_catalog.domain.errors import ConflictError, NotFoundError, UnavailableError
from thinkube_catalog.domain.rendering import FileTree


@dataclass(frozen=True)
class Repository:
    """A repository by owner and name, as in `thinkube-deployments/legal-qa`."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True)
class Commit:
    """A commit by its full id. `at` is in UTC."""

    id: str
    message: str
    author: str
    at: datetime


@dataclass(frozen=True)
class Signature:
    """Who a commit is by, and when; the same content, parent and signature give the same id."""

    name: str
    email: str
    at: datetime


class Forge(Protocol):
    """Repositories with one default branch, `main`."""

    def ensure_repository(self, repository: Repository, marker: str) -> str:
        """Make the repository exist and return the URL or path to clone it from.

        `marker` says whose it is (a deployment's id); does nothing if it exists with the same
        marker. Raises RepositoryTakenError if it exists with another, or with none.
        """
        ...

    def publish(
        self,
        repository: Repository,
        files: FileTree,
        message: str,
        signature: Signature,
        tag: str = "",
    ) -> Commit:
        """Make the default branch hold exactly these files, in one commit on top of what is there.

        Publishing what is already there returns the commit that holds it. With `tag`, also
        makes that tag, once: raises TagMovedError if it exists with other content. Safe to repeat.
        """
        ...

    def head(self, repository: Repository) -> Commit | None:
        """Return the default branch's newest commit; None while the repository is empty."""
        ...

    def files(self, repository: Repository, commit: str) -> FileTree:
        """Return the files of a commit. Raises CommitNotFoundError."""
        ...

    def history(self, repository: Repository, limit: int = 50) -> Sequence[Commit]:
        """Return the default branch's commits, newest first (first parents only)."""
        ...

    def remove_repository(self, repository: Repository, marker: str) -> None:
        """Delete the repository; do nothing if there is none.

        Raises RepositoryTakenError if its marker is another.
        """
        ...


class RepositoryTakenError(ConflictError):
    def __init__(self, repository: Repository) -> None:
        super().__init__(
            f"the repository {repository} exists and was not made for this deployment; "
            "choose another name, or move or delete that repository",
        )
        self.repository = repository


class TagMovedError(ConflictError):
    def __init__(self, repository: Repository, tag: str) -> None:
        super().__init__(
            f"{repository} has {tag} already, with other content; released versions never "
            "change: publish under a new version",
        )
        self.repository = repository


class RepositoryNotFoundError(NotFoundError):
    def __init__(self, repository: Repository) -> None:
        super().__init__(f"there is no repository {repository}")
        self.repository = repository


class CommitNotFoundError(NotFoundError):
    def __init__(self, repository: Repository, commit: str) -> None:
        super().__init__(f"{repository} has no commit {commit}")
        self.commit = commit


class ForgeUnavailableError(UnavailableError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the forge did not answer: {reason}")
