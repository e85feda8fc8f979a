"""Containers with a schedule: started when it is time, never twice at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from thinkube_catalog.adapters.local_engine.project import Kind, Process
from thinkube_catalog.adapters.local_engine.staff import Staff
from thinkube_catalog.adapters.local_engine.versions import Version
from thinkube_catalog.domain.gitops import ContainerStatus, Health
from thinkube_catalog.domain.schedules import parse_schedule


@dataclass
class Timetable:
    """When each scheduled container runs next, in UTC. Times that passed unseen are left out."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # a default, no name
    next_runs: dict[tuple[str, str], datetime | None] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    statuses: tuple[ContainerStatus, ...] = ()
    current: dict[str, int] = field(default_factory=dict)

    def step(
        self, version: Version, run: Callable[[str, Version], int], staff: Staff
    ) -> dict[str, int]:
        """Start what is due by `run`; return the newest instance of each container."""
        processes = [each for each in version.project.processes if each.kind is Kind.SCHEDULED]
        for process in processes:
            if self._due(process):
                self._start(process, version, run, staff)
        names = {each.name for each in processes}
        self.current = {name: n for name, n in self.current.items() if name in names}
        self.statuses = tuple(self._status(each, staff) for each in processes)
        return dict(self.current)

    def adopt(self, current: Mapping[str, int]) -> None:
        """Go on with what an earlier engine started."""
        self.current = dict(current)

    def _due(self, process: Process) -> bool:
        key = (process.name, process.schedule)
        now = self.now()
        if key not in self.next_runs:
            self.next_runs[key] = parse_schedule(process.schedule).next_after(now)
        planned = self.next_runs[key]
        if planned is None or now < planned:
            return False
        self.next_runs[key] = parse_schedule(process.schedule).next_after(now)
        return True

    def _start(
        self,
        process: Process,
        version: Version,
        run: Callable[[str, Version], int],
        staff: Staff,
    ) -> None:
        number = self.current.get(process.name, 0)
        if number in staff and staff[number].running():
            self.skipped.add(process.name)
            return
        self.skipped.discard(process.name)
        self.current[process.name] = run(process.name, version)

    def _status(self, process: Process, staff: Staff) -> ContainerStatus:
        planned = self.next_runs.get((process.name, process.schedule))
        coming = f"next run {planned:%Y-%m-%d %H:%M} UTC" if planned else "no run is to come"
        number = self.current.get(process.name, 0)
        health, last, started = Health.HEALTHY, "has not run yet", None
        if number in staff:
            state = staff[number].state()
            started = state.started_at
            if staff[number].running():
                last = "runs now"
            elif state.phase != "finished" or state.exit is None:
                health, last = Health.DEGRADED, "last run was interrupted"
            elif state.exit.code == 0:
                last = f"last run succeeded at {state.exit.at:%Y-%m-%d %H:%M} UTC"
            else:
                health, last = Health.DEGRADED, f"last run ended with {state.exit}"
        if process.name in self.skipped:
            last += " (a run was left out: the one before had not ended)"
        return ContainerStatus(process.name, health, 0, started, f"{last}; {coming}")
