"""Every forge, each behind the same fixture: the contract is one for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contracts.forge.samples import CHAT
from tests.gitea_stand_in import gitea_stand_in
from thinkube_catalog.adapters.gitea import Care, GiteaForge, Hook
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.domain.forge import Forge, Repository
from thinkube_catalog.domain.secrets import SecretValue


def a_care() -> Care:
    hook = Hook("http://127.0.0.1:9/hook", lambda _id: SecretValue("s" * 40), lambda _s: "k")
    return Care((hook,), {"BUILD_TOKEN": SecretValue("of-the-builder")})


@pytest.fixture
def memory(tmp_path: Path) -> Forge:
    return MemoryForge()


@pytest.fixture
def local(tmp_path: Path) -> Forge:
    return LocalForge(tmp_path / "forge")


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[Forge]:
    with gitea_stand_in(tmp_path / "gitea") as server:
        forge = GiteaForge(tmp_path / "mirrors", server.url, "the-token", care=a_care())
        yield forge
        forge.close()


@pytest.fixture
def live_gitea(tmp_path: Path) -> Iterator[Forge]:
    """A real one, of which the organisation `thinkube-deployments` is ours to empty."""
    url, token = (os.environ[f"THINKUBE_TEST_GITEA_{name}"] for name in ("URL", "TOKEN"))
    place = f"{url}/api/v1/repos/{CHAT}"
    httpx.delete(place, headers={"Authorization": f"token {token}"}, timeout=30)
    forge = GiteaForge(tmp_path / "mirrors", url, token, care=a_care())
    yield forge
    forge.close()


@pytest.fixture(
    params=["memory", "local", "gitea", pytest.param("live_gitea", marks=pytest.mark.live)]
)
def forge(request: pytest.FixtureRequest) -> Forge:
    chosen: Forge = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def chat(forge: Forge) -> Repository:
    forge.ensure_repository(CHAT, "deployment 1")
    return CHAT
