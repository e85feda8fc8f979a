"""One application: follows its branch, rolls versions out, keeps the healthy one running.

Everything here runs in the engine's one loop and never waits. What has to survive a kill is in
the record before it is done, so that a repetition finds it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from thinkube_catalog.adapters.local_engine.conditions import Condition, Observer, Timings
from thinkube_catalog.adapters.local_engine.environments import Environments
from thinkube_catalog.adapters.local_engine.files import delete_tree
from thinkube_catalog.adapters.local_engine.instances import Instance, InstanceRecord, Order
from thinkube_catalog.adapters.local_engine.project import (
    Kind,
    Places,
    Process,
    command_of,
    environment_of,
)
from thinkube_catalog.adapters.local_engine.record import (
    DECLARED_STEM,
    Declared,
    Phase,
    Progress,
    save_declared,
    save_progress,
)
from thinkube_catalog.adapters.local_engine.routing import Applied, Row, is_free
from thinkube_catalog.adapters.local_engine.vault import SecretMissingError, Vault
from thinkube_catalog.adapters.local_engine.versions import Attempt, Unready, Version, Workshop
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import Cause, CauseKind, ContainerStatus

INSTANCES_KEPT = 6


@dataclass(frozen=True)
class Surroundings:
    """What all applications of an engine share."""

    forge: Forge
    vault: Vault
    conventions: Conventions
    environments: Environments
    observer: Observer
    executor: Executor
    timings: Timings
    host: str
    new_port: Callable[[], int]


class ManagedApplication:
    """The state machine of one application. Not for several threads at once."""

    def __init__(
        self, folder: Path, declared: Declared, progress: Progress, around: Surroundings
    ) -> None:
        self.folder, self.declared, self.progress, self.around = folder, declared, progress, around
        self.instances = self._found_instances()
        highest = max(self.instances, default=0)
        if progress.next_number <= highest:  # the record was lost
            self.progress = replace(progress, next_number=highest + 1)
        self.attempts: dict[str, Attempt] = {}
        self.leaving: dict[int, float] = {}  # by number, when to stop waiting for its requests
        self.stopping: dict[int, float] = {}  # by number, when stopping began
        self.spawned: dict[int, float] = {}
        self.switch_version: int | None = None
        self.switching = False
        self.secrets_digest = around.vault.digest(declared.application)
        self.branch_fault: Cause | None = None
        self.keeping_fault: Cause | None = None
        self.doing = ""
        self.conditions: dict[str, Condition] = {}
        self.rolling_conditions: dict[str, Condition] = {}
        self._looked_at = 0.0

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
        progress = self.progress
        return progress.serving_revision == self.wanted_revision and not progress.phase

    @property
    def gone(self) -> bool:
        """Say whether nothing of it runs any more."""
        return not self._alive(self.instances)

    def row(self) -> Row | None:
        """Return the application's line in the router's table; None before it has an address."""
        if not self.declared.port or self.declared.removing:
            return None
        crew = self.progress.rolling if self.switching else self.progress.crew
        commit = self.progress.wanted if self.switching else self.progress.serving
        version = self._version(commit)
        routes = []
        for path, container in version.project.routes if version else ():
            instance = self.instances.get(crew.get(container, 0))
            if instance is not None:
                routes.append((path, instance.record.port))
        return Row(self.name, self.declared.port, tuple(routes), self._excuse())

    def _excuse(self) -> str:
        if self.progress.failed and not self.progress.serving:
            why = self.progress.causes[0].message if self.progress.causes else "see its status"
            return f"{self.name} could not be started: {why}"
        return (
            f"{self.name} is starting: {self.doing}" if self.doing else f"{self.name} is starting"
        )

    def scheduled(self) -> tuple[ContainerStatus, ...]:
        return ()

    # What others order

    def declare(self, declared: Declared) -> None:
        self.declared = declared
        save_declared(self.folder, declared)
        self.refresh_secrets()

    def refresh_secrets(self) -> None:
        digest = self.around.vault.digest(self.declared.application)
        if digest != self.secrets_digest:
            self.secrets_digest = digest
            self._forgive()

    def sync(self) -> None:
        """Try again what failed; run with secrets as they are now; look at the branch at once."""
        self._looked_at = 0.0
        self.refresh_secrets()
        if self.progress.failed:
            self._forgive()

    def _forgive(self) -> None:
        self.attempts.pop(self.progress.wanted, None)
        self._save(failed=False, causes=())

    def remove(self, *, volumes_too: bool) -> None:
        self.declare(replace(self.declared, removing=True, volumes_too=volumes_too))

    # The loop

    def step(self, applied: Applied) -> None:
        """Do whatever can be done now."""
        if self.declared.removing:
            self._end_everything()
            return
        self._follow_branch()
        self._roll_out(applied)
        self._keep_serving()
        self._retire_the_rest(applied)

    def _follow_branch(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < self.around.timings.branch:
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
        former = self.attempts.get(self.progress.wanted)
        if former is not None and self.progress.wanted != self.progress.serving:
            former.abandoned.set()
            del self.attempts[self.progress.wanted]
        self.secrets_digest = self.around.vault.digest(self.declared.application)
        self.switching = False
        self._save(wanted=commit, failed=False, causes=(), **_NOTHING_ROLLING)

    def _roll_out(self, applied: Applied) -> None:
        if not self.progress.wanted or self.progress.failed or self.up_to_date:
            self.doing = ""
            return
        if missing := self.around.vault.missing(self.declared.application):
            self._give_up(missing)
            return
        made = self._make(self.progress.wanted)
        if made is None:
            self.doing = self.attempts[self.progress.wanted].doing
        elif isinstance(made, Unready):
            if not made.passing:
                self._give_up(made.causes)
        else:
            self._bring_up(made, applied)

    def _bring_up(self, version: Version, applied: Applied) -> None:
        if self.progress.rolling_revision != self.wanted_revision or not self.progress.phase:
            self._begin(version)
        if self.progress.phase is Phase.TAKEOVER and not self._taken_over():
            self.doing = "stopping the version before"
            return
        self.doing = "starting"
        if not self._crew_up(version, rolling=True):
            return
        looked = self._look(version, self.progress.rolling, serving=False)
        self.rolling_conditions = looked
        if fatal := [each for each in looked.values() if each.fatal]:
            self._condemn(fatal)
        elif all(each.ready or self._may_go_on(version, each) for each in looked.values()):
            self._passed(version, applied)
        else:
            waiting = [each.message for each in looked.values() if not each.ready]
            self.doing = "; ".join(waiting)

    def _begin(self, version: Version) -> None:
        phase = Phase.BESIDE
        if version.project.stores:
            phase = Phase.REHEARSAL if self.progress.crew else Phase.TAKEOVER
        self.switching = False
        self._ensure_address(version)
        self._save(phase=phase, rolling={}, rolling_revision=self.wanted_revision)

    def _ensure_address(self, version: Version) -> None:
        if version.project.routes and not self.declared.port:
            self.declare(replace(self.declared, port=self.around.new_port()))

    def new_address(self) -> None:
        """Take another port: the old one has gone to some other program."""
        self.declare(replace(self.declared, port=self.around.new_port()))
        self.attempts.clear()

    def _taken_over(self) -> bool:
        """Stop the version before, which holds the folders; say whether it has stopped."""
        if self.progress.crew:
            self._save(crew={}, rolling=self._finished_jobs())
        others = [each for each in self.instances if each not in self.progress.rolling.values()]
        for number in others:
            self.leaving.pop(number, None)
            self._stop(number)
        return not self._alive(others)

    def _finished_jobs(self) -> dict[str, int]:
        """Name the jobs of this very commit that are done: those are not run again."""
        done = {}
        if self.progress.serving == self.progress.wanted:
            for container, number in self.progress.crew.items():
                instance = self.instances.get(number)
                if instance is not None and _is_done(instance):
                    done[container] = number
        return done

    def _may_go_on(self, version: Version, condition: Condition) -> bool:
        """Let a first version serve while its jobs still run; later ones wait for their jobs."""
        process = version.project.process(condition.container)
        return process is not None and process.kind is Kind.JOB and not self.progress.serving

    def _condemn(self, fatal: list[Condition]) -> None:
        for condition in fatal:
            instance = self.instances.get(self.progress.rolling[condition.container])
            port = instance.record.port if instance is not None else 0
            if instance is not None and port and condition.state.pid == 0 and not is_free(port):
                # Another program took the port between our look and its start.
                kept = {k: v for k, v in self.progress.rolling.items() if k != condition.container}
                self._save(rolling=kept)
                return
        self._give_up(tuple(each.cause for each in fatal if each.cause))

    def _passed(self, version: Version, applied: Applied) -> None:
        if self.progress.phase is Phase.REHEARSAL:
            self._save(phase=Phase.TAKEOVER, rolling={})
            return
        if not self.switching:
            self.switching, self.switch_version = True, None
        routed = self.switch_version is not None and applied.version >= self.switch_version
        if version.project.routes and not routed:
            self.doing = "switching over"
            return
        for container, number in self.progress.crew.items():
            if self.progress.rolling.get(container) != number:
                self.leaving[number] = time.monotonic() + self.around.timings.drain
        self.switching = False
        self._save(
            serving=self.progress.wanted,
            serving_revision=self.wanted_revision,
            crew=self.progress.rolling,
            **_NOTHING_ROLLING,
        )
        self.conditions, self.rolling_conditions, self.doing = self.rolling_conditions, {}, ""

    def _give_up(self, causes: tuple[Cause, ...]) -> None:
        self.switching = False
        self.rolling_conditions, self.doing = {}, ""
        self.attempts.pop(self.progress.wanted, None)
        self._save(failed=True, causes=causes, **_NOTHING_ROLLING)

    def _keep_serving(self) -> None:
        progress = self.progress
        if not progress.serving or progress.phase is Phase.TAKEOVER:
            self.conditions = {}
            return
        made = self._make(progress.serving)
        if isinstance(made, Version):
            if made.project.stores and not progress.crew and self._storage_in_use():
                return
            self.keeping_fault = None
            if self._crew_up(made, rolling=False):
                self.conditions = self._look(made, self.progress.crew, serving=True)
        elif isinstance(made, Unready):
            self.keeping_fault = made.causes[0] if made.causes else None
            attempt = self.attempts[progress.serving]
            attempt.ended_at = attempt.ended_at or time.monotonic()
            if time.monotonic() - attempt.ended_at > self.around.timings.retry:
                del self.attempts[progress.serving]
        elif not self.doing:
            self.doing = self.attempts[progress.serving].doing

    def _storage_in_use(self) -> bool:
        """Say whether a version that was given up still holds the application's folders."""
        return any(
            not self.instances[each].record.rehearsal for each in self._alive(self.instances)
        )

    # Versions and instances

    def _make(self, commit: str) -> Version | Unready | None:
        attempt = self.attempts.get(commit)
        if attempt is None:
            attempt = self.attempts[commit] = Attempt(commit)
            attempt.begin(self.around.executor, self._workshop(), self.url)
        result = attempt.result()
        if isinstance(result, Unready) and result.passing and commit == self.progress.wanted:
            attempt.ended_at = attempt.ended_at or time.monotonic()
            attempt.doing = "; ".join(cause.message for cause in result.causes)
            if time.monotonic() - attempt.ended_at > self.around.timings.retry:
                del self.attempts[commit]
        return result

    def _version(self, commit: str) -> Version | None:
        attempt = self.attempts.get(commit)
        result = attempt.result() if attempt is not None else None
        return result if isinstance(result, Version) else None

    def _workshop(self) -> Workshop:
        around = self.around
        return Workshop(
            self.folder / "versions",
            around.forge,
            self.declared.application.repository,
            around.environments,
            around.conventions,
        )

    def _crew_up(self, version: Version, *, rolling: bool) -> bool:
        """Make every process of a version have an instance that runs. Say whether they do."""
        field = "rolling" if rolling else "crew"
        rehearsal = rolling and self.progress.phase is Phase.REHEARSAL
        for process in () if version.project.idle else version.project.crew:
            if rehearsal and process.kind is Kind.JOB:
                continue
            numbers: Mapping[str, int] = getattr(self.progress, field)
            if process.name not in numbers or numbers[process.name] not in self.instances:
                number = self._create(process, version, rehearsal=rehearsal)
                self._save(**{field: {**numbers, process.name: number}})
            else:
                number = numbers[process.name]
            if not self._run(self.instances[number], process, version, rolling=rolling):
                return False
        return True

    def _create(self, process: Process, version: Version, *, rehearsal: bool) -> int:
        number = self.progress.next_number
        self._save(next_number=number + 1)
        record = InstanceRecord(
            number=number,
            container=process.name,
            commit=version.commit,
            revision=self.wanted_revision,
            kind=process.kind.value,
            port=self.around.new_port() if process.listens else 0,
            rehearsal=rehearsal,
        )
        self.instances[number] = Instance.create(self.folder / "instances", record)
        return number

    def _run(
        self, instance: Instance, process: Process, version: Version, *, rolling: bool
    ) -> bool:
        if instance.running() or _is_done(instance):
            return True
        now = time.monotonic()
        if now - self.spawned.get(instance.number, -1.0) < 1.0:
            return True  # it has just been started, or ends at once each time
        try:
            order = self._order(instance, process, version)
        except SecretMissingError as error:
            if rolling:
                self._give_up((error.cause,))
            else:
                self.keeping_fault = error.cause
            return False
        instance.kill_strays()
        self.spawned[instance.number] = now
        instance.spawn(order)
        return True

    def _order(self, instance: Instance, process: Process, version: Version) -> Order:
        application, vault = self.declared.application, self.around.vault
        places = self._places(instance, process, version)
        for folder in (places.home, *(places.volumes / name for name in process.volumes.values())):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = {
            **vault.values(application),
            **environment_of(process, places, vault.reader(application)),
        }
        return Order(
            command=command_of(process, places, environment),
            folder=places.checkout / process.build,
            environment=environment,
            once=process.kind is not Kind.SERVICE,
            grace_seconds=self.around.timings.grace,
            first_pause_seconds=self.around.timings.first_pause,
        )

    def _places(self, instance: Instance, process: Process, version: Version) -> Places:
        rehearsal = instance.record.rehearsal
        return Places(
            checkout=version.checkout,
            home=self.folder / "home" / process.name,
            volumes=self.folder / ("rehearsal" if rehearsal else "volumes"),
            python=version.pythons.get(process.name),
            port=instance.record.port,
        )

    def _look(
        self, version: Version, numbers: Mapping[str, int], *, serving: bool
    ) -> dict[str, Condition]:
        found = {}
        for process in version.project.crew:
            instance = self.instances.get(numbers.get(process.name, 0))
            if instance is not None:
                found[process.name] = self.around.observer.look(process, instance, serving=serving)
        return found

    # Ends

    def _retire_the_rest(self, applied: Applied) -> None:
        needed = {*self.progress.crew.values(), *self.progress.rolling.values()}
        now = time.monotonic()
        for number in [each for each in self.instances if each not in needed]:
            port = self.instances[number].record.port
            if self.leaving.get(number, 0.0) > now and applied.leaving.get(port):
                continue
            self._stop(number)
        self._prune(needed)
        self._tidy()

    def _tidy(self) -> None:
        """Forget versions and rehearsals that nothing runs from any more."""
        rehearsal = self.folder / "rehearsal"
        alive = [self.instances[each].record for each in self._alive(self.instances)]
        if self.progress.phase is not Phase.REHEARSAL and rehearsal.is_dir():
            if not any(each.rehearsal for each in alive):
                delete_tree(rehearsal)
        commits = {self.progress.wanted, self.progress.serving}
        if (
            self.up_to_date
            and set(self.attempts) - commits
            and not {each.commit for each in alive} - commits
        ):
            self.attempts = {k: v for k, v in self.attempts.items() if k in commits}
            self._workshop().forget_all_but(commits)

    def _stop(self, number: int) -> None:
        instance = self.instances[number]
        if number in self.stopping and self.stopping[number] == 0.0:
            return  # it has stopped
        began = self.stopping.setdefault(number, time.monotonic())
        if instance.retire():
            delete_tree(instance.temporary)
            self.around.observer.forget(number)
            self.leaving.pop(number, None)
            self.stopping[number] = 0.0
        elif (
            time.monotonic() - began > self.around.timings.grace + self.around.timings.stop_given_up
        ):
            instance.kill()

    def _alive(self, numbers: Collection[int]) -> list[int]:
        return [each for each in numbers if self.stopping.get(each) != 0.0]

    def _prune(self, needed: set[int]) -> None:
        ended = [n for n in self.instances if n not in needed and self.stopping.get(n) == 0.0]
        for number in sorted(ended)[:-INSTANCES_KEPT]:
            self.instances.pop(number).delete()
            self.stopping.pop(number)

    def _end_everything(self) -> None:
        for attempt in self.attempts.values():
            attempt.abandoned.set()
        for number in self.instances:
            self._stop(number)

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

    def _found_instances(self) -> dict[int, Instance]:
        found = {}
        for folder in (self.folder / "instances").glob("[0-9]*"):
            instance = Instance.load(folder)
            if instance is None:
                delete_tree(folder)  # its creation was cut short: nothing was ever started in it
            else:
                found[instance.number] = instance
        return found

    def _save(self, **changes: object) -> None:
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type]
        save_progress(self.folder, self.progress)


_NOTHING_ROLLING: dict[str, object] = {"rolling": {}, "rolling_revision": "", "phase": Phase.NONE}


def _is_done(instance: Instance) -> bool:
    state = instance.state()
    return state.phase == "finished" and instance.record.kind != Kind.SERVICE.value
