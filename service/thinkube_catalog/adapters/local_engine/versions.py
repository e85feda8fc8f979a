"""Versions: a commit made ready to run, in a worker's own time."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

from thinkube_catalog.adapters.local_engine.checkout import CheckoutError, check_out
from thinkube_catalog.adapters.local_engine.environments import (
    EnvironmentAbandonedError,
    EnvironmentFailedError,
    Environments,
)
from thinkube_catalog.adapters.local_engine.files import delete_tree
from thinkube_catalog.adapters.local_engine.project import DESCRIPTOR, Project, read_project
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.errors import CatalogError, InvalidError, UnavailableError
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import Application, Cause, CauseKind
from thinkube_catalog.domain.rendering import File, FileTree


@dataclass(frozen=True)
class Version:
    """A commit ready to run: its files, what they say, and an environment by container."""

    commit: str
    checkout: Path
    project: Project
    pythons: Mapping[str, Path]


@dataclass(frozen=True)
class Unready:
    """Why a commit cannot be made ready. `passing` reasons are worth another attempt."""

    causes: tuple[Cause, ...]
    passing: bool = False


@dataclass(frozen=True)
class Factory:
    """What the making of versions takes, the same for all applications."""

    forge: Forge
    environments: Environments
    conventions: Conventions
    executor: Executor
    retry_seconds: float


@dataclass(frozen=True)
class Workshop:
    """Where versions of one application are made."""

    folder: Path
    factory: Factory
    application: Application

    def make(self, commit: str, url: str, attempt: Attempt) -> Version | Unready:
        """Check out, read, install. Repeating it finds what is there already. Never raises."""
        try:
            return self._make(commit, url, attempt)
        except InvalidError as error:
            return Unready(tuple(_descriptor_causes(error)))
        except EnvironmentFailedError as error:
            return Unready((error.cause,))
        except (UnavailableError, OSError, EnvironmentAbandonedError) as error:
            return Unready((Cause(CauseKind.SYNC_ERROR, str(error)),), passing=True)
        except (CheckoutError, CatalogError) as error:
            return Unready((Cause(CauseKind.SYNC_ERROR, str(error), "mend it and push"),))

    def _make(self, commit: str, url: str, attempt: Attempt) -> Version | Unready:
        folder = self.folder / commit
        told = _told(folder / "told")
        if told is None or not (folder / "files").is_dir():
            attempt.say("checking out")
            files = self.factory.forge.files(self.application.repository, commit)
            told = _telling(files)
            folder.mkdir(parents=True, exist_ok=True)
            check_out(files, folder / "files")
            check_out(told, folder / "told")
        else:
            # Whatever the application did to its files, what it was told is as committed.
            files = _listed(folder / "files", told)
        project = read_project(files, self.factory.conventions, url)
        pythons = {}
        for process in project.processes:
            build = folder / "files" / process.build
            pythons[process.name] = self.factory.environments.ensure(
                build / process.requirements if process.requirements else None,
                attempt.say,
                attempt.abandoned,
            )
        return Version(commit, folder / "files", project, pythons)


class Attempt:
    """The making of one version: what goes on, and a way to call it off."""

    def __init__(self) -> None:
        self.abandoned = threading.Event()
        self.doing = "waiting for its turn"
        self.future: Future[Version | Unready] | None = None
        self.retry_at: float | None = None

    def say(self, what: str) -> None:
        self.doing = what

    def result(self) -> Version | Unready | None:
        """Return what came out; None while it is being made."""
        if self.future is None or not self.future.done():
            return None
        return Unready((), passing=True) if self.future.cancelled() else self.future.result()


class Versions:
    """The versions of one application, made or in the making, by commit."""

    def __init__(self, folder: Path, factory: Factory, application: Application) -> None:
        self.folder, self.factory, self.application = folder, factory, application
        self._attempts: dict[str, Attempt] = {}

    def make(self, commit: str, url: str) -> Version | Unready | None:
        """Return the version, or why there is none; None while it is being made.

        Reasons that may pass are followed by another attempt, after a while.
        """
        attempt = self._attempts.get(commit)
        if attempt is None:
            attempt = self._attempts[commit] = Attempt()
            workshop = Workshop(self.folder, self.factory, self.application)
            attempt.future = self.factory.executor.submit(workshop.make, commit, url, attempt)
        result = attempt.result()
        if isinstance(result, Unready):
            attempt.say("; ".join(cause.message for cause in result.causes))
            if attempt.retry_at is None:
                attempt.retry_at = time.monotonic() + self.factory.retry_seconds
            elif time.monotonic() > attempt.retry_at:
                del self._attempts[commit]
        return result

    def ready(self, commit: str) -> Version | None:
        """Return the version if it is ready by now."""
        attempt = self._attempts.get(commit)
        result = attempt.result() if attempt else None
        return result if isinstance(result, Version) else None

    def doing(self, commit: str) -> str:
        """Say what goes on with a version."""
        attempt = self._attempts.get(commit)
        return attempt.doing if attempt else ""

    def drop(self, commit: str) -> None:
        """Call off the making of a version, or forget what came out."""
        if attempt := self._attempts.pop(commit, None):
            attempt.abandoned.set()

    def drop_all(self) -> None:
        for commit in list(self._attempts):
            self.drop(commit)

    def forget_all_but(self, commits: set[str]) -> None:
        """Delete the files of other versions."""
        known = set(self._attempts)
        if known - commits:
            for commit in known - commits:
                self.drop(commit)
            for folder in self.folder.glob("*"):
                if folder.name not in commits:
                    delete_tree(folder)


def _descriptor_causes(error: InvalidError) -> list[Cause]:
    return [
        Cause(CauseKind.BAD_DESCRIPTOR, str(problem), problem.mend or "mend it and push")
        for problem in error.problems
    ]


def _telling(files: FileTree) -> FileTree:
    return FileTree(
        {
            path: file
            for path, file in files.items()
            if (path == DESCRIPTOR or path.startswith("k8s/")) and not file.link
        }
    )


def _told(folder: Path) -> FileTree | None:
    if not folder.is_dir():
        return None
    return FileTree(
        {
            path.relative_to(folder).as_posix(): File(path.read_bytes())
            for path in folder.rglob("*")
            if path.is_file()
        }
    )


def _listed(folder: Path, told: FileTree) -> FileTree:
    """Return the tree with the contents that matter, and the other files by name only."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return FileTree({**{name: File(b"") for name in names}, **told})
