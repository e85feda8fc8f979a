"""A small outside world for the operations: a forge, an engine, one template.

Its state is one value, kept in memory or, for tests that kill processes, in one file that is
replaced whole under a lock, so that a kill leaves either the old state or the new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, Release, Source
from thinkube_catalog.domain.errors import Problem, RenderError
from thinkube_catalog.domain.forge import (
    Build,
    Change,
    Commit,
    CommitNotFoundError,
    Forge,
    ForgeUnavailableError,
    Proposal,
    ProposalMovedError,
    Repository,
    RepositoryNotFoundError,
    RepositoryTakenError,
    RolloutState,
    Signature,
)
from thinkube_catalog.domain.gitops import (
    Application,
    ApplicationNotFoundError,
    ApplicationStatus,
    ApplicationTakenError,
    Cause,
    CauseKind,
    Health,
    LogLine,
)
from thinkube_catalog.domain.questions import Answers, Form, Question
from thinkube_catalog.domain.rendering import File, FileTree

FOLDER = Path(__file__).parent / "stand_in_template"
NONE: Mapping[str, str] = {}
TEMPLATE = "tkt-chat"
RELEASE = Release("https://forge.example/templates/tkt-chat", "v1.0.0", "a" * 40)


NEWER = Release(RELEASE.location, "v1.1.0", "b" * 40)


@dataclass
class World:
    """What there is outside. `broken` names deployments whose next versions crash.

    `renewed` are started once more by whoever looks after them: whether each answers meanwhile.
    """

    repositories: dict[str, tuple[str, list[Commit]]] = field(default_factory=dict)
    trees: dict[str, dict[str, File]] = field(default_factory=dict)
    proposals: dict[str, list[Proposal]] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)  # every repository and application ever made
    serving: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)  # whose secrets have changed elsewhere
    renewed: dict[str, bool] = field(default_factory=dict)
    forge_down: int = 0  # how many of the forge's next answers do not come
    patience: int = 0  # how many looks a new version needs to become healthy


class Shelf:
    """Keeps a World in memory, or in a file when it is given a path."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._world = World()

    @contextmanager
    def change(self) -> Iterator[World]:
        if self._path is None:
            yield self._world
            return
        with Path(f"{self._path}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            world = self._load()
            yield world
            aside = Path(f"{self._path}.{os.getpid()}")
            aside.write_bytes(pickle.dumps(world))
            aside.replace(self._path)

    def world(self) -> World:
        return self._world if self._path is None else self._load()

    def _load(self) -> World:
        assert self._path is not None
        if not self._path.exists():
            return World()
        loaded: World = pickle.loads(self._path.read_bytes())  # noqa: S301 (our own file)
        return loaded


class StandInForge:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def ensure_repository(self, repository: Repository, marker: str) -> str:
        with self._answering() as world:
            theirs, _ = world.repositories.setdefault(str(repository), (marker, []))
            if theirs != marker:
                raise RepositoryTakenError(repository)
            if str(repository) not in world.made:
                world.made.append(str(repository))
            return f"/repositories/{repository}.git"

    def publish(
        self,
        repository: Repository,
        files: FileTree,
        message: str,
        signature: Signature,
        tag: str = "",
    ) -> Commit:
        with self._answering() as world:
            commits = self._commits(world, repository)
            if commits and FileTree(world.trees[commits[0].id]) == files:
                return commits[0]
            parent = commits[0].id if commits else ""
            stamp = f"{parent} {files.digest()} {message} {signature}"
            digest = hashlib.sha1(stamp.encode()).hexdigest()  # noqa: S324 (an id)
            commit = Commit(digest, message, signature.name, signature.at)
            commits.insert(0, commit)
            world.trees[commit.id] = dict(files)
            return commit

    def head(self, repository: Repository) -> Commit | None:
        with self._answering() as world:
            commits = self._commits(world, repository)
            return commits[0] if commits else None

    def files(self, repository: Repository, commit: str) -> FileTree:
        with self._answering() as world:
            self._commits(world, repository)
            if commit not in world.trees:
                raise CommitNotFoundError(repository, commit)
            return FileTree(world.trees[commit])

    def history(self, repository: Repository, limit: int = 50) -> Sequence[Commit]:
        with self._answering() as world:
            return list(self._commits(world, repository)[:limit])

    def propose(
        self,
        repository: Repository,
        change: Change,
        branch: str,
        onto: str,
        head: str = "",
    ) -> Proposal:
        with self._answering() as world:
            there = next(
                (it for it in self._waiting(world, repository) if it.branch == branch), None
            )
            made = _made(change, head or onto)
            if there is not None and made.id != there.head != head:
                raise ProposalMovedError(repository, branch)
            if there is not None and FileTree(world.trees[there.head]) == change.files:
                return there
            commits = (made, *(there.commits if there is not None else ()))
            others = [it for it in self._waiting(world, repository) if it.branch != branch]
            world.trees[made.id] = dict(change.files)
            world.proposals[str(repository)] = [*others, Proposal(branch, commits, onto)]
            return world.proposals[str(repository)][-1]

    def proposals(self, repository: Repository, prefix: str) -> Sequence[Proposal]:
        with self._answering() as world:
            waiting = self._waiting(world, repository)
            return [each for each in waiting if each.branch.startswith(prefix)]

    def accept(
        self, repository: Repository, proposal: Proposal, change: Change, onto: str
    ) -> Commit:
        with self._answering() as world:
            commits, made = self._commits(world, repository), _made(change, onto)
            if made.id not in [each.id for each in commits]:
                if commits[0].id != onto:
                    raise ProposalMovedError(repository, proposal.branch)
                commits.insert(0, made)
                world.trees[made.id] = dict(change.files)
            self._drop(world, repository, proposal)
            return made

    def withdraw(self, repository: Repository, proposal: Proposal) -> None:
        with self._answering() as world:
            self._drop(world, repository, proposal)

    def _drop(self, world: World, repository: Repository, proposal: Proposal) -> None:
        waiting = self._waiting(world, repository)
        kept = [each for each in waiting if each.branch != proposal.branch]
        world.proposals[str(repository)] = kept

    def _waiting(self, world: World, repository: Repository) -> list[Proposal]:
        self._commits(world, repository)
        return world.proposals.get(str(repository), [])

    def remove_repository(self, repository: Repository, marker: str) -> None:
        with self._answering() as world:
            theirs, _ = world.repositories.get(str(repository), (marker, []))
            if theirs != marker:
                raise RepositoryTakenError(repository)
            world.repositories.pop(str(repository), None)

    def connect(self, repository: Repository, marker: str) -> None:
        """Nobody has to be told."""

    def disconnect(self, repository: Repository, marker: str) -> None:
        """Nothing is there."""

    def build(self, repository: Repository, commit: str) -> Build | None:
        """Nothing is built."""

    def show_rollout(
        self, repository: Repository, commit: str, state: RolloutState, description: str
    ) -> None:
        """Nobody looks."""

    @contextmanager
    def _answering(self) -> Iterator[World]:
        with self._shelf.change() as world:
            if world.forge_down:
                world.forge_down -= 1
            else:
                yield world
                return
        raise ForgeUnavailableError("connection refused")

    def _commits(self, world: World, repository: Repository) -> list[Commit]:
        if str(repository) not in world.repositories:
            raise RepositoryNotFoundError(repository)
        return world.repositories[str(repository)][1]


def _made(change: Change, below: str) -> Commit:
    stamp = f"{below} {change.files.digest()} {change.message} {change.signature}"
    digest = hashlib.sha1(stamp.encode()).hexdigest()  # noqa: S324 (an id)
    return Commit(digest, change.message, change.signature.name, change.signature.at)


class StandInEngine:
    """Brings a version up within `patience` looks; one that is named broken crashes instead."""

    def __init__(self, shelf: Shelf, forge: Forge | None = None) -> None:
        self._shelf = shelf
        self._forge = forge or StandInForge(shelf)

    def ensure_application(self, application: Application) -> None:
        with self._shelf.change() as world:
            theirs = world.applications.get(application.name)
            if theirs is not None and theirs.marker != application.marker:
                raise ApplicationTakenError(application.name)
            if theirs is None:
                world.made.append(f"application {application.name}")
            world.applications[application.name] = application
            world.outdated.discard(application.name)

    def sync(self, name: str, commit: str) -> None:
        with self._shelf.change() as world:
            self._known(world, name)
            world.failed.pop(name, None)

    def status(self, name: str) -> ApplicationStatus:
        head = self._forge.head(self._known(self._shelf.world(), name).repository)
        wanted = head.id if head else ""
        with self._shelf.change() as world:
            self._move(world, name, wanted)
            return self._status(world, name, wanted)

    def logs(
        self, name: str, container: str = "", after: str = "", limit: int = 200
    ) -> Sequence[LogLine]:
        return ()

    def remove_application(self, name: str, marker: str, *, volumes: bool) -> Sequence[str]:
        with self._shelf.change() as world:
            application = world.applications.get(name)
            if application is not None and application.marker != marker:
                raise ApplicationTakenError(name)
            for kept in (world.applications, world.serving, world.failed, world.polls):
                kept.pop(name, None)
            return () if volumes else ("stored files",)

    def names(self) -> Iterator[str]:
        yield from self._shelf.world().applications

    def _known(self, world: World, name: str) -> Application:
        if name not in world.applications:
            raise ApplicationNotFoundError(name)
        return world.applications[name]

    def _move(self, world: World, name: str, wanted: str) -> None:
        if wanted in {"", world.serving.get(name), world.failed.get(name)}:
            return
        world.polls[name] = world.polls.get(name, 0) + 1
        if world.polls[name] <= world.patience:
            return
        world.polls[name] = 0
        (world.failed if name in world.broken else world.serving)[name] = wanted

    def _status(self, world: World, name: str, wanted: str) -> ApplicationStatus:
        serving = world.serving.get(name, "")
        failed = wanted != "" and world.failed.get(name) == wanted
        well = serving == wanted != "" and name not in world.renewed
        serving = serving if world.renewed.get(name, True) else ""
        health = Health.HEALTHY if well else Health.DEGRADED if failed else Health.PROGRESSING
        cause = Cause(CauseKind.CRASH_LOOP, "it crashes", "mend it", "app", ("Traceback",))
        return ApplicationStatus(
            name,
            health,
            wanted=wanted,
            serving=serving,
            failed=failed,
            url=f"http://127.0.0.1/{name}" if serving else "",
            message="" if well else "starting",
            causes=(cause,) if failed else (),
            outdated=name in world.outdated,
        )


class StandInRenderer:
    """Asks for a name and a greeting; answers of `fault` make the template fail."""

    def evaluate(self, release: Release, raw: Mapping[str, object]) -> Form:
        greeting = raw.get("greeting", "hello")
        wrong = [Problem("greet somebody", field="greeting")] if not greeting else []
        token = raw.get("token", "")
        return Form(
            questions=(
                Question("project_name", "str", value=raw.get("project_name", "")),
                Question("greeting", "str", value=greeting, answered="greeting" in raw),
                Question("token", "str", value=token, secret=True, answered="token" in raw),
            ),
            problems=tuple(wrong),
            asked_by="copier.yml",
        )

    def render(
        self, release: Release, answers: Answers, variables: Mapping[str, str] = NONE
    ) -> FileTree:
        if answers["greeting"] == "fault":
            raise RenderError("the template cannot be rendered", [Problem("it is at fault")])
        text = f"{answers['greeting']} from {answers['project_name']}\n"
        files = {"README.md": File(text.encode()), "main.py": File(b"print(1)\n")}
        if release.version == NEWER.version:
            held = f"_commit: {release.version}\n_src_path: {release.location}\n"
            files["new.py"] = File(b"print(2)\n")
            files[".copier-answers.yml"] = File(held.encode())
        return FileTree(files)


class StandInCatalogs:
    def load(self) -> Catalog:
        return Catalog(entries=(CatalogEntry(TEMPLATE, RELEASE.location),))


class StandInSources:
    """Two releases; what nobody names is the first, so that there is something to upgrade to."""

    def releases(self, location: str) -> Sequence[Release]:
        return (RELEASE,)

    def resolve(self, source: Source) -> Release:
        found = NEWER if source.ref == NEWER.version else RELEASE
        return replace(found, location=source.location)

    def checkout(self, release: Release) -> Path:
        return FOLDER


def push(shelf: Shelf, name: str, text: str, *, owner: str = "thinkube-deployments") -> str:
    """Do what a person does with `git push`; return the commit's id."""
    forge = StandInForge(shelf)
    repository = Repository(owner, name)
    head = forge.head(repository)
    assert head is not None
    signature = Signature("A Person", "person@example.org", head.at)
    files = FileTree({"README.md": File(text.encode())})
    return forge.publish(repository, files, f"Say {text}", signature).id
