"""Providers: what new deployments can depend on here and now."""

from __future__ import annotations

from collections.abc import Iterator

from thinkube_catalog.domain.bindings import Provider, provided
from thinkube_catalog.domain.deployments import Deployment
from thinkube_catalog.domain.environment import Address
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.operations.composition import descriptor_of
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.rollout import repository_of


def available(platform: Platform, besides: str = "") -> tuple[Provider, ...]:
    """Return what is configured, and what deployments that serve provide, except one's own."""
    offered = list(platform.providers)
    for deployment in living(platform):
        if deployment.healthy_commit and deployment.url and deployment.name != besides:
            offered.extend(_provided_by(platform, deployment))
    return tuple(offered)


def living(platform: Platform) -> Iterator[Deployment]:
    """Yield every deployment that is not removed, by name."""
    after = ""
    while page := platform.deployments.page(after, limit=200):
        yield from page
        after = page[-1].name


def _provided_by(platform: Platform, deployment: Deployment) -> tuple[Provider, ...]:
    try:
        repository = repository_of(platform, deployment.name)
        tree = platform.forge.files(repository, deployment.healthy_commit)
        descriptor = descriptor_of(tree, deployment.name, platform.conventions)
    except CatalogError:
        return ()  # one deployment's trouble is no other's
    if descriptor is None:
        return ()
    return provided(deployment.name, descriptor, Address(deployment.url))
