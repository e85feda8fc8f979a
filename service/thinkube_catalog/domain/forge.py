"""The forge: where rendered projects and published templates live as Git repositories.

Each promise below is kept by `tests/contracts/forge/`, for every forge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from thinkube_catalog.domain.errors import (
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
    Problem,
    UnavailableError,
)
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.domain.vetting import path_problems, printable

_REPOSITORY_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f<>]")
_BRANCH = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9+-])?")
_LONGEST_BRANCH = 200
_TAG = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,98}[A-Za-z0-9+-])?")


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


@dataclass(frozen=True)
class Change:
    """What a commit is made of: files, message, who and when. `body` tells people more about it.

    A `draft` is proposed to be worked on: the forge, where it can, keeps people from merging it.
    """

    files: FileTree
    message: str
    signature: Signature
    body: str = ""
    draft: bool = False

    @property
    def title(self) -> str:
        return plain_message(self.message).partition("\n")[0]


@dataclass(frozen=True)
class Proposal:
    """A branch whose commits wait to be merged into `main`.

    `commits` are those that `main` has not, newest first; `base` is the newest that it has too.
    `url` is the pull request's page, where the forge has them; `open` says whether it waits there.
    """

    branch: str
    commits: tuple[Commit, ...]
    base: str
    url: str = ""
    open: bool = True

    @property
    def head(self) -> str:
        return self.commits[0].id


class BuildState(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class Build:
    """What the forge makes of a commit: its images. `url` is a page for people, or empty."""

    state: BuildState
    url: str = ""
    description: str = ""


class RolloutState(StrEnum):
    """How the deployment of a commit stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


SKIP_BUILD = "[skip ci]"
"""In its message, this says that a commit's images are built already."""


class Forge(Protocol):
    """Repositories with one default branch, `main`, and changes that are proposed to it."""

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

        What others pushed in the meantime stays in the history below the new commit. Publishing
        what is already there returns the commit that holds it. Repeating a publication (same
        files, message and signature) that others have pushed on top of returns its commit and
        leaves their work alone, unless this signature has published something else since. With
        `tag`, also makes that tag, once: raises TagMovedError if it exists with other content.
        Raises InvalidError for names that `domain/vetting.py` refuses.
        """
        ...

    def head(self, repository: Repository) -> Commit | None:
        """Return the default branch's newest commit; None while the repository is empty."""
        ...

    def files(self, repository: Repository, commit: str) -> FileTree:
        """Return the files of a commit, given by its full id. Raises CommitNotFoundError.

        Raises InvalidError for what a FileTree cannot hold: submodules, names that are no UTF-8.
        """
        ...

    def history(self, repository: Repository, limit: int = 50) -> Sequence[Commit]:
        """Return the default branch's commits, newest first (first parents only)."""
        ...

    def propose(
        self,
        repository: Repository,
        change: Change,
        branch: str,
        onto: str,
        head: str = "",
    ) -> Proposal:
        """Make the branch hold exactly these files and ask for it to be merged into `main`.

        They come in one commit on top of `head`, what the branch holds (empty: there is none), and
        of `onto`, the commit of `main` that the files were made from. Proposing the same again, or
        what the branch holds already, changes nothing; a request that was closed is opened anew.
        The first line of the message is the request's title, `body` its text. Raises
        ProposalMovedError, and changes nothing, if the branch holds something else by now;
        CommitNotFoundError for a commit that is not there.
        """
        ...

    def proposals(self, repository: Repository, prefix: str) -> Sequence[Proposal]:
        """Return the branches whose names begin so, by name, and what they would bring to `main`.

        One that brings nothing is none, however it came to be merged. Whoever made it counts not.
        """
        ...

    def accept(
        self, repository: Repository, proposal: Proposal, change: Change, onto: str
    ) -> Commit:
        """Make `main` hold exactly these files, in one commit on top of `onto` and the proposal.

        Then the branch is gone, and its request counts as merged. Accepting again returns that
        commit. Raises ProposalMovedError, and changes nothing, if `main` or the branch has moved.
        """
        ...

    def withdraw(self, repository: Repository, proposal: Proposal) -> None:
        """Delete the branch and close its request; do nothing if there is none any more.

        Raises ProposalMovedError if somebody has pushed to it.
        """
        ...

    def remove_repository(self, repository: Repository, marker: str) -> None:
        """Delete the repository; do nothing if there is none.

        Raises RepositoryTakenError if its marker is another.
        """
        ...

    def connect(self, repository: Repository, marker: str) -> None:
        """Have pushes told to whom this installation wants them told, and images built.

        Comes before the first publication, which is built at once. Repeating it changes nothing.
        Raises RepositoryTakenError if its marker is another, RepositoryNotFoundError.
        """
        ...

    def disconnect(self, repository: Repository, marker: str) -> None:
        """Take away what `connect` has put there; the repository stays.

        Does nothing if that is gone, or the repository is, or its marker is another.
        """
        ...

    def build(self, repository: Repository, commit: str) -> Build | None:
        """Return how the build of a commit's images is; None where nothing is built for it."""
        ...

    def show_rollout(
        self, repository: Repository, commit: str, state: RolloutState, description: str
    ) -> None:
        """Show people who look at the commit how its deployment stands; the newest counts.

        It is no build. Does nothing where there is no place for it.
        """
        ...


