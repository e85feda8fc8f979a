"""Instances: single processes under a supervisor each, found again by their folders.

A folder outlives every process. Whoever holds its `lock` runs it; `retired` ends it for ever.
That makes it safe to start one whenever in doubt: a second supervisor finds the lock taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from thinkube_catalog.adapters.local_engine import shim
from thinkube_catalog.adapters.local_engine.files import (
    DamagedFileError,
    delete_tree,
    is_locked,
    read_json,
    write_json,
)

MARK = "THINKUBE_INSTANCE"
"""In the environment of every process of ours, so that those without a supervisor are found."""


@dataclass(frozen=True)
class Order:
    """What a supervisor is to run. The environment holds secrets: it goes by pipe, never to disk.

    Seconds and bytes as the supervisor's defaults have them where None.
    """

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    once: bool = False
    grace_seconds: float | None = None
    first_pause_seconds: float | None = None
    log_file_bytes: int | None = None

    def text(self) -> str:
        fields = {**vars(self), "command": list(self.command), "folder": str(self.folder)}
        fields["environment"] = dict(self.environment)
        return json.dumps({name: value for name, value in fields.items() if value is not None})


@dataclass(frozen=True)
class Exit:
    """How a process ended, and the last lines that it wrote."""

    code: int | None
    signal: int | None
    at: datetime
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return shim.describe(self.code if self.code is not None else -(self.signal or 0))


@dataclass(frozen=True)
class State:
    """What the supervisor last said.

    `phase` is `starting`, `running`, `waiting`, `stopping`, `stopped` or `finished`; `started_at`
    is in UTC.
    """

    phase: str = ""
    supervisor: int = 0
    ticks: int = 0
    pid: int = 0
    started_at: datetime | None = None
    restarts: int = 0
    exits: int = 0
    exit: Exit | None = None


@dataclass(frozen=True)
class InstanceRecord:
    """What an instance is of. `rehearsal` ones run on storage of their own."""

    number: int
    container: str
    commit: str
    revision: str
    kind: str
    port: int = 0
    rehearsal: bool = False


class Instance:
    """One process of one version of an application."""

    def __init__(self, folder: Path, record: InstanceRecord) -> None:
        self.folder = folder
        self.record = record
        self._pid = 0
        self._seen: tuple[int, int] = (0, 0)
        self._state = State()

    @staticmethod
    def create(parent: Path, record: InstanceRecord) -> Instance:
        folder = parent / str(record.number)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "instance.json", asdict(record))
        (folder / "lock").touch(mode=0o600)
        return Instance(folder, record)

    @staticmethod
    def load(folder: Path) -> Instance | None:
        """Return the instance of a folder; None if its creation was cut short or is damaged."""
        try:
            found = read_json(folder / "instance.json")
            return None if found is None else Instance(folder, InstanceRecord(**found))
        except (DamagedFileError, TypeError):
            return None

    @property
    def number(self) -> int:
        return self.record.number

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def spawn(self, order: Order) -> None:
        """Start a supervisor; harmless while one runs. Returns at once."""
        self.temporary.mkdir(exist_ok=True)
        environment = {**order.environment, "TMPDIR": str(self.temporary), MARK: str(self.folder)}
        text = Order(**{**vars(order), "environment": environment}).text()
        self._pid = _launch([sys.executable, "-I", "-S", shim.__file__, str(self.folder)], text)

    def running(self) -> bool:
        """Say whether a supervisor lives, or was started just now and has not come so far."""
        if is_locked(self.folder / "lock"):
            return True
        return self._launched()

    def _launched(self) -> bool:
        try:
            gone, _ = os.waitpid(self._pid, os.WNOHANG) if self._pid else (-1, 0)
        except ChildProcessError:
            gone = -1
        if gone:
            self._pid = 0
        return not gone

    @property
    def retired(self) -> bool:
        return (self.folder / "retired").exists()

    def state(self) -> State:
        """Return what the supervisor last said (kept until the file changes)."""
        path = self.folder / "state.json"
        try:
            found = path.stat()
            if (found.st_mtime_ns, found.st_ino) != self._seen:
                self._state = _state(read_json(path) or {})
                self._seen = (found.st_mtime_ns, found.st_ino)
        except (OSError, DamagedFileError):
            return self._state
        return self._state

    def retire(self) -> bool:
        """End this instance for ever; say whether nothing of it runs any more. Repeat until so."""
        (self.folder / "retired").touch()
        return self.stop()

    def stop(self) -> bool:
        """Ask the supervisor to end its process; say whether nothing runs any more."""
        if self.running():
            self._signal(signal.SIGTERM)
            return False
        return not self.strays()

    def restart(self) -> None:
        """Ask the supervisor to end its process and start it again."""
        self._signal(signal.SIGUSR1)

    def kill(self) -> None:
        """End a supervisor that does not answer, and everything that it ran."""
        self._signal(signal.SIGKILL)
        self.kill_strays()

    def _signal(self, number: int) -> None:
        state = self.state()
        if state.supervisor and is_locked(self.folder / "lock") and _is_the_one(state):
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.supervisor, number)

    def strays(self) -> list[psutil.Process]:
        """List processes of this instance that lost their supervisor.

        Only a supervisor killed by force leaves any; an orderly end leaves state `stopped`.
        """
        if self.state().phase in {"", "stopped", "finished"}:
            return []
        mark = str(self.folder)
        return [process for process, found in _marked() if found == mark]

    def kill_strays(self) -> None:
        for process in self.strays():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def delete(self) -> None:
        delete_tree(self.folder)


def _launch(command: Sequence[str], text: str) -> int:
    # No `Popen`: it wants to see the end of what it started, and this is meant to outlive us.
    reading, writing = os.pipe()
    try:
        pid = os.posix_spawn(
            command[0],
            list(command),
            {"PATH": os.defpath, "LANG": "C.UTF-8"},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM),
        )
    finally:
        os.close(reading)
    with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
        pipe.write(text.encode())
    return pid


def _is_the_one(state: State) -> bool:
    # The number may have gone to another process since; the time of its start tells.
    if not state.ticks:
        return psutil.pid_exists(state.supervisor)
    try:
        text = Path(f"/proc/{state.supervisor}/stat").read_text(errors="replace")
        return int(text.rsplit(")", 1)[1].split()[19]) == state.ticks
    except (OSError, IndexError, ValueError):
        return False


def _marked() -> Iterator[tuple[psutil.Process, str]]:
    for process in psutil.process_iter():
        try:
            yield process, process.environ().get(MARK, "")
        except (psutil.Error, OSError):
            continue


def _state(found: Mapping[str, Any]) -> State:
    if not found:
        return State()
    ended = found["exit"]
    return State(
        phase=found["phase"],
        supervisor=found["shim"]["pid"],
        ticks=found["shim"]["ticks"],
        pid=found["pid"],
        started_at=datetime.fromtimestamp(found["started_at"], UTC),
        restarts=found["restarts"],
        exits=found["exits"],
        exit=Exit(
            ended["code"],
            ended["signal"],
            datetime.fromtimestamp(ended["at"], UTC),
            tuple(ended["lines"]),
        )
        if ended
        else None,
    )
