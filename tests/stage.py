"""A platform in memory with a clock of its own, for tests of operations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.stand_ins import (
    Shelf,
    StandInCatalogs,
    StandInEngine,
    StandInForge,
    StandInRenderer,
    StandInSources,
    World,
)
from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.adapters.memory.deployments import MemoryDeployments
from thinkube_catalog.adapters.memory.runs import MemoryRuns
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.operations import runs
from thinkube_catalog.operations.platform import Platform


@dataclass
class Clock:
    """A clock that moves when somebody waits, and by a millisecond whenever it is read."""

    at: datetime = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += timedelta(seconds=seconds)


@dataclass
class Stage:
    """A platform with what is behind it."""

    platform: Platform
    shelf: Shelf
    clock: Clock
    runs: MemoryRuns

    @property
    def world(self) -> World:
        return self.shelf.world()


def a_stage(*, carried_out: bool = True) -> Stage:
    shelf, clock = Shelf(), Clock()
    carrying = MemoryRuns(clock.wait, inline=True)
    platform = Platform(
        catalogs=StandInCatalogs(),
        sources=StandInSources(),
        renderer=StandInRenderer(),
        forge=StandInForge(shelf),
        engine=StandInEngine(shelf),
        deployments=MemoryDeployments(),
        runs=carrying,
        secrets=MemorySecrets(),
        merger=GitMerger(),
        now=clock.now,
    )
    if carried_out:
        carrying.launch(partial(runs.proceed, platform))
    return Stage(platform, shelf, clock, carrying)
