"""A GitOps engine in memory: runs nothing, and rolls out as the real ones do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from thinkube_catalog.domain.descriptor import Container, parse_descriptor
from thinkube_catalog.domain.errors import CatalogError, InvalidError
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import (
    Application,
    ApplicationNotFoundError,
    ApplicationStatus,
    ApplicationTakenError,
    Cause,
    CauseKind,
    ContainerStatus,
    Health,
    LogLine,
)
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.domain.secrets import Secrets

Verdict = Callable[[FileTree], Sequence[Cause]]


def _no_fault(_: FileTree) -> Sequence[Cause]:
    return ()


@dataclass
class _Managed:
    application: Application
    wanted: str = ""
    serving: str = ""
    causes: tuple[Cause, ...] = ()
    failed: bool = False
    looks_left: int = 0
    containers: tuple[ContainerStatus, ...] = ()
    lines: list[LogLine] = field(default_factory=list)


class MemoryEngine:
    """Judges each version by its descriptor, its secrets and a `verdict` of the test's own.

    A version comes up after being looked at `looks` times.
    """

    def __init__(
        self, forge: Forge, secrets: Secrets, verdict: Verdict = _no_fault, looks: int = 0
    ) -> None:
        self._forge, self._secrets = forge, secrets
        self.verdict, self.looks = verdict, looks
        self._managed: dict[str, _Managed] = {}
        self._lock = threading.RLock()

    def ensure_application(self, application: Application) -> None:
        with self._lock:
            known = self._managed.setdefault(application.name, _Managed(application))
            if known.application.marker != application.marker:
                raise ApplicationTakenError(application.name)
            known.application = application

    def sync(self, name: str, commit: str) -> None:
        with self._lock:
            known = self._known(name)
            if known.failed or known.wanted != commit:
                self._want(known, commit)

    def status(self, name: str) -> ApplicationStatus:
        with self._lock:
            known = self._known(name)
            self._follow(known)
            return _status(known)

    def logs(
        self, name: str, container: str = "", after: str = "", limit: int = 200
    ) -> Sequence[LogLine]:
        with self._lock:
            lines = self._known(name).lines
            chosen = [line for line in lines if container in {"", line.container}]
            if after.isdecimal():  # what is no cursor counts as none
                return [line for line in chosen if int(line.cursor) > int(after)][:limit]
            return chosen[-limit:] if limit > 0 else []

    def remove_application(
        self,
        name: str,
        marker: str,
        *,
        volumes: bool,  # noqa: ARG002 # nothing is stored
    ) -> Sequence[str]:
        with self._lock:
            known = self._managed.get(name)
            if known is not None and known.application.marker != marker:
                raise ApplicationTakenError(name)
            self._managed.pop(name, None)
        return []

    def names(self) -> Iterator[str]:
        return iter(sorted(self._managed))

    def _known(self, name: str) -> _Managed:
        if name not in self._managed:
            raise ApplicationNotFoundError(name)
        return self._managed[name]

    def _follow(self, known: _Managed) -> None:
        try:
            head = self._forge.head(known.application.repository)
        except CatalogError as error:
            known.causes = (Cause(CauseKind.SYNC_ERROR, str(error)),)
            return
        if head is not None and head.id != known.wanted:
            self._want(known, head.id)
        elif known.wanted and not known.failed and known.serving != known.wanted:
            self._come_up(known)

    def _want(self, known: _Managed, commit: str) -> None:
        known.wanted, known.failed, known.causes = commit, False, ()
        known.looks_left = self.looks
        if not known.looks_left:
            self._come_up(known)

    def _come_up(self, known: _Managed) -> None:
        if known.looks_left:
            known.looks_left -= 1
            return
        files = self._forge.files(known.application.repository, known.wanted)
        known.causes = tuple(self._causes(known.application, files))
        known.failed = bool(known.causes)
        if not known.failed:
            known.serving = known.wanted
            self._start(known, parse_descriptor(files.text("thinkube.yaml")).value.containers)

    def _start(self, known: _Managed, containers: Sequence[Container]) -> None:
        now = datetime.now(UTC)
        known.containers = tuple(
            ContainerStatus(each.name, Health.HEALTHY, 0, now) for each in containers
        )
        for container in containers:
            said = f"started at {known.serving[:7]}"
            cursor = str(len(known.lines) + 1)
            known.lines.append(LogLine(now, container.name, said, cursor))

    def _causes(self, application: Application, files: FileTree) -> Iterator[Cause]:
        for name, key in application.secrets.items():
            try:
                self._secrets.get(key)
            except CatalogError as error:
                yield Cause(CauseKind.MISSING_SECRET, f"{name}: {error}", "store it, then sync")
        if "thinkube.yaml" not in files:
            yield Cause(CauseKind.BAD_DESCRIPTOR, "there is no thinkube.yaml", "restore it")
            return
        try:
            parse_descriptor(files.text("thinkube.yaml"))
        except InvalidError as error:
            for problem in error.problems:
                yield Cause(CauseKind.BAD_DESCRIPTOR, str(problem), problem.mend)
            return
        yield from self.verdict(files)


def _status(known: _Managed) -> ApplicationStatus:
    name = known.application.name
    status = ApplicationStatus(
        name,
        Health.HEALTHY,
        known.wanted,
        known.serving,
        known.failed,
        f"http://{name}.localhost" if known.serving else "",
        "healthy",
        known.causes,
        known.containers,
    )
    if not known.wanted:
        return replace(status, health=Health.MISSING, message="the repository has no commit yet")
    if known.failed:
        why = "; ".join(cause.message for cause in known.causes)
        still = f"; {known.serving[:7]} still serves" if known.serving else ""
        message = f"{known.wanted[:7]} failed: {why}{still}"
        return replace(status, health=Health.DEGRADED, message=message)
    if known.serving != known.wanted:
        return replace(status, health=Health.PROGRESSING, message="starting")
    return status
