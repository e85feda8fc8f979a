"""LocalEngine: the GitOps engine of the embedded platform."""

from __future__ import annotations

import logging
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from thinkube_catalog.adapters.local_engine.application import ManagedApplication
from thinkube_catalog.adapters.local_engine.conditions import Observer, Timings
from thinkube_catalog.adapters.local_engine.environments import Environments
from thinkube_catalog.adapters.local_engine.files import DamagedFileError, take_lock
from thinkube_catalog.adapters.local_engine.logs import read_logs
from thinkube_catalog.adapters.local_engine.probes import Probes
from thinkube_catalog.adapters.local_engine.record import (
    Declared,
    Progress,
    load_declared,
    load_progress,
    save_declared,
)
from thinkube_catalog.adapters.local_engine.routing import Applied, Routing, free_port
from thinkube_catalog.adapters.local_engine.rows import row_of
from thinkube_catalog.adapters.local_engine.staff import House
from thinkube_catalog.adapters.local_engine.standing import Surroundings
from thinkube_catalog.adapters.local_engine.statuses import status_of
from thinkube_catalog.adapters.local_engine.vault import Vault
from thinkube_catalog.adapters.local_engine.versions import Factory
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.errors import ConflictError
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import (
    Application,
    ApplicationNotFoundError,
    ApplicationStatus,
    ApplicationTakenError,
    Cause,
    CauseKind,
    EngineUnavailableError,
    Health,
    LogLine,
)
from thinkube_catalog.domain.secrets import Secrets

WORKERS = 2
SETTLED_SECONDS = 600.0
"""After so long every application has asked for its environments once more."""
UNUSED_ENVIRONMENT_SECONDS = 14 * 24 * 3600.0

log = logging.getLogger(__name__)


class EngineBusyError(ConflictError):
    def __init__(self, root: Path) -> None:
        super().__init__(f"another engine runs the applications in {root}")


@dataclass(frozen=True)
class Options:
    """`host` is the name in addresses, `bind` where the router listens.

    On a loopback address only requests for `host` and the usual names of this machine are answered.
    """

    host: str = "127.0.0.1"
    bind: str = "127.0.0.1"
    conventions: Conventions = field(default_factory=Conventions)
    timings: Timings = field(default_factory=Timings)


