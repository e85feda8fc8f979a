"""Python environments, one per set of requirements, made once by uv and shared."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uv

from thinkube_catalog.adapters.local_engine.files import delete_tree, take_lock, write_json
from thinkube_catalog.domain.gitops import Cause, CauseKind

COMPLETE = "complete.json"
PASSED_ON = re.compile(
    r"(?:UV_|PIP_|SSL_CERT_|NETRC$|XDG_CACHE_HOME$|HOME$|LANG$|TMPDIR$)"
    r"|(?:https?|all|no)_proxy$|REQUESTS_CA_BUNDLE$|CURL_CA_BUNDLE$",
    re.IGNORECASE,
)
PIP_TO_UV = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_CERT": "SSL_CERT_FILE"}
PIP_LISTS_TO_UV = {
    "PIP_FIND_LINKS": ("UV_FIND_LINKS", ","),
    "PIP_EXTRA_INDEX_URL": ("UV_INDEX", " "),
}
LINES_KEPT = 25
PATIENCE_SECONDS = 1800.0

Progress = Callable[[str], None]


class EnvironmentFailedError(Exception):
    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.message)
        self.cause = cause


class EnvironmentAbandonedError(Exception):
    """Nobody needs this environment any more: the work on it was stopped."""


@dataclass(frozen=True)
class Environments:
    """The folder of environments. Safe between threads and processes, and at any kill."""

    root: Path
    patience_seconds: float = PATIENCE_SECONDS

    def ensure(
        self,
        requirements: Path | None,
        progress: Progress,
        abandoned: threading.Event | None = None,
    ) -> Path:
        """Return the environment with what that file requires, made first if need be.

        Without a file it is a bare Python, so that `python` means the same to every command.

        `progress` is told what goes on. Raises EnvironmentFailedError with a cause to show,
        EnvironmentAbandonedError when `abandoned` is set meanwhile.
        """
        abandoned = abandoned or threading.Event()
        try:
            folder = self.root / _digest(requirements)
        except OSError as error:
            raise EnvironmentFailedError(_unreadable(error)) from error
        if not (folder / COMPLETE).exists():
            self.root.mkdir(parents=True, exist_ok=True)
            with _locked(folder, progress, abandoned) as lock:
                if not (folder / COMPLETE).exists():
                    self._make(folder, requirements, lock, progress, abandoned)
        os.utime(folder / COMPLETE)  # when it was last of use
        return folder

    def prune(self, unused_seconds: float) -> list[str]:
        """Delete environments that nobody asked for in that time; return their names."""
        pruned = []
        for folder in self.root.glob("*/"):
            marker = folder / COMPLETE
            lock = take_lock(folder.with_name(f"{folder.name}.lock"))
            if lock is None:
                continue  # it is being made
            if marker.exists() and time.time() - marker.stat().st_mtime > unused_seconds:
                marker.unlink()  # first, so that what is half deleted counts for nothing
                delete_tree(folder)
                pruned.append(folder.name)
            os.close(lock)
        return pruned

    def _make(
        self,
        folder: Path,
        requirements: Path | None,
        lock: int,
        progress: Progress,
        abandoned: threading.Event,
    ) -> None:
        delete_tree(folder)  # what an interrupted attempt left
        progress("making a Python environment")
        work = _Work(time.monotonic() + self.patience_seconds, lock, progress, abandoned)
        base = getattr(sys, "_base_executable", sys.executable)
        work.run(
            ["venv", "--no-config", "--no-python-downloads", "-q", "--python", base, str(folder)]
        )
        if requirements is not None:
            python = str(folder / "bin/python")
            command = ["pip", "install", "--no-config", "--python", python, "-r", requirements.name]
            work.run(command, requirements.parent)
        write_json(folder / COMPLETE, {"python": platform.python_version()})


@dataclass(frozen=True)
class _Work:
    """Runs of uv that share one deadline. uv inherits the lock: should we die, it still holds."""

    deadline: float
    lock: int
    progress: Progress
    abandoned: threading.Event

    def run(self, arguments: list[str], folder: Path = Path("/")) -> None:
        process = subprocess.Popen(
            [uv.find_uv_bin(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(self.lock,),
            cwd=folder,
            env=uv_environment(os.environ),
            text=True,
            errors="replace",
        )
        watch = threading.Thread(target=self._watch, args=(process,), daemon=True)
        watch.start()
        lines: deque[str] = deque(maxlen=LINES_KEPT)
        with process:
            for line in process.stderr or ():
                lines.append(line.rstrip())
                self._tell(line)
        watch.join()
        if self.abandoned.is_set():
            raise EnvironmentAbandonedError
        if process.returncode:
            late = time.monotonic() >= self.deadline
            raise EnvironmentFailedError(_failure(tuple(lines), late))

    def _tell(self, line: str) -> None:
        if found := re.match(r"Resolved (\d+) packages?", line):
            self.progress(f"installing {found[1]} packages")
        elif found := re.match(r"\s*(Downloading|Building|Prepared|Installed) (.+)", line):
            self.progress(f"{found[1].lower()} {found[2]}")

    def _watch(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            if self.abandoned.is_set() or time.monotonic() >= self.deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                return
            time.sleep(0.1)


def uv_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return what uv may know of our environment: its own settings, pip's, proxies and CAs."""
    passed = {name: value for name, value in ours.items() if PASSED_ON.match(name)}
    for pip, theirs in PIP_TO_UV.items():
        if pip in ours:
            passed.setdefault(theirs, ours[pip])
    for pip, (theirs, separator) in PIP_LISTS_TO_UV.items():
        if pip in ours:
            passed.setdefault(theirs, separator.join(ours[pip].split()))
    passed["PATH"] = ours.get("PATH", os.defpath)  # builds need a compiler
    passed["NO_COLOR"] = "1"
    return passed


