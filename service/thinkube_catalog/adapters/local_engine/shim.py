"""Keeps one process of an application running: a program of its own, standard library only.

`python -I -S shim.py FOLDER` reads what to run as one JSON object from standard input, so that
secrets are in memory only, and keeps in FOLDER: `lock` (held while it lives), `state.json`
(how it is), `log/` (what the process wrote). SIGTERM stops the whole tree; SIGUSR1 restarts it.
A file `retired` in FOLDER means that this instance must never run again.
"""

# ruff: noqa: PTH103, PTH105, PTH108, PTH110, PTH118, PTH123, PTH208
# `pathlib` alone would double the time to start and add a third to the memory.

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import sys
import time
from collections import deque

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LONGEST_LINE = 16 * 1024
LINES_KEPT = 30
ALREADY_RUNNING = 75
NOTHING_TO_DO = 76


class Log:
    """Numbered files of time-stamped lines; the oldest goes when there are too many.

    A line is `<UTC time> <stream of bytes>`; a newer file has a higher number.
    """

    def __init__(self, folder: str, file_bytes: int, files: int) -> None:
        os.makedirs(folder, exist_ok=True)
        self.folder, self.file_bytes, self.files = folder, file_bytes, files
        numbers = sorted(int(name[:-4]) for name in os.listdir(folder) if name[:-4].isdigit())
        self.number = numbers[-1] if numbers else 1
        self.partial = b""
        self.last: deque[str] = deque(maxlen=LINES_KEPT)
        self._open()

    def _path(self, number: int) -> str:
        return os.path.join(self.folder, f"{number:08d}.log")

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self.descriptor = os.open(self._path(self.number), flags, 0o600)
        self.size = os.fstat(self.descriptor).st_size

    def feed(self, chunk: bytes) -> None:
        *lines, self.partial = (self.partial + chunk).split(b"\n")
        while len(self.partial) > LONGEST_LINE:
            lines.append(self.partial[:LONGEST_LINE])
            self.partial = self.partial[LONGEST_LINE:]
        self._write(lines)

    def flush(self) -> None:
        if self.partial:
            lines, self.partial = [self.partial], b""
            self._write(lines)

    def note(self, text: str) -> None:
        """Write a line of our own."""
        self.flush()
        self._write([f"[supervisor] {text}".encode()])

    def _write(self, lines: list[bytes]) -> None:
        if not lines:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        head = f"{stamp}.{int(now % 1 * 1_000_000):06d}Z ".encode()
        # A progress bar redraws one line with carriage returns: its last state is kept.
        shown = [line.rstrip(b"\r").rsplit(b"\r", 1)[-1][:LONGEST_LINE] for line in lines]
        self.last.extend(line.decode("utf-8", "replace") for line in shown[-LINES_KEPT:])
        for start in range(0, len(shown), 512):
            self._append(b"".join(head + line + b"\n" for line in shown[start : start + 512]))

    def _append(self, content: bytes) -> None:
        if self.size and self.size + len(content) > self.file_bytes:
            os.close(self.descriptor)
            self.number += 1
            self._open()
            for name in sorted(os.listdir(self.folder))[: -self.files]:
                os.unlink(os.path.join(self.folder, name))
        try:
            self.size += os.write(self.descriptor, content)
        except OSError:
            # A full disk must not take the application down; these lines are lost.
            return


