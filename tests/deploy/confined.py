"""Starts a program as a hardened container would: `python confined.py FOLDER... -- COMMAND...`.

Another user by number without any group or capability, no way to more privileges, the system calls
refused that container runtimes refuse by default, and, where this machine permits it, as the first
process of its own kind, with everything read-only but the folders named. Standard library only: it
runs before anything is installed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
import sys

USER = 10001

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_CLONE_NEWNS, _CLONE_NEWPID = 0x00020000, 0x20000000
_FILTER = 2
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _FIRST_ARGUMENT = 0, 16
_NEW_NAMESPACES = 0x7E020000
_CLONE, _CLONE3 = 56, 435
_REFUSED = {  # on x86-64, what the default profiles of container runtimes leave out
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "umount2": 166,
    "pivot_root": 155,
    "chroot": 161,
    "move_mount": 429,
    "fsopen": 430,
    "mount_setattr": 442,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "bpf": 321,
    "userfaultfd": 323,
    "perf_event_open": 298,
    "kexec_load": 246,
    "init_module": 175,
    "finit_module": 313,
    "delete_module": 176,
    "reboot": 169,
    "sethostname": 170,
    "swapon": 167,
    "acct": 163,
    "quotactl": 179,
    "open_by_handle_at": 304,
    "io_uring_setup": 425,
}
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_MOUNT_ATTR_RDONLY, _AT_RECURSIVE = 1, 0x8000
_SYS_MOUNT_SETATTR = 442
_AT_FDCWD = -100

_libc = ctypes.CDLL(None, use_errno=True)


def make_read_only(writable: list[str]) -> bool:
    """Make everything read-only but these folders; False where that is not permitted."""
    if os.geteuid() != 0 or _libc.unshare(_CLONE_NEWNS) != 0:
        return False
    if _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        return False
    if not _set_read_only("/", read_only=True):
        return False
    for folder in writable:
        place = folder.encode()
        if _libc.mount(place, place, None, _MS_BIND, None) != 0:
            return False
        if not _set_read_only(folder, read_only=False):
            return False
    return True


def _set_read_only(folder: str, *, read_only: bool) -> bool:
    attributes = (_MOUNT_ATTR_RDONLY, 0) if read_only else (0, _MOUNT_ATTR_RDONLY)
    wanted = struct.pack("QQQQ", *attributes, 0, 0)
    done = _libc.syscall(
        _SYS_MOUNT_SETATTR, _AT_FDCWD, folder.encode(), _AT_RECURSIVE, wanted, len(wanted)
    )
    return bool(done == 0)


def become_first() -> bool:
    """Go on as process 1; False where that is not permitted. This process waits for it.

    The kernel spares process 1 the usual effect of signals that it does not handle.
    """
    if os.geteuid() != 0 or _libc.unshare(_CLONE_NEWPID) != 0:
        return False
    child = os.fork()
    if child:
        signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(child, number))
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) % 256)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return bool(_libc.mount(b"proc", b"/proc", b"proc", 0, None) == 0)


def become_nobody() -> None:
    """Give up groups, user and capabilities, for good."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(USER)
        os.setuid(USER)
    os.umask(0o022)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def refuse_calls() -> bool:
    """Refuse what a container runtime refuses; False on a processor that is not known here."""
    if os.uname().machine != "x86_64":
        return False
    refusal = _RETURN, _ERRNO | errno.EPERM
    code = [_line(_LOAD, _NUMBER)]
    code += [
        line
        for number in _REFUSED.values()
        for line in (_line(_IF_EQUAL, number, 0, 1), _line(*refusal))
    ]
    code += [
        _line(_IF_EQUAL, _CLONE3, 0, 1),
        _line(_RETURN, _ERRNO | errno.ENOSYS),  # its flags cannot be seen: callers take `clone`
        _line(_IF_EQUAL, _CLONE, 0, 3),
        _line(_LOAD, _FIRST_ARGUMENT),
        _line(_IF_ANY_BIT, _NEW_NAMESPACES, 0, 1),
        _line(*refusal),
        _line(_RETURN, _ALLOW),
    ]

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))

    program = Program(len(code), b"".join(code))
    return bool(_libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _line(code: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, otherwise, value)


def main() -> None:
    """Confine this process, say how far, and become the command."""
    divider = sys.argv.index("--")
    writable, command = sys.argv[1:divider], sys.argv[divider + 1 :]
    read_only = make_read_only(writable)
    first = read_only and become_first()
    os.chdir("/")
    become_nobody()
    refused = refuse_calls()
    sys.stderr.write(f"confined: read-only={read_only} first={first} calls-refused={refused}\n")
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted)


if __name__ == "__main__":
    main()
