"""Showing: how a deployment stands, beside its commit in the forge."""

from __future__ import annotations

import logging

from thinkube_catalog.domain.deployments import Deployment
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Repository, RolloutState
from thinkube_catalog.operations import secret_delivery
from thinkube_catalog.operations.platform import Platform

_log = logging.getLogger(__name__)


def show(platform: Platform, deployment: Deployment, state: RolloutState, words: str) -> None:
    """Show it, without any secret's value; a forge that cannot stops nothing."""
    if not deployment.repository or not deployment.commit:
        return
    said = secret_delivery.hide(platform, tuple(deployment.secrets.values()), words)
    repository = Repository(platform.deployments_owner, deployment.name)
    try:
        platform.forge.show_rollout(repository, deployment.commit, state, said)
    except CatalogError as error:
        _log.warning("%s does not show how %s stands: %s", repository, deployment.commit, error)


def show_passed(platform: Platform, deployment: Deployment, newer: str) -> None:
    """Show that a commit is no longer waited for, since a newer one goes on in its place."""
    if newer != deployment.commit:
        show(platform, deployment, RolloutState.SUCCEEDED, f"goes on as {newer[:12]}")
