"""Providers: what new deployments can depend on here and now."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from thinkube_catalog.domain.bindings import Provider, provided
from thinkube_catalog.domain.deployments import Deployment, DeploymentSummary
from thinkube_catalog.domain.environment import Address, Conventions
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Forge, Repository
from thinkube_catalog.operations.composition import descriptor_of
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.rollout import repository_of

MOST_KNOWN = 16_384


def available(platform: Platform, besides: str = "") -> tuple[Provider, ...]:
    """Return what is configured, and what deployments that serve provide, except one's own."""
    offered = list(platform.providers)
    for each in platform.deployments.summaries():
        if each.healthy_commit and each.url and each.name != besides:
            offered.extend(_provided_by(platform, each))
    return tuple(offered)


def living(platform: Platform) -> Iterator[Deployment]:
    """Yield every deployment that is not removed, by name."""
    after = ""
    while page := platform.deployments.page(after, limit=200):
        yield from page
        after = page[-1].name


def _provided_by(platform: Platform, deployment: DeploymentSummary) -> tuple[Provider, ...]:
    repository = repository_of(platform, deployment.name)
    commit, url = deployment.healthy_commit, deployment.url
    try:
        return _provided_at(
            platform.forge,  # type: ignore[arg-type] # an object, equal to itself alone
            repository,
            commit,
            url,
            platform.conventions,
        )
    except CatalogError:
        return ()  # one deployment's trouble is no other's


@lru_cache(maxsize=MOST_KNOWN)
def _provided_at(
    forge: Forge, repository: Repository, commit: str, url: str, conventions: Conventions
) -> tuple[Provider, ...]:
    """Read what a commit provides, once: a commit never changes."""
    descriptor = descriptor_of(forge.files(repository, commit), repository.name, conventions)
    if descriptor is None:
        return ()
    return provided(repository.name, descriptor, Address(url))
