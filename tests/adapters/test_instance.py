"""One service process per data folder."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from thinkube_catalog.adapters.instance import (
    AlreadyServedError,
    Instance,
    ServiceStartError,
)

SERVICE = """
import sys, time
from pathlib import Path
from thinkube_catalog.adapters.instance import Instance
with Instance(Path(sys.argv[1])).claim() as claim:
    claim.announce("http://127.0.0.1:1")
    time.sleep(60)
"""


def _start(instance: Instance, script: str = SERVICE) -> int:
    command = [sys.executable, "-c", script, str(instance.data_dir)]
    return instance.start(command, os.environ).pid


def test_a_second_claim_is_refused_and_names_the_first(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    with instance.claim() as claim:
        claim.announce("http://127.0.0.1:8765")
        with pytest.raises(AlreadyServedError, match=r"http://127\.0\.0\.1:8765"):
            instance.claim()


def test_a_started_service_is_found_and_stopped(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    pid = _start(instance)
    running = instance.running()
    assert running is not None
    assert running.pid == pid
    assert instance.stop()
    assert instance.running() is None
    assert not instance.stop()


def test_a_killed_service_leaves_nothing_that_looks_alive(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    pid = _start(instance)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert instance.running() is None
    with instance.claim():
        assert instance.running() is None  # nothing is announced yet


def test_a_service_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServiceStartError, match="no such luck"):
        _start(Instance(tmp_path), "import sys; sys.exit('no such luck')")


def test_the_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    with Instance(folder).claim():
        assert folder.stat().st_mode & 0o077 == 0