class Supervisor:
    """One process, restarted with growing pauses until told to stop."""

    def __init__(self, folder: str, order: dict[str, object]) -> None:
        self.folder, self.order = folder, order
        self.once = bool(order.get("once"))
        self.grace = _number(order, "grace_seconds", 10.0)
        self.first_pause = _number(order, "first_pause_seconds", 0.5)
        self.longest_pause = _number(order, "longest_pause_seconds", 60.0)
        self.stable = _number(order, "stable_seconds", 30.0)
        self.log = Log(
            os.path.join(folder, "log"),
            int(_number(order, "log_file_bytes", 1024 * 1024)),
            int(_number(order, "log_files", 5)),
        )
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.waking, self.wake = os.pipe()
        os.set_blocking(self.waking, False)
        os.set_blocking(self.wake, False)
        self.pid = 0
        self.phase = "starting"
        self.started_at = 0.0
        self.next_at = 0.0
        self.pause = self.first_pause
        self.restarts = 0
        self.exits = 0
        self.last_exit: dict[str, object] | None = None
        self.stop_asked = False
        self.restart_asked = False
        self.kill_at = 0.0

    def run(self) -> None:
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGUSR1, self._on_restart)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        while self.phase not in {"stopped", "finished"}:
            self._step()
        self._drain()
        self.log.flush()
        self._save()

    def _on_stop(self, *_: object) -> None:
        self.stop_asked = True

    def _on_restart(self, *_: object) -> None:
        self.restart_asked = True

    def _step(self) -> None:
        self._wait()
        self._drain()
        self._reap()
        now = time.monotonic()
        if self.stop_asked:
            self._stop(now)
        elif self.restart_asked and self.pid:
            self._end_for_restart(now)
        elif not self.pid and self.phase != "finished" and now >= self.next_at:
            self._start()

    def _wait(self) -> None:
        limits = [30.0]
        now = time.monotonic()
        if not self.pid:
            limits.append(self.next_at - now)
        if self.kill_at:
            limits.append(self.kill_at - now)
        ready, _, _ = select.select([self.reading, self.waking], [], [], max(0.0, min(limits)))
        if self.waking in ready:
            _read(self.waking)

    def _drain(self) -> None:
        # Bounded, so that a process that never stops writing cannot keep us from its signals.
        for _ in range(32):
            chunk = _read(self.reading)
            if not chunk:
                return
            self.log.feed(chunk)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self._ended(status)

    def _ended(self, status: int) -> None:
        self.pid = 0
        kill_tree()  # what it left behind would hold its port and its files
        self._drain()
        self.log.flush()
        code = os.waitstatus_to_exitcode(status)
        self.exits += 1
        self.last_exit = {
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "at": time.time(),
            "lines": list(self.log.last),
        }
        if self.once and not self.stop_asked and not self.restart_asked:
            self.phase = "finished"
            return
        if self.stop_asked:
            return
        self._plan_restart(code)

    def _plan_restart(self, code: int) -> None:
        now = time.monotonic()
        if self.restart_asked:
            self.restart_asked, self.kill_at, self.next_at = False, 0.0, now
        else:
            if now - self.started_at >= self.stable:
                self.pause = self.first_pause
            self.next_at = now + self.pause
            self.log.note(f"ended with {describe(code)}; starting again in {self.pause:g} s")
            self.pause = min(self.pause * 2, self.longest_pause)
        self.restarts += 1
        self.phase = "waiting"
        self._save()

    def _start(self) -> None:
        self.started_at = time.monotonic()
        self.pid = self._fork()
        self.phase = "running"
        self._save()

    def _fork(self) -> int:
        shim = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            self._become(shim)
        except BaseException as error:  # noqa: BLE001 (the forked child must end here)
            os.write(2, f"[supervisor] cannot start {self.order['command']}: {error}\n".encode())
        os._exit(127)

    def _become(self, shim: int) -> None:
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != shim:
            os._exit(127)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        for number in (signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(self.writing, 1)
        os.dup2(self.writing, 2)
        os.umask(0o022)
        os.chdir(str(self.order["folder"]))
        command, environment = self.order["command"], self.order["environment"]
        if not isinstance(command, list) or not isinstance(environment, dict):
            raise TypeError("command must be a list and environment a mapping")
        os.execvpe(command[0], command, environment)  # noqa: S606 (no shell is the point)

    def _end_for_restart(self, now: float) -> None:
        if not self.kill_at:
            self.log.note("restarting: it did not answer")
            _signal_group(self.pid, signal.SIGTERM)
            self.kill_at = now + self.grace
        elif now >= self.kill_at:
            _signal_group(self.pid, signal.SIGKILL)
            self.kill_at = now + 1.0

    def _stop(self, now: float) -> None:
        if self.phase != "stopping":
            self.phase = "stopping"
            self.kill_at = now + self.grace
            self._save()
            if self.pid:
                _signal_group(self.pid, signal.SIGTERM)
        if self.pid and now >= self.kill_at:
            self.log.note(f"did not stop within {self.grace:g} s: killed")
            _signal_group(self.pid, signal.SIGKILL)
            self.kill_at = now + 1.0
        if not self.pid:
            kill_tree()
            self.phase = "stopped"

    def _save(self) -> None:
        state = {
            "shim": {"pid": os.getpid(), "ticks": start_ticks()},
            "phase": self.phase,
            "pid": self.pid,
            "started_at": time.time() - (time.monotonic() - self.started_at),
            "restarts": self.restarts,
            "exits": self.exits,
            "exit": self.last_exit,
        }
        temporary = os.path.join(self.folder, "state.json.new")
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(state, file)
            os.replace(temporary, os.path.join(self.folder, "state.json"))
        except OSError as error:
            self.log.note(f"cannot write the state file: {error}")


def kill_tree() -> None:
    """Kill every process below this one, however it left its group, until none is left."""
    for _ in range(200):
        below = descendants()
        for pid in below:  # stopped first, so that none can fork while others are killed
            _signal(pid, signal.SIGSTOP)
        for pid in below:
            _signal(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def descendants() -> list[int]:
    """List the processes below this one, zombies left out."""
    children: dict[int, list[int]] = {}
    for name in _listed("/proc"):
        if name.isdigit() and (fields := _stat(name)) and fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def start_ticks() -> int:
    """Say when this process started, in clock ticks since boot; 0 where that is not known."""
    fields = _stat("self")
    return int(fields[19]) if fields else 0


def describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _stat(name: str) -> list[str]:
    """Return `/proc/<name>/stat` from the state on (its field 3)."""
    try:
        with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        # Between fork and setsid the group does not exist yet.
        _signal(pid, number)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _number(order: dict[str, object], name: str, otherwise: float) -> float:
    value = order.get(name, otherwise)
    return float(value) if isinstance(value, int | float) else otherwise


def take(lock: int) -> bool:
    # Whoever asks whether we run holds the lock for an instant: one refusal proves nothing.
    for _ in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def main(folder: str) -> int:
    os.closerange(3, 4096)  # nothing of the service's may stay open in here
    os.chdir("/")
    os.umask(0o077)
    try:
        order = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return NOTHING_TO_DO  # whoever started us died before saying what to run
    lock = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
    if not take(lock):
        return ALREADY_RUNNING
    if os.path.exists(os.path.join(folder, "retired")):
        return NOTHING_TO_DO
    Supervisor(folder, order).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