class Deliveries(Protocol):
    """What the forge tells this service by itself; anybody may send something like it."""

    def receive(self, headers: Mapping[str, str], body: bytes) -> Repository | None:
        """Return the repository whose default branch was pushed to; its head is read anew.

        None for what is no such push, and for one that was delivered before. Names of headers are
        in small letters. Raises DeliveryRefusedError unless it is signed for its repository.
        """
        ...


class Arrivals(Protocol):
    """Which test deliveries have come: the forge itself tells nobody what became of one.

    Kept for all replicas, since it may come to any of them.
    """

    def note(self, repository: int, delivery: str) -> None:
        """Remember that this delivery came for the repository with that numeric id."""
        ...

    def last(self, repository: int) -> str:
        """Return the delivery that came last for a repository; empty where none is remembered.

        What is older than an hour may be forgotten.
        """
        ...


class DeliveryRefusedError(DeniedError):
    """The same words whatever was wrong: they tell nobody which repositories there are."""

    def __init__(self) -> None:
        super().__init__("this delivery is not signed by the forge of this installation")


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


class ProposalMovedError(ConflictError):
    def __init__(self, repository: Repository, branch: str) -> None:
        super().__init__(
            f"somebody has pushed to {branch} of {repository} meanwhile; look at what is there "
            "now, and ask again",
        )
        self.repository = repository
        self.branch = branch


class RepositoryNotFoundError(NotFoundError):
    def __init__(self, repository: Repository) -> None:
        super().__init__(f"there is no repository {repository}")
        self.repository = repository


class RepositoryMovedError(RepositoryNotFoundError):
    """Nothing is there under that name any more: somebody renamed or transferred it."""

    def __init__(self, repository: Repository, now: str) -> None:
        super().__init__(repository)
        self.now = now

    def __str__(self) -> str:
        return (
            f"the repository {self.repository} has become {self.now}; rename or transfer it back, "
            "or remove the deployment"
        )


class CommitNotFoundError(NotFoundError):
    def __init__(self, repository: Repository, commit: str) -> None:
        super().__init__(f"{repository} has no commit {commit}")
        self.commit = commit


class ForgeUnavailableError(UnavailableError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the forge did not answer: {reason}")
        self.reason = reason


class ForgeRefusedError(UnavailableError):
    """The forge answers, but not to us: somebody has to give a right, or a better token."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the forge refuses this: {reason}")
        self.reason = reason


def plain_signature(signature: Signature) -> Signature:
    """Drop what would break the format of a commit: angle brackets, line ends, emptiness."""
    name = _NOT_IN_NAMES.sub("", signature.name).strip() or "unknown"
    email = _NOT_IN_NAMES.sub("", signature.email).strip() or "unknown"
    at = signature.at.astimezone(UTC).replace(microsecond=0)
    return Signature(name, email, at)


def plain_message(message: str) -> str:
    """Return the message without what a commit cannot hold, nor space around it."""
    return message.replace("\0", "").strip()


def check_repository(repository: Repository) -> None:
    """Raise InvalidError unless owner and name are usable in a path, a URL and every forge."""
    check = {"owner": repository.owner, "name": repository.name}
    problems = [
        Problem(
            f"{part!r} is not a usable {field} of a repository",
            field=field,
            mend="use letters, digits, single dots, - and _; begin and end with a letter or digit",
        )
        for field, part in check.items()
        if not _is_plain(part, _REPOSITORY_PART) or part.endswith((".git", ".wiki"))
    ]
    if problems:
        raise InvalidError("the repository cannot be named so:", problems)


def check_publication(files: FileTree, tag: str = "") -> None:
    """Raise InvalidError, which lists every path and the tag that cannot be published."""
    problems = path_problems(files)
    problems += [
        Problem("is a file and a folder at once", file=printable(path))
        for path in _files_that_are_folders(files)
    ]
    if tag and not _is_plain(tag, _TAG):
        problems.append(Problem(f"{tag!r} is not a usable tag", field="tag", mend="as in v1.2.0"))
    if problems:
        raise InvalidError("these files cannot be published:", problems)


def check_proposal(branch: str, files: FileTree) -> None:
    """Raise InvalidError, which lists every path that cannot be published, and the branch."""
    parts = branch.split("/")
    plain = all(_is_plain(part, _BRANCH) for part in parts) and branch != "main"
    check_publication(files)
    if not plain or len(branch) > _LONGEST_BRANCH:
        problem = Problem(f"{branch!r} is not a usable branch", field="branch", mend="as in a/b-1")
        raise InvalidError("this cannot be proposed:", [problem])


def _is_plain(text: str, pattern: re.Pattern[str]) -> bool:
    return bool(pattern.fullmatch(text)) and ".." not in text and not text.endswith(".lock")


def _files_that_are_folders(files: Iterable[str]) -> list[str]:
    folders = {path[:place] for path in files for place, letter in enumerate(path) if letter == "/"}
    return [path for path in files if path in folders]
