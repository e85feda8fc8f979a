"""What holds for every test: `live` ones only where asked for, and no silent skips in CI."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.contracts.databases import postgresql_folder, postgresql_url, sqlite_url
from thinkube_catalog.settings import PREFIX

__all__ = ["postgresql_folder", "postgresql_url", "sqlite_url"]

LIVE = "THINKUBE_TEST_LIVE"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}

# A busy machine is no fault of the code's.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture
def without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env`, and nothing set by the person who runs the tests: not even servers to test on."""
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out `live` tests unless the real servers' addresses are in the environment."""
    if os.environ.get(LIVE):
        return
    live = [item for item in items if item.get_closest_marker("live")]
    config.hook.pytest_deselected(items=live)
    items[:] = [item for item in items if item not in live]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI everything a test may need is installed: there a skip is a failure."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where it has to run: {report.longrepr}"
    return report
