"""How one process of a version is: from what its supervisor and its probes say."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from thinkube_catalog.adapters.local_engine.instances import Instance, State
from thinkube_catalog.adapters.local_engine.logs import last_lines
from thinkube_catalog.adapters.local_engine.probes import Probes, Reply
from thinkube_catalog.adapters.local_engine.project import Kind, Process
from thinkube_catalog.domain.gitops import Cause, CauseKind, Health

CRASHES_ALLOWED = 2
FAILURES_ALLOWED = 2
HURRIED_SECONDS = 10.0
"""How long a starting process is asked often."""
LINES_SHOWN = 20


@dataclass(frozen=True)
class Timings:
    """Every wait of the engine, in seconds."""

    tick: float = 0.05
    busy_tick: float = 0.01  # while something is being rolled out
    branch: float = 0.15
    probe_first: float = 0.05
    probe_later: float = 1.0
    probe_timeout: float = 5.0
    liveness: float = 5.0
    settled_without_port: float = 2.0
    start: float | None = None  # instead of what the project says
    grace: float = 10.0
    drain: float = 10.0
    first_pause: float = 0.5
    given_up: float = 10.0  # after the grace
    retry: float = 10.0


@dataclass(frozen=True)
class Condition:
    """How a process is. `fatal` condemns a version that has not served yet."""

    container: str
    health: Health
    ready: bool
    message: str
    cause: Cause | None = None
    fatal: bool = False
    state: State = field(default_factory=State)


@dataclass
class Watch:
    """What was seen of one instance so far; begins anew with each start of its process."""

    since: float
    pid: int = 0
    ready: bool = False
    failures: int = 0
    counted: float = 0.0
    trouble: Cause | None = None


Subject = tuple[Path, int]


def subject_of(instance: Instance) -> Subject:
    """Name an instance among those of all applications."""
    return instance.folder.parent.parent, instance.number


class Observer:
    """Looks at instances; asks probes; orders restarts of those that no longer answer."""

    def __init__(self, probes: Probes, timings: Timings) -> None:
        self._probes, self._timings = probes, timings
        self._watches: dict[Subject, Watch] = {}

    def forget(self, number: int, application: Path) -> None:
        self._watches.pop((application, number), None)
        self._probes.forget((application, number))

    def look(self, process: Process, instance: Instance, *, serving: bool) -> Condition:
        state = instance.state()
        watch = self._watch(instance, state)
        if process.kind is Kind.JOB:
            return self._job(process, state)
        condition = self._service(process, instance, state, watch)
        if condition.ready:
            watch.ready, watch.trouble = True, None
        if serving:
            return self._kept_alive(process, instance, condition, watch)
        return condition

    def _watch(self, instance: Instance, state: State) -> Watch:
        subject = subject_of(instance)
        watch = self._watches.get(subject)
        if watch is None:
            watch = self._watches[subject] = Watch(time.monotonic(), state.pid)
        elif watch.pid != state.pid and state.pid:
            self._probes.forget(subject)
            watch = Watch(time.monotonic(), state.pid, trouble=watch.trouble)
            self._watches[subject] = watch
        return watch

    def _job(self, process: Process, state: State) -> Condition:
        name = process.name
        if state.phase != "finished" or state.exit is None:
            return Condition(name, Health.PROGRESSING, False, "the job runs", state=state)
        if state.exit.code == 0:
            return Condition(name, Health.HEALTHY, True, "the job is complete", state=state)
        cause = Cause(
            CauseKind.JOB_FAILED,
            f"the job {name} ended with {state.exit}",
            "read its log, mend the cause and push, or sync to run it again",
            name,
            state.exit.lines[-LINES_SHOWN:],
        )
        return Condition(name, Health.DEGRADED, False, cause.message, cause, True, state)

    def _service(
        self, process: Process, instance: Instance, state: State, watch: Watch
    ) -> Condition:
        if state.phase != "running" or (state.exits > CRASHES_ALLOWED and not watch.ready):
            return self._crashed(process, state)
        elapsed = time.monotonic() - watch.since
        reply = self._readiness(process, instance, watch, elapsed)
        if reply.well:
            return Condition(process.name, Health.HEALTHY, True, reply.message, state=state)
        if state.exits and not watch.ready:
            return replace(self._crashed(process, state), fatal=state.exits > CRASHES_ALLOWED)
        return self._unready(process, instance, reply, elapsed, watch)

    def _readiness(
        self, process: Process, instance: Instance, watch: Watch, elapsed: float
    ) -> Reply:
        if not instance.record.port:
            well = elapsed >= self._timings.settled_without_port
            return Reply(well, "runs" if well else "was started just now", 0.0)
        every = self._timings.liveness
        if not watch.ready:
            every = (
                self._timings.probe_first
                if elapsed < HURRIED_SECONDS
                else self._timings.probe_later
            )
        subject = (subject_of(instance), watch.pid, "ready")
        reply = self._probes.newest(subject, instance.record.port, process.ready, every)
        return reply or Reply(watch.ready, "not asked yet", 0.0)

    def _crashed(self, process: Process, state: State) -> Condition:
        if state.exit is None:
            message = f"{process.name} is starting"
            return Condition(process.name, Health.PROGRESSING, False, message, state=state)
        times = "once" if state.exits == 1 else f"{state.exits} times"
        zero = ", but a service has to keep running" if state.exit.code == 0 else ""
        cause = Cause(
            CauseKind.CRASH_LOOP,
            f"{process.name} ended {times}, last with {state.exit}{zero}",
            "read the log lines, mend the cause and push",
            process.name,
            state.exit.lines[-LINES_SHOWN:],
        )
        fatal = state.exits > CRASHES_ALLOWED
        return Condition(process.name, Health.DEGRADED, False, cause.message, cause, fatal, state)

    def _unready(
        self, process: Process, instance: Instance, reply: Reply, elapsed: float, watch: Watch
    ) -> Condition:
        budget = self._timings.start or process.start_seconds
        late = elapsed > budget
        kind = CauseKind.FAILED_PROBE if late or watch.ready else CauseKind.STILL_STARTING
        message = f"{process.name} is not ready after {elapsed:.0f} s: {reply.message}"
        if kind is CauseKind.STILL_STARTING:
            message = f"{process.name} is starting: {reply.message}"
        mend = f"it has to listen on $PORT and answer on {process.ready or 'it'}"
        cause = Cause(kind, message, mend, process.name, last_lines(instance.folder, LINES_SHOWN))
        health = Health.DEGRADED if late or watch.ready else Health.PROGRESSING
        return Condition(process.name, health, False, message, cause, late, instance.state())

    def _kept_alive(
        self, process: Process, instance: Instance, condition: Condition, watch: Watch
    ) -> Condition:
        if condition.state.phase != "running":
            return condition
        if watch.ready and instance.record.port:
            self._count_failures(process, instance, watch)
        elif condition.fatal and condition.cause:
            self._restart(instance, watch, condition.cause)
        if watch.trouble and not condition.ready:
            return replace(condition, health=Health.DEGRADED, cause=watch.trouble)
        return condition

    def _count_failures(self, process: Process, instance: Instance, watch: Watch) -> None:
        subject = (subject_of(instance), watch.pid, "alive")
        port, every = instance.record.port, self._timings.liveness
        reply = self._probes.newest(subject, port, process.health, every)
        if reply is None or reply.at == watch.counted:
            return
        watch.counted = reply.at
        watch.failures = 0 if reply.well else watch.failures + 1
        if watch.failures > FAILURES_ALLOWED:
            cause = Cause(
                CauseKind.FAILED_PROBE,
                f"{process.name} stopped answering and was restarted: {reply.message}",
                "read its log",
                process.name,
                last_lines(instance.folder, LINES_SHOWN),
            )
            self._restart(instance, watch, cause)

    def _restart(self, instance: Instance, watch: Watch, cause: Cause) -> None:
        instance.restart()
        watch.trouble, watch.ready, watch.failures = cause, False, 0
        watch.since = time.monotonic()
