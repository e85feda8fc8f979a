"""Connecting: what goes with the repositories of deployments that were made before."""

from __future__ import annotations

import logging
from collections.abc import Callable

from thinkube_catalog.domain.deployments import State
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.providers import living

_LEFT_ALONE = frozenset({State.REMOVING, State.UNKNOWN})

_log = logging.getLogger(__name__)


def connect_all(platform: Platform, is_over: Callable[[], bool] = lambda: False) -> int:
    """Connect every deployment's repository as the settings say now; return how many were.

    Addresses, keys and tokens may have changed since they were made. What cannot be connected is
    logged and keeps no other from it; it is tried again at the next start.
    """
    connected = 0
    for deployment in living(platform):
        if is_over():
            break
        if not deployment.repository or deployment.state in _LEFT_ALONE:
            continue
        repository = Repository(platform.deployments_owner, deployment.name)
        try:
            platform.forge.connect(repository, deployment.id)
            connected += 1
        except CatalogError as error:
            _log.warning("%s is not connected: %s", repository, error)
    return connected
