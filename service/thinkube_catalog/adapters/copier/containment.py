"""What the render server and its children take away from themselves before they touch a template.

Runs only inside those processes. Several independent walls, because each is missing somewhere:
`docs/decisions/contained-rendering.md` says which holds where.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

_CLONE_NEWNET = 0x40000000
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


def leave_network() -> bool:
    """Move this process (and so its children) to a network of its own without any interface.

    Returns False where the kernel or the container does not permit that.
    """
    if not sys.platform.startswith("linux"):
        return False
    own_user = 0 if os.geteuid() == 0 else _CLONE_NEWUSER
    return bool(_libc.unshare(_CLONE_NEWNET | own_user) == 0)


def forget_environment() -> None:
    """Keep nothing in the environment but a PATH without programs and a UTF-8 locale."""
    os.environ.clear()
    os.environ.update(PATH="/nonexistent", LANG="C.UTF-8", HOME="/nonexistent")


def die_with(parent: int) -> None:
    """Become leader of a process group of one's own that ends when `parent` does."""
    os.setsid()
    if sys.platform.startswith("linux"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def limit_resources(seconds: float, memory: int, file_size: int) -> None:
    """Set the hard limits of a process that is about to run a template."""
    limit_cpu(seconds)
    _lower(resource.RLIMIT_AS, _address_space() + memory)
    _lower(resource.RLIMIT_FSIZE, file_size)
    _lower(resource.RLIMIT_NOFILE, 64)
    _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_CORE, 0)


def limit_cpu(seconds: float) -> None:
    """Allow that much more processor time from now on; then the kernel ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = int(used.ru_utime + used.ru_stime + seconds + 1)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # some systems know a limit but cannot set it
        resource.setrlimit(limit, (value, value))


def _address_space() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 1 << 30
    return pages * resource.getpagesize()


_REFUSED = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "os.chown",
    "os.setxattr",
    "ctypes.",
    "pty.",
    "fcntl.",
    "mmap.",
    "pickle.",
    "marshal.",
    "http.",
    "urllib.",
    "ftplib.",
    "smtplib.",
    "imaplib.",
    "telnetlib.",
    "poplib.",
    "nntplib.",
    "webbrowser.",
    "sqlite3.",
    "signal.",
    "syslog.",
    "cpython.run_",
    "sys.addaudithook",
    "sys.settrace",
    "sys.setprofile",
    "tempfile.",
)
_ALLOWED = frozenset({"marshal.loads", "marshal.load"})  # how `import` reads compiled modules
_LISTS = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk"})
_WRITES = {  # event -> which of its arguments is the path that changes
    "os.remove": 0,
    "os.rmdir": 0,
    "os.mkdir": 0,
    "os.chmod": 0,
    "os.truncate": 0,
    "os.utime": 0,
    "os.chdir": 0,
    "os.link": 1,
    "os.symlink": 1,
    "os.rename": 1,
    "shutil.rmtree": 0,
}
_DEVICES = frozenset({"/dev/null", "/dev/urandom"})


def confine(readable: Sequence[Path], writable: Sequence[Path]) -> None:
    """Refuse, for the rest of this process's life, sockets, programs and files elsewhere.

    Works in the interpreter (PEP 578), so it needs no privilege and holds on every system. It
    cannot be removed. A refusal is a PermissionError.
    """
    writes = _roots(writable)
    reads = (*_roots(readable), *writes, *_roots(_library()))
    sys.addaudithook(_auditor(reads, writes))


def _library() -> list[Path]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return [Path(sysconfig.get_path(name)) for name in names]


def _roots(folders: Sequence[Path]) -> tuple[str, ...]:
    return tuple(os.path.realpath(folder) for folder in folders)


def _auditor(
    reads: tuple[str, ...],
    writes: tuple[str, ...],
) -> Callable[[str, tuple[object, ...]], None]:
    verdicts: dict[str, bool] = {}

    def refused(event: str) -> bool:
        verdict = verdicts.get(event)
        if verdict is None:
            verdict = event.startswith(_REFUSED) and event not in _ALLOWED
            verdicts[event] = verdict
        return verdict

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writing = isinstance(flags, int) and bool(
                flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND),
            )
            _check(path, writes if writing else reads, "write" if writing else "read")
        elif event in _LISTS:
            _check(arguments[0], reads, "list")
        elif event in _WRITES:
            _check(arguments[_WRITES[event]], writes, "change")
        elif refused(event):
            _refuse(f"a template may not do this: {event}")

    return audit


def _check(path: object, roots: tuple[str, ...], verb: str) -> None:
    if isinstance(path, int):  # an open file was checked when it was opened
        return
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else os.curdir
    if text in _DEVICES:
        return
    # The last part of a link that is itself being replaced must not be followed, but following it
    # can only be stricter here: where it leads has to be inside as well.
    real = os.path.realpath(text)
    if not any(real == root or real.startswith(root + os.sep) for root in roots):
        _refuse(f"a template may not {verb} {text}")


def _refuse(message: str) -> NoReturn:
    raise PermissionError(message)
