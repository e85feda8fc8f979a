"""Dependencies: which deployment uses what, as its repository recorded it when it was made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from operator import attrgetter
from urllib.parse import urlsplit

from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentNotFoundError,
    DeploymentSummary,
)
from thinkube_catalog.domain.descriptor import Variable
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.providers import living
from thinkube_catalog.operations.rollout import repository_of

PATIENCE_SECONDS = 0.6
"""How long one look may spend on reading repositories that nobody has read yet."""


MANY = 20
"""From so many records on they are read all together."""


class NodeKind(StrEnum):
    DEPLOYMENT = "deployment"
    PROVIDER = "provider"  # configured, and not made by this catalog
    UNKNOWN = "unknown"  # used, and neither deployed here nor configured


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that uses something or is used. `state` is a deployment's; empty otherwise."""

    name: str
    kind: NodeKind
    state: str = ""
    template: str = ""
    provides: str = ""


@dataclass(frozen=True)
class Edge:
    """`user` uses `used`; `names` are the variables of its environment that say where it is."""

    user: str
    used: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """What uses what. `alone` neither uses nor is used; `unread` were not looked at yet."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    alone: tuple[Node, ...] = ()
    unread: int = 0

    def users_of(self, name: str) -> tuple[str, ...]:
        return tuple(edge.user for edge in self._by_used.get(name, ()))

    def used_by(self, name: str) -> tuple[Edge, ...]:
        return tuple(self._by_user.get(name, ()))

    @cached_property
    def _by_used(self) -> Mapping[str, Sequence[Edge]]:
        return _grouped(self.edges, attrgetter("used"))

    @cached_property
    def _by_user(self) -> Mapping[str, Sequence[Edge]]:
        return _grouped(self.edges, attrgetter("user"))


def _grouped(edges: Iterable[Edge], by: Callable[[Edge], str]) -> Mapping[str, Sequence[Edge]]:
    found: dict[str, list[Edge]] = {}
    for edge in edges:
        found.setdefault(by(edge), []).append(edge)
    return found


@dataclass(frozen=True)
class _Read:
    """What a record that was changed last at that time led to."""

    changed_at: datetime
    commit: str
    variables: Sequence[Variable]


@dataclass
class Dependencies:
    """What is known of bindings, by deployment. Safe to share between threads.

    A record that has not changed since is not looked at again, nor a commit that has been read.
    """

    platform: Platform
    _known: dict[str, _Read] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def graph(self, patience: float = PATIENCE_SECONDS) -> Graph:
        """Return everything and what it uses, reading repositories while patience lasts."""
        deadline = time.monotonic() + patience
        deployments = self.platform.deployments.summaries()
        changed = {each.name for each in deployments if not self._is_known(each)}
        for deployment in self._records(changed):
            if time.monotonic() > deadline:
                break
            self._look(deployment)
            changed.discard(deployment.name)
        self._forget_others(deployments)
        with self._lock:
            known = dict(self._known)
        bound = {name: read.variables for name, read in known.items() if read.variables}
        return draw(self.platform, deployments, bound, len(changed))

    def _is_known(self, seen: DeploymentSummary) -> bool:
        known = self._known.get(seen.name)
        return known is not None and known.changed_at == seen.changed_at

    def _records(self, names: Collection[str]) -> Iterator[Deployment]:
        if len(names) > MANY:
            yield from (each for each in living(self.platform) if each.name in names)
            return
        for name in sorted(names):
            with suppress(DeploymentNotFoundError):  # removed in this very moment
                yield self.platform.deployments.get(name)

    def _look(self, deployment: Deployment) -> None:
        commit = deployment.healthy_commit or deployment.commit
        known = self._known.get(deployment.name)
        if known is not None and known.commit == commit:
            variables = known.variables
        else:
            variables = _recorded(self.platform, deployment.name, commit) if commit else ()
        with self._lock:
            self._known[deployment.name] = _Read(deployment.changed_at, commit, variables)

    def _forget_others(self, deployments: Sequence[DeploymentSummary]) -> None:
        with self._lock:
            for gone in self._known.keys() - {each.name for each in deployments}:
                del self._known[gone]


def draw(
    platform: Platform,
    deployments: Sequence[DeploymentSummary],
    bound: Mapping[str, Sequence[Variable]],
    unread: int = 0,
) -> Graph:
    """Find for each recorded address who answers there."""
    places = _Places(platform, deployments)
    edges: list[Edge] = []
    for user, variables in bound.items():
        used: dict[str, list[str]] = {}
        for variable in variables:
            name = places.at(variable.value or "")
            if name and name != user:
                used.setdefault(name, []).append(variable.name)
        edges += [Edge(user, name, tuple(names)) for name, names in used.items()]
    joined = {end for edge in edges for end in (edge.user, edge.used)}
    nodes = [*_deployed(deployments), *places.others(joined)]
    return Graph(
        nodes=tuple(node for node in nodes if node.name in joined),
        edges=tuple(edges),
        alone=tuple(node for node in nodes if node.name not in joined),
        unread=unread,
    )


def _deployed(deployments: Iterable[DeploymentSummary]) -> list[Node]:
    return [Node(each.name, NodeKind.DEPLOYMENT, each.state, each.template) for each in deployments]


class _Places:
    """Who answers at an address. A deployment comes before a configured endpoint of its name."""

    def __init__(self, platform: Platform, deployments: Sequence[DeploymentSummary]) -> None:
        self._names: dict[str, str] = {}
        self._providers = {each.name: each for each in platform.providers}
        self._unknown: set[str] = set()
        taken = {each.name for each in deployments}
        self._titles = {
            name: f"{name} ({NodeKind.PROVIDER})" if name in taken else name
            for name in self._providers
        }
        for provider in platform.providers:
            self._names.setdefault(_place(provider.url), self._titles[provider.name])
        for deployment in deployments:
            if place := _place(deployment.url):
                self._names[place] = deployment.name

    def at(self, address: str) -> str:
        """Name who answers there; empty when the text is no address."""
        place = _place(address)
        if not place:
            return ""
        if place not in self._names:
            self._unknown.add(place)
        return self._names.get(place, place)

    def others(self, joined: set[str]) -> list[Node]:
        configured = [
            Node(self._titles[name], NodeKind.PROVIDER, provides=each.type)
            for name, each in self._providers.items()
        ]
        unknown = [Node(place, NodeKind.UNKNOWN) for place in sorted(self._unknown & joined)]
        return [*configured, *unknown]


_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "redis": 6379}


@lru_cache(maxsize=16_384)
def _place(address: str) -> str:
    """Return host and port of an address; empty when it has none. Logins are left out."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    if not parts.scheme or not parts.hostname:
        return ""
    return f"{parts.hostname}:{port}" if port else parts.hostname


def _recorded(platform: Platform, name: str, commit: str) -> tuple[Variable, ...]:
    # The typed objects take a while to import, and a service without deployments needs none.
    from thinkube_catalog.domain.kubernetes.metadata import METADATA_PATH, read_context  # noqa: PLC0415

    try:
        files = platform.forge.files(repository_of(platform, name), commit)
        if METADATA_PATH not in files:
            return ()
        return read_context(files, platform.conventions).bindings
    except CatalogError:
        return ()  # one deployment's trouble is no other's
