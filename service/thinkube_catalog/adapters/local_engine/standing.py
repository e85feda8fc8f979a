"""How one application stands: what is declared, how far it has come, and what was last seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from thinkube_catalog.adapters.local_engine.conditions import Condition
from thinkube_catalog.adapters.local_engine.project import Process
from thinkube_catalog.adapters.local_engine.record import (
    Declared,
    Phase,
    Progress,
    save_declared,
    save_progress,
)
from thinkube_catalog.adapters.local_engine.scheduled import Timetable
from thinkube_catalog.adapters.local_engine.staff import House, Staff
from thinkube_catalog.adapters.local_engine.versions import Factory, Version, Versions
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import Cause

NOTHING_ROLLING: dict[str, object] = {"rolling": {}, "rolling_revision": "", "phase": Phase.NONE}


@dataclass(frozen=True)
class Surroundings:
    """What all applications of an engine share. `host` is the name in their addresses."""

    forge: Forge
    factory: Factory
    house: House
    host: str


class Standing:
    """What the parts of an application share. Not for several threads at once.

    What has to survive a kill is in the record before it is done, so that a repetition finds it.
    """

    def __init__(
        self, folder: Path, declared: Declared, progress: Progress, around: Surroundings
    ) -> None:
        self.folder, self.declared, self.around = folder, declared, around
        self.staff = Staff(folder, around.house)
        highest = max(self.staff.instances, default=0)  # the record of progress may be lost
        self.progress = replace(progress, next_number=max(progress.next_number, highest + 1))
        self.versions = Versions(folder / "versions", around.factory, declared.application)
        self.timetable = Timetable()
        self.timetable.adopt(progress.scheduled)
        self.switching = False
        self.switch_version: int | None = None
        self.secrets_digest = around.house.vault.digest(declared.application)
        self.branch_fault: Cause | None = None
        self.keeping_fault: Cause | None = None
        self.doing = ""
        self.addressed = False
        self.conditions: dict[str, Condition] = {}
        self.rolling_conditions: dict[str, Condition] = {}

    @property
    def name(self) -> str:
        return self.declared.application.name

    @property
    def url(self) -> str:
        return f"http://{self.around.host}:{self.declared.port}" if self.declared.port else ""

    @property
    def wanted_revision(self) -> str:
        return f"{self.progress.wanted}.{self.secrets_digest}"

    @property
    def up_to_date(self) -> bool:
        return self.progress.serving_revision == self.wanted_revision and not self.progress.phase

    @property
    def rolling_out(self) -> bool:
        return bool(self.progress.wanted) and not (self.progress.failed or self.up_to_date)

    def record(self, declared: Declared) -> None:
        """Have the application be declared so."""
        self.declared = declared
        self.versions.application = declared.application
        save_declared(self.folder, declared)

    def save(self, **changes: object) -> None:
        """Record progress, by field name."""
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type] # by field name
        save_progress(self.folder, self.progress)

    def new_number(self) -> int:
        """Return a number that no instance has had."""
        number = self.progress.next_number
        self.save(next_number=number + 1)
        return number

    def create(
        self, process: Process, version: Version, revision: str, *, rehearsal: bool = False
    ) -> int:
        """Make an instance that does not run yet, and return its number."""
        number = self.new_number()
        self.staff.create(number, process, version, revision, rehearsal=rehearsal)
        return number

    def run(self, number: int, process: Process, version: Version) -> None:
        """Have an instance run."""
        self.staff.run(number, process, version, self.declared.application)

    def look(
        self, version: Version, numbers: Mapping[str, int], *, serving: bool
    ) -> dict[str, Condition]:
        """Say how those of a version's processes are that have an instance."""
        observer = self.around.house.observer
        return {
            process.name: observer.look(process, self.staff[numbers[process.name]], serving=serving)
            for process in version.project.crew
            if numbers.get(process.name, 0) in self.staff
        }
