"""Descriptor: what `thinkube.yaml` says about how a rendered project runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Gpu:
    """`count` devices with at least `memory_gib` GiB each; 0 where not stated."""

    count: int = 0
    memory_gib: int = 0


@dataclass(frozen=True)
class ContainerTest:
    enabled: bool = True
    command: str = ""
    image: str = ""
    one: str = ""


@dataclass(frozen=True)
class Dev:
    """How the embedded engine runs a container as a process (ours).

    `command` is split as a shell would and may use `$PORT`; `requirements` is a file relative to
    the container's build folder.
    """

    command: str
    requirements: str = ""


@dataclass(frozen=True)
class Variable:
    """An environment variable: a literal `value`, or a key of a Secret or ConfigMap.

    With `references`, `$(NAME)` in the value stands for the value of a variable before this one.
    """

    name: str
    value: str | None = None
    secret: str = ""
    config_map: str = ""
    key: str = ""
    description: str = ""
    references: bool = False


@dataclass(frozen=True)
class Mount:
    name: str
    path: str


@dataclass(frozen=True)
class Container:
    """One entry of `spec.containers`. `build` is a folder relative to the project.

    `security` (ours) is `strict`, `baseline` or empty: how much the container is confined.
    """

    name: str
    build: str = "."
    port: int | None = None
    size: str = ""
    build_size: str = ""
    health: str = ""
    ready: str = ""
    gpu: Gpu | None = None
    test: ContainerTest | None = None
    migrations: Mapping[str, object] = field(default_factory=dict)
    environment: tuple[Variable, ...] = ()
    volume: str = ""
    public_env: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    schedule: str = ""
    capabilities: tuple[str, ...] = ()
    job: bool = False
    security: str = ""
    dev: Dev | None = None
    unknown: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    path: str
    to: str


@dataclass(frozen=True)
class Service:
    """A platform service: `database`, `cache`, `queue`, `storage` or `workflows`.

    `name` is what stands after the colon in `type:name`; empty for the plain form.
    """

    type: str
    name: str = ""


@dataclass(frozen=True)
class Dependency:
    """Something another deployment, a component or a configured provider must give.

    The resolved URL is injected under `env`; where the provider states them, its API key goes
    under `api_key_env` and its model's name under `model_env` (both ours, as is `optional`).
    """

    name: str
    type: str
    env: str
    optional: bool = False
    api_key_env: str = ""
    model_env: str = ""


@dataclass(frozen=True)
class Provision:
    """One entry of `spec.provides` (ours): what other deployments may depend on."""

    type: str
    container: str = ""
    path: str = ""
    protocol: str = ""


@dataclass(frozen=True)
class Workload:
    """`spec.deployment`: what kind of thing this is, and its scale."""

    type: str = "app"  # app, knative, component, none
    name: str = ""
    replicas: int = 1
    gateway_managed: bool = False
    min_scale: int = 0
    max_scale: int = 5
    container_concurrency: int = 0
    timeout_seconds: int = 300


@dataclass(frozen=True)
class Descriptor:
    """A whole `thinkube.yaml`."""

    name: str = ""
    version: str = ""
    description: str = ""
    deployment: Workload = field(default_factory=Workload)
    containers: tuple[Container, ...] = ()
    routes: tuple[Route, ...] = ()
    services: tuple[Service, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    env: tuple[Variable, ...] = ()
    provides: tuple[Provision, ...] = ()
    unknown: Mapping[str, object] = field(default_factory=dict)

    def container(self, name: str) -> Container | None:
        return next((each for each in self.containers if each.name == name), None)
