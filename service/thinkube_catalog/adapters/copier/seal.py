"""A filter in the kernel (seccomp) that takes the system calls of networks and programs away.

Needs no privilege and cannot be undone. Where it does not exist (other systems and processors),
the audit hook of `containment.py` stands alone. Format of the filter: `linux/filter.h`,
`linux/seccomp.h`; numbers of calls: the kernel's tables `syscall_64.tbl` and
`include/uapi/asm-generic/unistd.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_AT_NUMBER, _AT_ARCHITECTURE = 0, 4
_FOREIGN_NUMBERS = 0x40000000
"""From here on are the numbers of x32, another interface to the same calls."""

_NAMES = (
    *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"),
    *("clone", "clone3", "fork", "vfork", "execve", "execveat", "ptrace", "process_vm_readv"),
    *("process_vm_writev", "mount", "umount2", "pivot_root", "chroot", "unshare", "setns"),
    *("kill", "tkill", "bpf", "io_uring_setup", "userfaultfd", "keyctl", "mknodat"),
)
_X86_64 = (
    *(41, 53, 42, 49, 50, 43, 288, 56, 435, 57, 58, 59, 322, 101, 310, 311, 165, 166, 155),
    *(161, 272, 308, 62, 200, 321, 425, 323, 250, 259),
)
_AARCH64 = (
    *(198, 199, 203, 200, 201, 202, 242, 220, 435, None, None, 221, 281, 117, 270, 271, 40),
    *(39, 41, 51, 97, 268, 129, 130, 280, 425, 282, 219, 33),
)
_TABLES: dict[str, tuple[int, dict[str, int | None]]] = {
    "x86_64": (0xC000003E, dict(zip(_NAMES, _X86_64, strict=True))),
    "aarch64": (0xC00000B7, dict(zip(_NAMES, _AARCH64, strict=True))),
}

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def seal() -> bool:
    """Give up those calls for the rest of this process's life: each fails with EPERM.

    Returns False where there is no such filter.
    """
    if not sys.platform.startswith("linux") or os.uname().machine not in _TABLES:
        return False
    architecture, numbers = _TABLES[os.uname().machine]
    code = _filter(architecture, numbers)
    program = _Program(len(code) // 8, code)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    refused = _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
    return bool(refused == 0)


def _filter(architecture: int, numbers: dict[str, int | None]) -> bytes:
    refused = [number for number in numbers.values() if number is not None]
    code = [
        _instruction(_LOAD, _AT_ARCHITECTURE),
        _instruction(_JUMP_EQUAL, architecture, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _AT_NUMBER),
        _instruction(_JUMP_AT_LEAST, _FOREIGN_NUMBERS, len(refused) + 1, 0),
    ]
    for place, number in enumerate(refused):
        code.append(_instruction(_JUMP_EQUAL, number, len(refused) - place, 0))
    code += [_instruction(_RETURN, _ALLOW), _instruction(_RETURN, _ERRNO | errno.EPERM)]
    return b"".join(code)


def _instruction(code: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, otherwise, value)
