"""Reads what a commit wants to have run: its descriptor as processes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from thinkube_catalog.domain.descriptor import (
    Container,
    Descriptor,
    Dev,
    Variable,
    fill_placeholders,
    parse_descriptor,
)
from thinkube_catalog.domain.environment import (
    Address,
    ApplicationContext,
    Conventions,
    container_environment,
    literal_values,
)
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.kubernetes.metadata import read_context
from thinkube_catalog.domain.kubernetes.probes import start_budget
from thinkube_catalog.domain.rendering import FileTree

DESCRIPTOR = "thinkube.yaml"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class Kind(StrEnum):
    SERVICE = "service"
    JOB = "job"
    SCHEDULED = "scheduled"


class ProjectInvalidError(InvalidError):
    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("this version cannot be run by the embedded engine", problems)


@dataclass(frozen=True)
class Process:
    """One container as a process. `volumes` are folder names by their paths in the container."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    build: str
    requirements: str
    listens: bool
    health: str
    ready: str
    start_seconds: float
    schedule: str
    volumes: Mapping[str, str]
    environment: tuple[Variable, ...]


@dataclass(frozen=True)
class Project:
    """What one commit says: processes in file order, and routes as (path, container)."""

    processes: tuple[Process, ...]
    routes: tuple[tuple[str, str], ...]
    idle: bool = False

    def process(self, name: str) -> Process | None:
        return next((each for each in self.processes if each.name == name), None)

    @property
    def crew(self) -> tuple[Process, ...]:
        """The processes that make up a running version; scheduled ones come and go."""
        if self.idle:
            return ()
        return tuple(each for each in self.processes if each.kind is not Kind.SCHEDULED)

    @property
    def stores(self) -> bool:
        """Say whether two versions would meet in the same folders if they ran side by side."""
        return any(each.volumes and each.kind is Kind.SERVICE for each in self.crew)


@dataclass(frozen=True)
class Places:
    """Where one process lives: folders on this machine, and its port (0 for none)."""

    checkout: Path
    home: Path
    volumes: Path
    python: Path | None
    port: int


def read_project(files: FileTree, conventions: Conventions, url: str) -> Project:
    """Read a commit's files. Raises InvalidError with everything that is wrong at once."""
    if DESCRIPTOR not in files:
        raise ProjectInvalidError(
            [Problem(f"there is no {DESCRIPTOR}", mend="restore it from an earlier commit")]
        )
    context = read_context(files, conventions)
    descriptor = fill_placeholders(
        parse_descriptor(files.text(DESCRIPTOR), DESCRIPTOR).value,
        context.name,
        conventions.domain_name,
    )
    if problems := _problems(descriptor, files):
        raise ProjectInvalidError(problems)
    address = Address(url)
    processes = tuple(
        _process(descriptor, each, context, address) for each in descriptor.containers if each.dev
    )
    return Project(processes, _routes(descriptor), idle=descriptor.deployment.replicas == 0)


def _problems(descriptor: Descriptor, files: FileTree) -> list[Problem]:
    problems = []
    for index, container in enumerate(descriptor.containers):
        field = f"spec.containers[{index}].dev"
        if container.dev is None:
            problems.append(
                Problem(
                    f"container {container.name} cannot be run by the embedded engine",
                    file=DESCRIPTOR,
                    field=field,
                    mend=f"add spec.containers[{index}].dev with the command that starts it",
                )
            )
            continue
        problems += _dev_problems(container, container.dev, field, files)
    return problems


def _dev_problems(container: Container, dev: Dev, field: str, files: FileTree) -> list[Problem]:
    problems = []
    if fault := _fault_of_command(dev.command):
        problems.append(Problem(f"the command cannot be run: {fault}", DESCRIPTOR, field=field))
    build = _relative(container.build)
    required = f"{build}/{dev.requirements}".removeprefix("/") if dev.requirements else ""
    if required and _relative(required) not in files:
        problems.append(
            Problem(
                f"container {container.name} requires {required}, which is not there",
                DESCRIPTOR,
                field=f"{field}.requirements",
                mend="commit that file, or name the one that is there",
            )
        )
    return problems


def _fault_of_command(command: str) -> str:
    try:
        return "" if shlex.split(command) else "it is empty"
    except ValueError as error:
        return str(error)


def _relative(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def _process(
    descriptor: Descriptor, container: Container, context: ApplicationContext, address: Address
) -> Process:
    dev = container.dev or Dev("")
    volumes = {mount.path: mount.name for mount in container.mounts}
    if container.volume:
        volumes[container.volume] = f"{container.name}-storage"
    return Process(
        name=container.name,
        kind=_kind(container),
        command=tuple(shlex.split(dev.command)),
        build=_relative(container.build),
        requirements=dev.requirements,
        listens=container.port is not None,
        health=container.health,
        ready=container.ready or container.health,
        start_seconds=start_budget(container, context.parameters),
        schedule=container.schedule,
        volumes=volumes,
        environment=container_environment(descriptor, container, context, address),
    )


def _kind(container: Container) -> Kind:
    if container.schedule:
        return Kind.SCHEDULED
    return Kind.JOB if container.job else Kind.SERVICE


def _routes(descriptor: Descriptor) -> tuple[tuple[str, str], ...]:
    listening = [each.name for each in descriptor.containers if each.port is not None]
    routes = tuple((each.path, each.to) for each in descriptor.routes if each.to in listening)
    return routes or tuple(("/", name) for name in listening[:1])


def environment_of(
    process: Process, places: Places, read: Callable[[Variable], str]
) -> dict[str, str]:
    """Return the whole environment of a process: nothing of ours leaks into it.

    `read` answers for secrets. A value at or below the path of a volume becomes the place of
    that volume here, since a process has no `/data` of its own.
    """
    values = {
        name: _placed(value, process, places)
        for name, value in literal_values(process.environment, read).items()
    }
    path = SYSTEM_PATH
    if places.python is not None:
        values["VIRTUAL_ENV"] = str(places.python)
        path = f"{places.python / 'bin'}:{path}"
    values |= {"HOME": str(places.home), "PATH": path, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    if places.port:
        values["PORT"] = str(places.port)
    return values


def command_of(process: Process, places: Places, environment: Mapping[str, str]) -> list[str]:
    """Return the words to execute: variables filled in, paths of volumes put in their place."""

    def fill(match: re.Match[str]) -> str:
        return environment.get(match["braced"] or match["plain"], "")

    words = [
        _placed(re.sub(r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+))", fill, word), process, places)
        for word in process.command
    ]
    own = places.python / "bin" / words[0] if places.python is not None else None
    return [str(own), *words[1:]] if own is not None and own.exists() else words


def _placed(value: str, process: Process, places: Places) -> str:
    for path in sorted(process.volumes, key=len, reverse=True):
        plain = path.rstrip("/")
        if value in {path, plain} or value.startswith(f"{plain}/"):
            return f"{places.volumes / process.volumes[path]}{value[len(plain) :]}"
    return value
