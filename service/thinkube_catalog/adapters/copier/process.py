"""The render server's own process: loads Copier once, warms it, and forks one child per job.

Started as a program of its own (never a fork of the service), so it has none of the service's
memory, threads, open files or environment. It runs no template itself. It answers two requests on
its control socket: `fork` (with one end of a socket pair that becomes the child's) and `end`. It
ends when the control socket closes, and its children end with it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import tempfile
from typing import NoReturn

from thinkube_catalog.adapters.copier import containment, frames


def main(control_number: int) -> None:
    tempfile.gettempdir()  # kept by its module: where TMPDIR says, which is about to be forgotten
    containment.forget_environment()
    from thinkube_catalog.adapters.copier import jobs, warming  # noqa: PLC0415 - after forgetting

    control = socket.socket(fileno=control_number)
    os.setsid()
    os.chdir("/")
    warming.warm()
    network = containment.leave_network()
    gc.collect()
    gc.freeze()
    frames.send(control, {"ready": True, "network": network})
    _serve(control, jobs)


def _serve(control: socket.socket, jobs: object) -> None:
    children: set[int] = set()
    reply: dict[str, int]
    try:
        while True:
            line, descriptors = _request(control)
            if not line:
                return
            request = json.loads(line)
            if request["do"] == "fork":
                reply = {"pid": _fork(control, descriptors[0], jobs)}
                children.add(reply["pid"])
            elif request["pid"] in children:
                reply = _end(request["pid"])
                children.discard(request["pid"])
            else:
                reply = {"lost": True}  # a child of the server before this one
            frames.send(control, reply)
    finally:
        for pid in children:
            _end(pid)


def _request(control: socket.socket) -> tuple[bytes, list[int]]:
    line = b""
    descriptors: list[int] = []
    while not line.endswith(b"\n"):
        part, received, _, _ = socket.recv_fds(control, 4096, 1)
        if not part:
            return b"", descriptors
        line += part
        descriptors += received
    return line, descriptors


def _fork(control: socket.socket, descriptor: int, jobs: object) -> int:
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(server, control, descriptor, jobs)
    os.close(descriptor)
    return pid


def _child(server: int, control: socket.socket, descriptor: int, jobs: object) -> NoReturn:
    status = 1
    try:
        containment.die_with(server)
        control.close()
        with socket.socket(fileno=descriptor) as channel:
            jobs.serve(channel)  # type: ignore[attr-defined]  # a module, passed in once loaded
        status = 0
    finally:
        # Nothing of the server (exit handlers, buffers) may run in a child, whatever happened.
        os._exit(status)


def _end(pid: int) -> dict[str, int]:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # in case it had no time to become a group
    _, status, usage = os.wait4(pid, 0)
    return {"status": status, "resident": usage.ru_maxrss * 1024}


if __name__ == "__main__":
    main(int(sys.argv[1]))
