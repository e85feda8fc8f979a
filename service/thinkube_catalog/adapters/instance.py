"""The one service process of a data folder: its lock, its address, its start in the background."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from thinkube_catalog.domain.errors import ConflictError, UnavailableError

START_SECONDS = 30.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Running:
    """A service that holds the lock: its process and where it answers."""

    pid: int
    address: str


class Instance:
    """The service of one data folder, from inside (claim) or outside (running, start, stop)."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "service.log"
        self._lock = data_dir / "service.lock"
        self._file = data_dir / "service.json"

    def claim(self) -> Claim:
        """Become the service of this folder. Raises AlreadyServedError if another process is."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise AlreadyServedError(self.data_dir, self._read()) from None
        self._file.unlink(missing_ok=True)  # what a killed service left behind
        return Claim(handle, self._file)

    def running(self) -> Running | None:
        """Return the service that runs now and has said where it answers, or None."""
        return self._read() if self._locked() else None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> Running:
        """Start the service in the background and wait until it says where it answers.

        Raises ServiceStartError with the end of its log.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environment),
                start_new_session=True,
            )
        found = _wait(lambda: self.running() or process.poll() is not None, START_SECONDS)
        running = self.running()
        if not found or running is None:
            raise ServiceStartError(self.log)
        process.returncode = 0  # it outlives this process, which will never wait for it
        return running

    def stop(self) -> bool:
        """End the service of this folder; False if none runs. Raises ServiceStopError."""
        running = self.running()
        if running is None:
            return False
        os.kill(running.pid, signal.SIGTERM)
        if not _wait(lambda: not self._locked(), STOP_SECONDS):
            raise ServiceStopError(running)
        return True

    def _locked(self) -> bool:
        try:
            handle = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(handle)

    def _read(self) -> Running | None:
        try:
            return Running(**json.loads(self._file.read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None


class Claim:
    """The lock while this process is the service; released with the process, however it ends."""

    def __init__(self, handle: int, file: Path) -> None:
        self._handle = handle
        self._file = file

    def announce(self, address: str) -> None:
        """Say where the service answers, for command lines of the same data folder."""
        aside = self._file.with_suffix(".new")
        aside.write_text(json.dumps(asdict(Running(os.getpid(), address))), "utf-8")
        aside.replace(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.unlink(missing_ok=True)
        os.close(self._handle)


def _wait(reached: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if reached():
            return True
        time.sleep(0.05)
    return False


class AlreadyServedError(ConflictError):
    def __init__(self, data_dir: Path, running: Running | None) -> None:
        where = f" at {running.address} (process {running.pid})" if running else ""
        super().__init__(
            f"a service for {data_dir} runs already{where}; stop it with: tkt stop, "
            "or choose another folder with THINKUBE_DATA_DIR",
        )
        self.running = running


class ServiceStartError(UnavailableError):
    def __init__(self, log: Path) -> None:
        lines = log.read_text("utf-8", "replace").splitlines()[-12:] if log.exists() else []
        super().__init__(
            "\n  ".join([f"the service did not start; its log ({log}) ends so:", *lines]),
        )


class ServiceStopError(UnavailableError):
    def __init__(self, running: Running) -> None:
        super().__init__(
            f"process {running.pid} does not end; it may be in the middle of a step: "
            f"try again, or end it with: kill -9 {running.pid} (nothing is lost by that)",
        )
