"""One application: follows its branch, rolls versions out, keeps the healthy one running.

Everything here runs in the engine's one loop and never waits. What has to survive a kill is in
the record before it is done, so that a repetition finds it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from thinkube_catalog.adapters.local_engine.conditions import Condition
from thinkube_catalog.adapters.local_engine.files import delete_tree
from thinkube_catalog.adapters.local_engine.project import Kind
from thinkube_catalog.adapters.local_engine.record import (
    DECLARED_STEM,
    Declared,
    Phase,
    Progress,
    save_declared,
    save_progress,
)
from thinkube_catalog.adapters.local_engine.routing import Applied, is_free
from thinkube_catalog.adapters.local_engine.scheduled import Timetable
from thinkube_catalog.adapters.local_engine.staff import House, Staff
from thinkube_catalog.adapters.local_engine.vault import SecretMissingError
from thinkube_catalog.adapters.local_engine.versions import Factory, Unready, Version, Versions
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import Cause, CauseKind

HURRY_SECONDS = 15.0


@dataclass(frozen=True)
class Surroundings:
    """What all applications of an engine share. `host` is the name in their addresses."""

    forge: Forge
    factory: Factory
    house: House
    host: str


class ManagedApplication:
    """The state machine of one application. Not for several threads at once."""

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
        self._looked_at = 0.0
        self._checked = ""
        self._hurry_until = 0.0

    # What others ask

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

    @property
    def in_a_hurry(self) -> bool:
        """Say whether somebody may be waiting for the next step."""
        return self.rolling_out and time.monotonic() < self._hurry_until

    @property
    def gone(self) -> bool:
        """Say whether nothing of it runs any more."""
        return not self.staff.alive(self.staff.instances)

    # What others order

    def declare(self, declared: Declared) -> None:
        self.declared = declared
        self.versions.application = declared.application
        save_declared(self.folder, declared)
        self.refresh_secrets()

    def refresh_secrets(self) -> None:
        digest = self.around.house.vault.digest(self.declared.application)
        if digest != self.secrets_digest:
            self.secrets_digest = digest
            self._forgive()

    def sync(self) -> None:
        """Look at the branch now, run with secrets as they are now, try again what failed."""
        self.refresh_secrets()
        if self.progress.failed:
            self._forgive()
        self._looked_at = 0.0
        self._follow_branch()

    def _forgive(self) -> None:
        if self.progress.wanted != self.progress.serving:
            self.versions.drop(self.progress.wanted)
        self._hurry()
        kept = {k: n for k, n in self.progress.crew.items() if not self.staff.has_failed(n)}
        self._save(failed=False, causes=(), crew=kept)

    def remove(self, *, volumes_too: bool) -> None:
        self.declare(replace(self.declared, removing=True, volumes_too=volumes_too))

    def new_address(self) -> None:
        """Take another port: the old one has gone to some other program."""
        self.declare(replace(self.declared, port=self.around.house.new_port()))
        self.versions.drop_all()

    # The loop

    def step(self, applied: Applied) -> None:
        """Do whatever can be done now."""
        if self.declared.removing:
            self.versions.drop_all()
            for number in list(self.staff.instances):
                self.staff.stop(number)
            return
        self.addressed = applied.live
        self._follow_branch()
        self._roll_out(applied)
        self._keep_serving()
        self._retire_the_rest(applied)

    def _follow_branch(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self.around.house.timings.branch:
            return
        self._looked_at = now
        try:
            head = self.around.forge.head(self.declared.application.repository)
        except CatalogError as error:
            self.branch_fault = Cause(CauseKind.SYNC_ERROR, str(error), "mend the forge")
            return
        self.branch_fault = None
        if head is not None and head.id != self.progress.wanted:
            self._want(head.id)

    def _want(self, commit: str) -> None:
        if self.progress.wanted != self.progress.serving:
            self.versions.drop(self.progress.wanted)
        self.secrets_digest = self.around.house.vault.digest(self.declared.application)
        self.switching = False
        self._hurry()
        self._save(wanted=commit, failed=False, causes=(), **_NOTHING_ROLLING)

    def _hurry(self) -> None:
        self._checked = ""
        self._hurry_until = time.monotonic() + HURRY_SECONDS

    # Rolling out

    def _roll_out(self, applied: Applied) -> None:
        self.doing = ""
        if not self.rolling_out:
            return
        if missing := self._missing_secrets():
            self._give_up(missing)
            return
        made = self.versions.make(self.progress.wanted, self.url)
        if isinstance(made, Version):
            self._bring_up(made, applied)
        elif isinstance(made, Unready) and not made.passing:
            self._give_up(made.causes)
        else:
            self.doing = self.versions.doing(self.progress.wanted)

    def _missing_secrets(self) -> tuple[Cause, ...]:
        """Look for what is missing once per attempt: reading secrets is not cheap."""
        if self._checked == self.wanted_revision:
            return ()
        missing = self.around.house.vault.missing(self.declared.application)
        self._checked = "" if missing else self.wanted_revision
        return missing

    def _bring_up(self, version: Version, applied: Applied) -> None:
        if not self._begun(version):
            return
        if self.progress.phase is Phase.TAKEOVER and not self._taken_over():
            self.doing = "stopping the version before"
            return
        self.doing = "starting"
        try:
            self._run_rolling(version)
        except SecretMissingError as error:
            self._give_up((error.cause,))
            return
        self._judge(version, applied)

    def _begun(self, version: Version) -> bool:
        """Choose the way for a new revision; say whether bringing up can go on."""
        if self.progress.rolling_revision == self.wanted_revision and self.progress.phase:
            return True
        self.switching = False
        if version.project.routes and not self.declared.port:
            # The application's own URL is part of its environment: read everything once more.
            self.declare(replace(self.declared, port=self.around.house.new_port()))
            self.versions.drop(version.commit)
            return False
        phase = Phase.BESIDE
        if version.project.stores:
            phase = Phase.REHEARSAL if self.progress.crew else Phase.TAKEOVER
        self._save(phase=phase, rolling={}, rolling_revision=self.wanted_revision)
        return True

    def _taken_over(self) -> bool:
        """Stop the version before, which holds the folders; say whether it has stopped."""
        if self.progress.crew:
            self._save(crew={}, rolling=self._jobs_done())
        kept = {*self.progress.rolling.values(), *self.progress.scheduled.values()}
        others = [each for each in self.staff.instances if each not in kept]
        for number in self.staff.alive(others):
            self.staff.stop(number)
        return not self.staff.alive(others)

    def _jobs_done(self) -> dict[str, int]:
        """Name the jobs of this very commit that have ended: those are not run again."""
        if self.progress.serving != self.progress.wanted:
            return {}
        crew = self.progress.crew.items()
        return {
            name: each for name, each in crew if each in self.staff and self.staff.is_done(each)
        }

    def _run_rolling(self, version: Version) -> None:
        if not self.progress.rolling and self.progress.phase is Phase.BESIDE:
            self._save(rolling=self._jobs_done())
        rehearsal = self.progress.phase is Phase.REHEARSAL
        for process in version.project.crew:
            if rehearsal and process.kind is Kind.JOB:
                continue
            if self.progress.rolling.get(process.name, 0) not in self.staff:
                number = self._new_number()
                self.staff.create(
                    number, process, version, self.wanted_revision, rehearsal=rehearsal
                )
                self._save(rolling={**self.progress.rolling, process.name: number})
            number = self.progress.rolling[process.name]
            self.staff.run(number, process, version, self.declared.application)

    def _judge(self, version: Version, applied: Applied) -> None:
        looked = self._look(version, self.progress.rolling, serving=False)
        self.rolling_conditions = looked
        if fatal := [each for each in looked.values() if each.fatal]:
            self._condemn(fatal)
        elif waiting := [each for each in looked.values() if not self._good_enough(version, each)]:
            self.doing = _TRIAL.get(self.progress.phase, "")
            self.doing += "; ".join(each.message for each in waiting)
        elif self.progress.phase is Phase.REHEARSAL:
            self._save(phase=Phase.TAKEOVER, rolling={})
        elif self._switched(version, applied):
            self._serve()

    def _good_enough(self, version: Version, condition: Condition) -> bool:
        """Let a first version serve while its jobs still run; later ones wait for their jobs."""
        process = version.project.process(condition.container)
        job = process is not None and process.kind is Kind.JOB
        return condition.ready or (job and not self.progress.serving)

    def _condemn(self, fatal: list[Condition]) -> None:
        for condition in fatal:
            number = self.progress.rolling[condition.container]
            port = self.staff[number].record.port
            if port and condition.state.pid == 0 and not is_free(port):
                # Some other program took the port between our look and the start.
                rolling = dict(self.progress.rolling)
                del rolling[condition.container]
                self._save(rolling=rolling)
                return
        self._give_up(tuple(each.cause for each in fatal if each.cause))

    def _switched(self, version: Version, applied: Applied) -> bool:
        """Have the router lead to the new version; say whether it does."""
        if not version.project.routes:
            return True
        if not self.switching:
            self.switching, self.switch_version = True, None
        self.doing = "switching over"
        return self.switch_version is not None and applied.version >= self.switch_version

    def _serve(self) -> None:
        for container, number in self.progress.crew.items():
            if self.progress.rolling.get(container) != number:
                self.staff.leave(number)
        self.switching = False
        self._save(
            serving=self.progress.wanted,
            serving_revision=self.wanted_revision,
            crew=self.progress.rolling,
            **_NOTHING_ROLLING,
        )
        self.conditions, self.rolling_conditions, self.doing = self.rolling_conditions, {}, ""

    def _give_up(self, causes: tuple[Cause, ...]) -> None:
        self.switching, self.rolling_conditions, self.doing = False, {}, ""
        if self.progress.wanted != self.progress.serving:
            self.versions.drop(self.progress.wanted)
        self._save(failed=True, causes=causes, **_NOTHING_ROLLING)

    # Keeping what serves

    def _keep_serving(self) -> None:
        progress = self.progress
        if not progress.serving or progress.phase is Phase.TAKEOVER:
            self.conditions = {}
            return
        made = self.versions.make(progress.serving, self.url)
        if isinstance(made, Version):
            self._keep(made)
        elif isinstance(made, Unready):
            self.keeping_fault = made.causes[0] if made.causes else None
        else:
            self.doing = self.doing or self.versions.doing(progress.serving)

    def _keep(self, version: Version) -> None:
        if version.project.stores and not self.progress.crew and self._storage_in_use():
            return
        self.keeping_fault = None
        try:
            self._run_crew(version)
            scheduled = self.timetable.step(version, self._run_scheduled, self.staff)
        except SecretMissingError as error:
            self.keeping_fault = error.cause
            return
        if scheduled != dict(self.progress.scheduled):
            self._save(scheduled=scheduled)
        self.conditions = self._look(version, self.progress.crew, serving=True)
        failures = [c.cause for n, c in self.conditions.items() if c.cause and self._job_failed(n)]
        if failures and not self.progress.failed and self.up_to_date:
            self._save(failed=True, causes=tuple(failures))

    def _job_failed(self, name: str) -> bool:
        return self.staff.has_failed(self.progress.crew.get(name, 0))

    def _run_crew(self, version: Version) -> None:
        for process in version.project.crew:
            if self.progress.crew.get(process.name, 0) not in self.staff:
                number = self._new_number()
                revision = self.progress.serving_revision
                self.staff.create(number, process, version, revision, rehearsal=False)
                self._save(crew={**self.progress.crew, process.name: number})
            number = self.progress.crew[process.name]
            self.staff.run(number, process, version, self.declared.application)

    def _run_scheduled(self, name: str, version: Version) -> int:
        process = version.project.process(name)
        number = self._new_number()
        if process is not None:
            revision = self.progress.serving_revision
            self.staff.create(number, process, version, revision, rehearsal=False)
            self._save(scheduled={**self.progress.scheduled, name: number})
            self.staff.run(number, process, version, self.declared.application)
        return number

    def _storage_in_use(self) -> bool:
        """Say whether a version that was given up still holds the application's folders."""
        alive = (self.staff[each].record for each in self.staff.alive(self.staff.instances))
        return any(not each.rehearsal and each.kind == Kind.SERVICE.value for each in alive)

    def _look(
        self, version: Version, numbers: Mapping[str, int], *, serving: bool
    ) -> dict[str, Condition]:
        observer = self.around.house.observer
        return {
            process.name: observer.look(process, self.staff[numbers[process.name]], serving=serving)
            for process in version.project.crew
            if numbers.get(process.name, 0) in self.staff
        }

    # Ends

    def _retire_the_rest(self, applied: Applied) -> None:
        progress = self.progress
        needed = {*progress.crew.values(), *progress.rolling.values()}
        needed |= set(progress.scheduled.values())
        self.staff.retire([each for each in self.staff.instances if each not in needed], applied)
        self.staff.prune(needed)
        self._tidy()

    def _tidy(self) -> None:
        """Forget versions and rehearsals that nothing runs from any more."""
        alive = [self.staff[each].record for each in self.staff.alive(self.staff.instances)]
        rehearsing = self.progress.phase is Phase.REHEARSAL or any(e.rehearsal for e in alive)
        if not rehearsing and (self.folder / "rehearsal").is_dir():
            delete_tree(self.folder / "rehearsal")
        needed = {self.progress.wanted, self.progress.serving, *(each.commit for each in alive)}
        if self.up_to_date:
            self.versions.forget_all_but(needed)

    def delete(self) -> list[str]:
        """Delete the folder of an application that has ended; return what is left behind."""
        volumes = self.folder / "volumes"
        kept = volumes.is_dir() and any(volumes.iterdir()) and not self.declared.volumes_too
        # What makes it known goes last, so that an interrupted deletion is taken up again.
        for path in sorted(
            self.folder.iterdir(), key=lambda each: each.name.startswith(DECLARED_STEM)
        ):
            if path.is_dir() and not (path == volumes and kept):
                delete_tree(path)
            elif path.is_file():
                path.unlink()
        if kept:
            return [f"the stored files of {self.name} in {volumes}"]
        self.folder.rmdir()
        return []

    def _new_number(self) -> int:
        number = self.progress.next_number
        self._save(next_number=number + 1)
        return number

    def _save(self, **changes: object) -> None:
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type] # by field name
        save_progress(self.folder, self.progress)


_TRIAL = {Phase.REHEARSAL: "trial on storage of its own: "}
_NOTHING_ROLLING: dict[str, object] = {"rolling": {}, "rolling_revision": "", "phase": Phase.NONE}
