"""The service is killed at every moment that matters, and comes back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.local_engine.conftest import LEGAL_QA, QUICK, Stage
from tests.adapters.local_engine.projects import (
    REPOSITORY,
    container,
    get,
    project,
    push,
    wait_for,
    wait_healthy,
    web,
)
from thinkube_catalog.adapters.local_engine.engine import LocalEngine, Options
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.domain.rendering import FileTree

HERE = Path(__file__).parent
PROJECT_ROOT = HERE.parents[2]
MOST_DEEDS = 60
RANDOM_KILLS = 12

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class KilledStage(Stage):
    """A stage with a forge on disk and services that are killed."""

    def __init__(self, folder: Path) -> None:
        self.root, self.timings, self.secrets = folder / "engine", QUICK, MemorySecrets()
        self.disk_forge = LocalForge(folder / "forge")
        self.disk_forge.ensure_repository(REPOSITORY, LEGAL_QA.marker)
        self.forge_root = folder / "forge"
        self.engine = self.new_engine()

    def new_engine(self) -> LocalEngine:
        options = Options(timings=self.timings)
        return LocalEngine(self.root, self.disk_forge, self.secrets, options)

    def host(self, kill_at: int = 0) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(HERE / "host.py")]
        arguments = [str(self.root), str(self.forge_root), str(kill_at)]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
        return subprocess.Popen([*command, *arguments], cwd=PROJECT_ROOT, env=environment)

    def check_nothing_runs_twice(self) -> None:
        marks = Counter(each.environ()["THINKUBE_INSTANCE"] for each in self.processes())
        assert not [mark for mark, count in marks.items() if count > 1]

    def check_all_is_well(self, version: str) -> None:
        self.engine = self.new_engine()
        self.engine.start()
        self.engine.ensure_application(LEGAL_QA)
        head = self.disk_forge.head(REPOSITORY)
        assert head is not None
        status = wait_healthy(self.engine, head)
        assert get(status.url) == version
        wait_for(self.engine, lambda _: len(self.processes()) == 1)
        self.engine.stop(leave_running=True)


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[KilledStage]:
    stage = KilledStage(tmp_path)
    yield stage
    stage.engine = stage.new_engine()
    stage.engine.start()
    stage.engine.stop(leave_running=False)
    assert stage.processes() == []


def storing(version: str) -> FileTree:
    stores = container(volume="/data", environment=[{"name": "DATA_DIR", "value": "/data"}])
    lock = (
        "import fcntl\n"
        "held = open(os.environ['DATA_DIR'] + '/lock', 'w')\n"
        "fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    )
    return project(version, [stores], {"app.py": web(version, lock)})


@pytest.mark.parametrize("kind", ["plain", "storing"])
def test_a_kill_before_any_deed_changes_nothing_about_the_outcome(
    killed: KilledStage, kind: str
) -> None:
    make = project if kind == "plain" else storing
    for kill_at in range(1, MOST_DEEDS):
        version = f"version {kill_at}"
        push(killed.disk_forge, make(version))
        host = killed.host(kill_at)
        code = host.wait(timeout=60)
        killed.check_nothing_runs_twice()
        killed.check_all_is_well(version)
        if code == 0:
            assert kill_at > 8  # so many deeds there are at least
            return
        assert code == -signal.SIGKILL
    raise AssertionError("the service never came to an end")


def test_kills_at_any_time_leave_one_instance_of_the_newest_version(killed: KilledStage) -> None:
    chance = random.Random(7)  # noqa: S311 # moments, not secrets
    for number in range(RANDOM_KILLS):
        push(killed.disk_forge, project(f"version {number}"))
        host = killed.host()
        time.sleep(chance.uniform(0.3, 1.5))
        host.kill()
        host.wait()
        killed.check_nothing_runs_twice()
    killed.check_all_is_well(f"version {RANDOM_KILLS - 1}")