class LocalEngine:
    """Runs applications as processes of this machine, which outlive the service.

    One engine per root folder at a time. `start` before anything else; promises are the port's.
    """

    def __init__(
        self, root: Path, forge: Forge, secrets: Secrets, options: Options | None = None
    ) -> None:
        self.root, self._forge, self._secrets = root, forge, secrets
        self._options = options or Options()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._applications: dict[str, ManagedApplication] = {}
        self._statuses: dict[str, ApplicationStatus] = {}
        self._damaged: dict[str, str] = {}
        self._left: dict[str, Sequence[str]] = {}
        self._reported: dict[str, str] = {}
        self._stopping = threading.Event()
        self._root_lock: int | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Find what runs, start what should, and follow the branches from now on.

        Raises EngineBusyError when another engine works on this folder.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root_lock = take_lock(self.root / "lock")
        if self._root_lock is None:
            raise EngineBusyError(self.root)
        self._stopping.clear()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="engine-worker")
        self._probes = Probes(self._options.timings.probe_timeout)
        hosts = _hosts(self._options)
        self._routing = Routing(self.root, self._options.bind, hosts)
        self._routing.open()
        self._around = self._surroundings()
        self._load()
        self._prune_at = time.monotonic() + SETTLED_SECONDS
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)
        self._thread.start()

    def stop(self, *, leave_running: bool = True, patience_seconds: float = 30.0) -> None:
        """Stop following; with `leave_running` the applications go on, and are found again."""
        if self._thread is None:
            return
        self._stopping.set()
        self._thread.join()
        self._thread = None
        for application in self._applications.values():
            application.versions.drop_all()
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._probes.close()
        if not (leave_running and self._applications):  # a router alone is of no use
            self._stop_processes(time.monotonic() + patience_seconds)
        if self._root_lock is not None:
            os.close(self._root_lock)
            self._root_lock = None

    @property
    def running(self) -> bool:
        return self._thread is not None

    def ensure_application(self, application: Application) -> None:
        with self._lock:
            known = self._applications.get(application.name)
            if known is None:
                self._add(application)
            elif known.declared.application.marker != application.marker:
                raise ApplicationTakenError(application.name)
            elif known.declared.removing:
                raise EngineUnavailableError(f"{application.name} is still being removed")
            elif known.declared.application != application:
                known.declare(replace(known.declared, application=application))
            else:
                known.refresh_secrets()
            self._refresh(application.name)

    def sync(self, name: str, commit: str) -> None:  # noqa: ARG002 # the branch's head is it
        with self._lock:
            application = self._known(name)
            application.sync()
            self._refresh(name)

    def status(self, name: str) -> ApplicationStatus:
        found = self._statuses.get(name)
        if found is None:
            raise ApplicationNotFoundError(name)
        return found

    def logs(
        self, name: str, container: str = "", after: str = "", limit: int = 200
    ) -> Sequence[LogLine]:
        with self._lock:
            instances = self._known(name).staff.instances.values()
            folders = {
                each.number: (each.record.container, each.folder)
                for each in instances
                if container in {"", each.record.container}
            }
        return read_logs(folders, after, limit)

    def remove_application(
        self, name: str, marker: str, *, volumes: bool, patience_seconds: float = 60.0
    ) -> Sequence[str]:
        with self._changed:
            application = self._applications.get(name)
            if application is None:
                return self._left_behind(name, volumes=volumes)
            if application.declared.application.marker != marker:
                raise ApplicationTakenError(name)
            application.remove(volumes_too=volumes)
            self._refresh(name)
            gone = self._changed.wait_for(lambda: name not in self._applications, patience_seconds)
            if not gone:
                raise EngineUnavailableError(f"{name} is still being stopped")
            return self._left.pop(name, ())

    def names(self) -> Iterator[str]:
        return iter(sorted(self._statuses))

    # The loop

    def _loop(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._guarded("the router's table", self._step)
                self._changed.notify_all()
            timings = self._options.timings
            self._stopping.wait(timings.busy_tick if self._busy() else timings.tick)

    def _busy(self) -> bool:
        return any(each.in_a_hurry for each in self._applications.values())

    def _step(self) -> None:
        if time.monotonic() > self._prune_at:
            self._prune_at = math.inf
            self._workers.submit(
                self._around.factory.environments.prune, UNUSED_ENVIRONMENT_SECONDS
            )
        self._guarded("router", self._routing.keep)
        applied = self._routing.applied()
        for name in list(self._applications):
            self._guarded(name, self._step_one, name, applied)
        version = self._routing.tell(
            [row for each in self._applications.values() if (row := row_of(each)) is not None]
        )
        for application in self._applications.values():
            if application.switching and application.switch_version is None:
                application.switch_version = version

    def _step_one(self, name: str, applied: Applied) -> None:
        application = self._applications[name]
        application.step(applied)
        if application.declared.port in applied.faults and self._is_told(applied):
            application.new_address()
        if application.declared.removing and application.gone:
            self._left[name] = application.delete()
            del self._applications[name]
            del self._statuses[name]
        else:
            self._refresh(name)

    def _is_told(self, applied: Applied) -> bool:
        return applied.version == self._routing.version

    def _guarded(self, name: str, act: Callable[..., object], *args: object) -> None:
        """Keep one application's trouble from the others; say each trouble once."""
        try:
            act(*args)
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
            if self._reported.get(name) != trouble:
                self._reported[name] = trouble
                log.exception("the engine cannot go on with %s", name)
            if name in self._statuses:
                cause = Cause(CauseKind.SYNC_ERROR, f"the engine cannot go on: {trouble}")
                self._statuses[name] = replace(
                    self._statuses[name],
                    health=Health.UNKNOWN,
                    message=cause.message,
                    causes=(cause,),
                )
        else:
            self._reported.pop(name, None)

    # What there is

    def _surroundings(self) -> Surroundings:
        timings = self._options.timings
        factory = Factory(
            self._forge,
            Environments(self.root / "environments"),
            self._options.conventions,
            self._workers,
            timings.retry,
        )
        vault = Vault.open(self._secrets, self.root / "key")
        house = House(vault, Observer(self._probes, timings), timings, self._new_port)
        return Surroundings(self._forge, factory, house, self._options.host)

    def _load(self) -> None:
        self._applications, self._statuses = {}, {}
        for folder in sorted((self.root / "apps").glob("*/")):
            try:
                declared = load_declared(folder)
            except DamagedFileError as error:
                self._report_damage(folder.name, error)
                continue
            if declared is not None:
                self._applications[folder.name] = self._managed(folder, declared)
                self._refresh(folder.name)

    def _managed(self, folder: Path, declared: Declared) -> ManagedApplication:
        try:
            progress = load_progress(folder)
        except DamagedFileError as error:
            log.warning("%s: %s; it is started anew", folder.name, error)
            progress = Progress()
        return ManagedApplication(folder, declared, progress, self._around)

    def _report_damage(self, name: str, error: DamagedFileError) -> None:
        log.error("%s: %s", name, error)
        cause = Cause(CauseKind.SYNC_ERROR, f"its record is lost: {error}", "deploy it again")
        self._statuses[name] = ApplicationStatus(
            name, Health.UNKNOWN, message=cause.message, causes=(cause,)
        )

    def _add(self, application: Application) -> None:
        folder = self.root / "apps" / application.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        declared = Declared(application)
        save_declared(folder, declared)
        self._applications[application.name] = self._managed(folder, declared)

    def _known(self, name: str) -> ManagedApplication:
        application = self._applications.get(name)
        if application is None:
            raise ApplicationNotFoundError(name)
        return application

    def _refresh(self, name: str) -> None:
        self._statuses[name] = status_of(self._applications[name])

    def _new_port(self) -> int:
        taken = {each.declared.port for each in self._applications.values()}
        for application in self._applications.values():
            taken |= {each.record.port for each in application.staff.instances.values()}
        return free_port(taken)

    def _left_behind(self, name: str, *, volumes: bool) -> Sequence[str]:
        self._statuses.pop(name, None)
        folder = self.root / "apps" / name / "volumes"
        if volumes and folder.is_dir():
            shutil.rmtree(folder.parent)
        return [f"the stored files of {name} in {folder}"] if folder.is_dir() else []

    def _stop_processes(self, deadline: float) -> None:
        instances = [
            instance
            for each in self._applications.values()
            for instance in each.staff.instances.values()
        ]
        while time.monotonic() < deadline:
            alive = [each for each in instances if not each.stop()]
            if not alive and self._routing.stop():
                return
            time.sleep(0.05)


def _hosts(options: Options) -> set[str]:
    if options.bind not in {"127.0.0.1", "::1", "localhost"}:
        return set()
    return {options.host, "127.0.0.1", "localhost", "::1"}
