"""An engine on a folder of its own, with everything stopped in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.adapters.local_engine.projects import REPOSITORY
from thinkube_catalog.adapters.local_engine.conditions import Timings
from thinkube_catalog.adapters.local_engine.engine import LocalEngine, Options
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.domain.gitops import Application

QUICK = Timings(
    grace=2.0,
    drain=5.0,
    first_pause=0.05,
    branch=0.05,
    tick=0.02,
    liveness=0.2,
    probe_timeout=1.0,
    settled_without_port=0.3,
    retry=0.5,
)
LEGAL_QA = Application("legal-qa", REPOSITORY, "deployment-1")


@dataclass
class Stage:
    """A forge, secrets, and engines that follow one another on one folder."""

    root: Path
    forge: MemoryForge = field(default_factory=MemoryForge)
    secrets: MemorySecrets = field(default_factory=MemorySecrets)
    timings: Timings = QUICK

    def __post_init__(self) -> None:
        self.forge.ensure_repository(REPOSITORY, LEGAL_QA.marker)
        self.engine = self.new_engine()

    def new_engine(self) -> LocalEngine:
        return LocalEngine(self.root, self.forge, self.secrets, Options(timings=self.timings))

    def start(self, application: Application = LEGAL_QA) -> LocalEngine:
        self.engine.start()
        self.engine.ensure_application(application)
        return self.engine

    def restart(self) -> LocalEngine:
        """Let the service go and come back; what it runs stays."""
        self.engine.stop(leave_running=True)
        self.engine = self.new_engine()
        self.engine.start()
        return self.engine

    def processes(self) -> list[psutil.Process]:
        """List what runs of the applications of this folder, without supervisors."""
        found = []
        for process in psutil.process_iter():
            try:
                mark = process.environ().get("THINKUBE_INSTANCE", "")
            except psutil.Error:
                continue
            if mark.startswith(f"{self.root}/apps/"):
                found.append(process)
        return found


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "engine")
    yield stage
    if not stage.engine.running:
        stage.engine = stage.new_engine()
        stage.engine.start()
    stage.engine.stop(leave_running=False)
    assert stage.processes() == []
