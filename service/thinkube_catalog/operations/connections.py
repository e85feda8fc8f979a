"""Connections: which deployment uses what of which other, as their repositories say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from thinkube_catalog.domain.bindings import Provider, provided, resolve
from thinkube_catalog.domain.deployments import Deployment
from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import Address
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.operations.composition import descriptor_of
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.rollout import repository_of

MOST_KEPT = 2048


@dataclass(frozen=True)
class Connection:
    """One deployment's use of a provider: a deployment, or an endpoint that is configured."""

    user: str
    provider: str
    type: str


def connections(platform: Platform, deployments: Iterable[Deployment]) -> tuple[Connection, ...]:
    """Return what these deployments use, of one another and of what is configured."""
    described = [(each, _descriptor(platform, each)) for each in deployments]
    offered = list(platform.providers)
    for deployment, descriptor in described:
        if descriptor is not None and deployment.url:
            offered += provided(deployment.name, descriptor, Address(deployment.url))
    found: list[Connection] = []
    for deployment, descriptor in described:
        if descriptor is not None:
            found += _used(deployment.name, descriptor, offered)
    return tuple(dict.fromkeys(found))


def _used(name: str, descriptor: Descriptor, offered: list[Provider]) -> list[Connection]:
    others = [each for each in offered if each.name != name]
    bound = resolve(descriptor, others)
    values = [variable.value or "" for variable in bound.variables]
    return [
        Connection(name, each.name, each.type)
        for each in others
        if any(value == each.url for value in values)
    ]


def _descriptor(platform: Platform, deployment: Deployment) -> Descriptor | None:
    commit = deployment.healthy_commit or deployment.commit
    return _read(platform, deployment.name, commit) if commit else None


@lru_cache(maxsize=MOST_KEPT)
def _read(platform: Platform, name: str, commit: str) -> Descriptor | None:
    """Read what a commit, which never changes, says of itself."""
    try:
        tree = platform.forge.files(repository_of(platform, name), commit)
        return descriptor_of(tree, name, platform.conventions)
    except CatalogError:
        return None
