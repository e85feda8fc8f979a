"""The API on a platform in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.edges.platform import Scene, a_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return a_scene(tmp_path)


@pytest.fixture
def client(scene: Scene) -> Iterator[httpx.Client]:
    with scene.client() as client:
        yield client
