"""The GitOps engine: what makes the running application match its repository.

Each promise below is kept by `tests/contracts/test_gitops.py`, for every engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from thinkube_catalog.domain.errors import ConflictError, NotFoundError, UnavailableError
from thinkube_catalog.domain.forge import Repository


@dataclass(frozen=True)
class Application:
    """What the engine is told to keep running: the default branch of a repository.

    `secrets` maps the environment names that the application reads to the keys under which
    the values stand in `Secrets`; values never pass through here. `marker` is the deployment's id.
    """

    name: str
    repository: Repository
    marker: str
    secrets: Mapping[str, str] = field(default_factory=dict)


class Health(StrEnum):
    HEALTHY = "healthy"
    PROGRESSING = "progressing"
    DEGRADED = "degraded"
    SUSPENDED = "suspended"
    MISSING = "missing"
    UNKNOWN = "unknown"


class CauseKind(StrEnum):
    """Why an application is not healthy."""

    BAD_DESCRIPTOR = "bad descriptor"
    ENVIRONMENT_FAILED = "environment failed"
    IMAGE_PULL = "image pull"
    UNSCHEDULABLE = "unschedulable"
    QUOTA = "quota"
    CRASH_LOOP = "crash loop"
    FAILED_PROBE = "failed probe"
    STILL_STARTING = "still starting"
    MISSING_SECRET = "missing secret"  # noqa: S105 (the name of a cause)
    JOB_FAILED = "job failed"
    SYNC_ERROR = "sync error"
    INVALID_OBJECT = "invalid object"
    ADMISSION_DENIED = "admission denied"
    VOLUME_PENDING = "volume pending"
    BUILDING = "building"
    BUILD_FAILED = "build failed"
    REPOSITORY_UNREACHABLE = "repository unreachable"
    REMOVED = "removed"
    UNKNOWN = "unknown"


_PASSING = frozenset({CauseKind.STILL_STARTING, CauseKind.BUILDING})


@dataclass(frozen=True)
class Cause:
    """One reason, in words a person can act on. `lines` are the last log lines, if any help."""

    kind: CauseKind
    message: str
    mend: str = ""
    container: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class ContainerStatus:
    """One container (or process) of the version that serves. `restarts` counts since its start."""

    name: str
    health: Health
    restarts: int = 0
    started_at: datetime | None = None
    message: str = ""


@dataclass(frozen=True)
class ApplicationStatus:
    """What runs now and what should.

    `wanted` is the commit that the engine is trying to bring up or has brought up, `serving` the
    one that answers requests (the last healthy one, while a newer fails); empty when there is none.
    `healthy_for(commit)` is the only reading of success. `url` is where people reach it; empty
    while it has no address. `failed` says that the engine has given up on `wanted` until a
    new commit or a sync comes. `page` is where the engine itself shows it to people; empty when it
    has no pages. `outdated` says that secrets which the engine fetches from elsewhere have other
    values by now than those that were brought up; making the application sure brings up these.
    """

    name: str
    health: Health
    wanted: str = ""
    serving: str = ""
    failed: bool = False
    url: str = ""
    message: str = ""
    causes: tuple[Cause, ...] = ()
    containers: tuple[ContainerStatus, ...] = ()
    page: str = ""
    outdated: bool = False

    def healthy_for(self, commit: str) -> bool:
        return self.health is Health.HEALTHY and self.serving == commit == self.wanted

    @property
    def is_coming_up(self) -> bool:
        """Whether it is on its way, and nothing is known that keeps it from arriving."""
        waits = self.health is Health.PROGRESSING and not self.failed
        return waits and all(each.kind in _PASSING for each in self.causes)


@dataclass(frozen=True)
class LogLine:
    """One line that a container wrote. `at` is in UTC; `cursor` continues after this line."""

    at: datetime
    container: str
    text: str
    cursor: str


class GitOpsEngine(Protocol):
    """Runs applications from their repositories and says how they are.

    A push to the default branch is rolled out without being asked. A version that does not become
    healthy never replaces one that is.
    """

    def ensure_application(self, application: Application) -> None:
        """Make the application known, with these secrets; do nothing if it is, unchanged.

        Raises ApplicationTakenError if one of that name has another marker, another ConflictError
        if something that it needs is somebody else's; EngineBusyError while an earlier one of
        that name is still being removed.
        """
        ...

    def sync(self, name: str, commit: str) -> None:
        """Bring up that commit now, trying again even if it failed before; returns at once.

        The commit is the head of the default branch. Repeating it while the commit is coming
        up or healthy changes nothing. Raises ApplicationNotFoundError, or EngineBusyError while
        somebody else has it do something.
        """
        ...

    def status(self, name: str) -> ApplicationStatus:
        """Say how it is. Raises ApplicationNotFoundError."""
        ...

    def logs(
        self, name: str, container: str = "", after: str = "", limit: int = 200
    ) -> Sequence[LogLine]:
        """Return log lines in order, after a cursor, or the last `limit` when there is none.

        Raises ApplicationNotFoundError.
        """
        ...

    def remove_application(self, name: str, marker: str, *, volumes: bool) -> Sequence[str]:
        """Stop it and forget it; with `volumes`, delete what it stored as well.

        Returns what is left behind, in words. Does nothing when there is no such application.
        Raises ApplicationTakenError if its marker is another, EngineBusyError where it takes long:
        it says what holds it up, and asking again goes on.
        """
        ...

    def names(self) -> Iterator[str]:
        """Name every application that this engine knows."""
        ...


class ApplicationNotFoundError(NotFoundError):
    def __init__(self, name: str) -> None:
        super().__init__(f"the engine knows no application {name}")
        self.name = name


class ApplicationTakenError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"an application {name} exists and was not made for this deployment; "
            "choose another name or remove that application",
        )
        self.name = name


class EngineUnavailableError(UnavailableError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the GitOps engine did not answer: {reason}")
        self.reason = reason


class EngineRefusedError(EngineUnavailableError):
    """The engine answers, but not to us: somebody has to give a right, or a better token."""

    def __str__(self) -> str:
        return f"the GitOps engine refuses this: {self.reason}"


class EngineBusyError(EngineUnavailableError):
    """What was asked for has to wait for what the engine is doing; asking again may help."""

    def __str__(self) -> str:
        return f"the GitOps engine is still busy: {self.reason}"
