"""Platforms in memory, whose runs are carried out at once or when the test says so."""

from __future__ import annotations

import pytest

from tests.stage import Stage, a_stage


@pytest.fixture
def stage() -> Stage:
    return a_stage()


@pytest.fixture
def held() -> Stage:
    """A platform whose runs wait until they are launched."""
    return a_stage(carried_out=False)
