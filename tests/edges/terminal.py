"""A terminal with a program in it: what a person types, and what they see."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """Runs a program with a terminal as its standard input, output and error."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        _hear_interrupts()
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
            start_new_session=True,
        )
        os.close(theirs)
        self.raw = ""
        self._read_to = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    @property
    def text(self) -> str:
        """What was shown so far, without control sequences."""
        return _CONTROL.sub("", self.raw)

    def type(self, line: str) -> None:
        os.write(self._ours, line.encode() + b"\n")

    def wait_until_hidden(self, seconds: float = 30) -> None:
        """Wait until what is typed is not shown: what came before would be thrown away."""
        deadline = time.monotonic() + seconds
        while termios.tcgetattr(self._ours)[3] & termios.ECHO:
            assert time.monotonic() < deadline, "what is typed is shown"
            time.sleep(0.01)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait_for(self, words: str, seconds: float = 30) -> None:
        """Read on until the words are shown, after what was waited for before."""
        deadline = time.monotonic() + seconds
        while words not in self.text[self._read_to :]:
            left = deadline - time.monotonic()
            assert left > 0, f"{words!r} was not shown:\n{self.text}"
            assert self._read(left), f"it ended without {words!r}:\n{self.text}"
        self._read_to = self.text.index(words, self._read_to) + len(words)

    def wait(self, seconds: float = 30) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + seconds
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
        return self.process.wait(max(1.0, deadline - time.monotonic()))

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return True
        try:
            content = os.read(self._ours, 65536)
        except OSError:  # what Linux says when the program has gone
            return False
        self.raw += content.decode("utf-8", "replace")
        return bool(content)


def _hear_interrupts() -> None:
    """Start programs as from a terminal: what runs in the background of a shell ignores Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
