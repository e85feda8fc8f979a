"""An Argo CD that stands in, and the engine on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.local_engine.projects import REPOSITORY
from tests.argocd_world import ArgoCdWorld, argocd_world


@pytest.fixture
def world() -> Iterator[ArgoCdWorld]:
    with argocd_world() as world:
        world.forge.ensure_repository(REPOSITORY, "deployment-1")
        yield world
