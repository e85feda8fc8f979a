"""Keeping what serves: every process of the serving version runs, and its schedule is kept."""

from __future__ import annotations

from thinkube_catalog.adapters.local_engine.project import Kind
from thinkube_catalog.adapters.local_engine.record import Phase
from thinkube_catalog.adapters.local_engine.standing import Standing
from thinkube_catalog.adapters.local_engine.vault import SecretMissingError
from thinkube_catalog.adapters.local_engine.versions import Unready, Version


class Keeping:
    """Keeps the version running that was healthy last."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def step(self) -> None:
        """Do whatever can be done now."""
        it = self._standing
        if not it.progress.serving or it.progress.phase is Phase.TAKEOVER:
            it.conditions = {}
            return
        made = it.versions.make(it.progress.serving, it.url)
        if isinstance(made, Version):
            self._keep(made)
        elif isinstance(made, Unready):
            it.keeping_fault = made.causes[0] if made.causes else None
        else:
            it.doing = it.doing or it.versions.doing(it.progress.serving)

    def _keep(self, version: Version) -> None:
        it = self._standing
        if version.project.stores and not it.progress.crew and self._storage_in_use():
            return
        it.keeping_fault = None
        try:
            self._run_crew(version)
            scheduled = it.timetable.step(version, self._run_scheduled, it.staff)
        except SecretMissingError as error:
            it.keeping_fault = error.cause
            return
        if scheduled != dict(it.progress.scheduled):
            it.save(scheduled=scheduled)
        it.conditions = it.look(version, it.progress.crew, serving=True)
        failures = [c.cause for n, c in it.conditions.items() if c.cause and self._job_failed(n)]
        if failures and not it.progress.failed and it.up_to_date:
            it.save(failed=True, causes=tuple(failures))

    def _job_failed(self, name: str) -> bool:
        it = self._standing
        return it.staff.has_failed(it.progress.crew.get(name, 0))

    def _run_crew(self, version: Version) -> None:
        it = self._standing
        for process in version.project.crew:
            if it.progress.crew.get(process.name, 0) not in it.staff:
                number = it.create(process, version, it.progress.serving_revision)
                it.save(crew={**it.progress.crew, process.name: number})
            it.run(it.progress.crew[process.name], process, version)

    def _run_scheduled(self, name: str, version: Version) -> int:
        it = self._standing
        process = version.project.process(name)
        if process is None:
            return it.new_number()
        number = it.create(process, version, it.progress.serving_revision)
        it.save(scheduled={**it.progress.scheduled, name: number})
        it.run(number, process, version)
        return number

    def _storage_in_use(self) -> bool:
        """Say whether a version that was given up still holds the application's folders."""
        it = self._standing
        alive = (it.staff[each].record for each in it.staff.alive(it.staff.instances))
        return any(not each.rehearsal and each.kind == Kind.SERVICE.value for each in alive)
