"""The service's side of the render server: starting it, getting children from it, ending them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from thinkube_catalog.adapters.copier import frames
from thinkube_catalog.domain.errors import UnavailableError

_START_SECONDS = 60.0
_CONTROL_SECONDS = 30.0
_TICK_SECONDS = 0.1
_PROCESS = "thinkube_catalog.adapters.copier.process"
_KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
"""What the interpreter itself may need, and where it may write while it starts."""


class ServerLostError(UnavailableError):
    """The render server ended; the next request starts another."""

    def __init__(self) -> None:
        super().__init__("the render server ended unexpectedly; try again")


class OverdueError(Exception):
    """A child did not answer before its deadline, or went over a bound that is watched."""


@dataclass(frozen=True)
class Death:
    """How a child ended: `signal` is 0 when it left by itself."""

    signal: int

    @property
    def reason(self) -> str:
        if self.signal == signal.SIGXCPU:
            return "it takes more processor time than a render may use"
        if self.signal in {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT}:
            return "it brought the renderer down (too deep or too much)"
        return "its renderer ended without an answer"


class Child:
    """One contained process and the channel to it. Ended on leaving the `with` block."""

    def __init__(self, server: RenderServer, channel: socket.socket, pid: int) -> None:
        self.pid = pid
        self._server = server
        self._channel = channel
        self.death: Death | None = None

    def ask(
        self,
        request: Mapping[str, object],
        seconds: float,
        largest: int,
        watch: Callable[[], None] | None = None,
    ) -> dict[str, object] | None:
        """Send a request and return the reply; None when the child died instead.

        Raises OverdueError after `seconds`, and whatever `watch` raises; it is called about ten
        times a second. Raises BrokenFrameError for a reply that is no reply.
        """
        deadline = time.monotonic() + seconds
        self._channel.settimeout(seconds)
        try:
            frames.send(self._channel, request)
            return frames.receive(self._channel, largest, lambda: self._wait(deadline, watch))
        except TimeoutError as error:
            raise OverdueError(_overdue(seconds)) from error
        except ConnectionError:
            return None

    def _wait(self, deadline: float, watch: Callable[[], None] | None) -> None:
        readable = select.poll()
        readable.register(self._channel, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if readable.poll(min(left, _TICK_SECONDS) * 1000):
                return
            if watch is not None:
                watch()

    def end(self) -> Death:
        """Kill the process group if it still lives, and say how it ended."""
        if self.death is None:
            self._channel.close()
            self.death = self._server.end(self.pid)
        return self.death

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ServerLostError):  # then its children are gone as well
            self.end()


class RenderServer:
    """A process of its own that has Copier loaded and forks a child for each job.

    Safe to use from several threads. Starts at the first need, or ahead of it by `start`; starts
    again after it was lost. It never shares memory, environment or open files with this process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._finalizer: weakref.finalize[..., object] | None = None
        self._hello_pending = False
        self.without_network = False

    def start(self) -> None:
        """Begin starting; returns at once, and the first job waits for the rest."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the server and every child of it. A later use starts it again."""
        with self._lock:
            self._close()

    def fork(self) -> Child:
        """Return a new child. Raises ServerLostError, or UnavailableError if it cannot start."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                reply = self._request({"do": "fork"}, theirs.fileno())
        except BaseException:
            ours.close()
            raise
        return Child(self, ours, int(str(reply["pid"])))

    def end(self, pid: int) -> Death:
        reply = self._request({"do": "end", "pid": pid})
        if "lost" in reply:
            raise ServerLostError
        status = int(str(reply["status"]))
        return Death(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def _request(self, request: Mapping[str, object], *descriptors: int) -> dict[str, object]:
        with self._lock:
            if request["do"] == "end" and self._control is None:
                raise ServerLostError
            control = self._ready()
            try:
                line = json.dumps(request).encode() + b"\n"
                socket.send_fds(control, [line], list(descriptors))
                reply = frames.receive(control, 4096)
            except (OSError, frames.BrokenFrameError):
                reply = None
            if reply is None:
                self._close()
                raise ServerLostError
            return reply

    def _running(self) -> socket.socket:
        if self._control is not None and self._process is not None:
            if self._process.poll() is None:
                return self._control
            self._close()
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", _PROCESS, str(theirs.fileno())],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        ours.settimeout(_START_SECONDS)
        self._control = ours
        self._hello_pending = True
        self._finalizer = weakref.finalize(self, _shut_down, self._process, ours)
        return ours

    def _ready(self) -> socket.socket:
        control = self._running()
        if self._hello_pending:
            try:
                hello = frames.receive(control, 4096)
            except (OSError, frames.BrokenFrameError):
                hello = None
            if hello is None:
                self._close()
                raise UnavailableError("the render server does not start; see: tkt doctor")
            self.without_network = bool(hello["network"])
            control.settimeout(_CONTROL_SECONDS)
            self._hello_pending = False
        return control

    def _close(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._process = self._control = self._finalizer = None


def _shut_down(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()  # the server ends its children and itself when it sees this
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _overdue(seconds: float) -> str:
    return f"it did not finish within {seconds:g} seconds"
