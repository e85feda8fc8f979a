"""A Gitea that stands in, and the forge on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gitea_stand_in import GiteaStandIn, gitea_stand_in
from thinkube_catalog.adapters.gitea import GiteaForge


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[GiteaStandIn]:
    with gitea_stand_in(tmp_path / "gitea") as server:
        yield server


@pytest.fixture
def make_forge(gitea: GiteaStandIn, tmp_path: Path) -> Iterator[Callable[[str], GiteaForge]]:
    """Make a forge as another machine has one: with mirrors of its own."""
    made: list[GiteaForge] = []

    def make(name: str) -> GiteaForge:
        made.append(GiteaForge(tmp_path / name, gitea.url, "the-token", seconds=10))
        return made[-1]

    yield make
    for forge in made:
        forge.close()


@pytest.fixture
def forge(make_forge: Callable[[str], GiteaForge]) -> GiteaForge:
    return make_forge("mirrors")