@contextlib.contextmanager
def _locked(folder: Path, progress: Progress, abandoned: threading.Event) -> Iterator[int]:
    path = folder.with_name(f"{folder.name}.lock")
    lock = take_lock(path)
    while lock is None:
        progress("waiting for another installation of the same packages")
        if abandoned.wait(0.2):
            raise EnvironmentAbandonedError
        lock = take_lock(path)
    try:
        yield lock
    finally:
        os.close(lock)


def _digest(requirements: Path | None) -> str:
    digest = hashlib.sha256(f"{sys.version} {platform.machine()} ".encode())
    for path in _included(requirements, set()) if requirements else ():
        content = path.read_bytes()
        digest.update(f"{len(content)} ".encode() + content)
        if re.search(rb"^\s*(-e\b|--editable|\.|file:)", content, re.MULTILINE):
            # Parts of the project itself: another commit may hold other files there.
            digest.update(bytes(path.parent))
    return digest.hexdigest()[:32]


def _included(path: Path, seen: set[Path]) -> Iterator[Path]:
    """List a requirements file and those that it names by `-r` or `-c`."""
    if path in seen:
        return
    seen.add(path)
    yield path
    for line in path.read_text("utf-8", "replace").splitlines():
        if found := re.match(r"\s*(?:-r|-c|--requirement|--constraint)[\s=]*(.+)", line):
            with contextlib.suppress(ValueError):
                named = shlex.split(found[1], comments=True)[:1]
                if named and "://" not in named[0]:
                    yield from _included(path.parent / named[0], seen)


def _unreadable(error: OSError) -> Cause:
    return Cause(
        CauseKind.ENVIRONMENT_FAILED,
        f"{Path(str(error.filename)).name} cannot be read: {error.strerror}",
        mend="commit the file that dev.requirements names",
    )


def _failure(lines: tuple[str, ...], late: bool) -> Cause:
    if late:
        message, mend = "installing the requirements took too long", "sync to try again"
    else:
        plain = [line.strip(" \u00d7\u2570\u2500\u25b6\u2502\t") for line in lines if line.strip()]
        telling = (
            line for line in plain if re.search(r"error|no solution|failed", line, re.IGNORECASE)
        )
        message = (
            f"the requirements cannot be installed: {next(telling, plain[-1] if plain else '')}"
        )
        mend = "mend the requirements file and push, or sync to try again if a server was away"
    return Cause(CauseKind.ENVIRONMENT_FAILED, message, mend=mend, lines=lines)
