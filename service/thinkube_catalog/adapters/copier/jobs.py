"""What a forked child does: one render, or form evaluations of one template until nobody asks.

The first request on the channel says which. Everything here runs in the child alone.
"""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thinkube_catalog.adapters.copier import containment, frames
from thinkube_catalog.adapters.copier.faults import Fault, InvalidAnswersError, fault_of
from thinkube_catalog.adapters.copier.project import NOWHERE, Project
from thinkube_catalog.adapters.copier.seal import seal

_LARGEST_REQUEST = 4 << 20


def serve(channel: socket.socket) -> None:
    """Contain this process, then answer the requests on `channel` until it closes."""
    request = frames.receive(channel, _LARGEST_REQUEST)
    if request is None:
        return
    _contain(request)
    gc.disable() if request["do"] == "render" else gc.enable()
    project: Project | None = None
    while request is not None:
        containment.limit_cpu(float(request["seconds"]))  # type: ignore[arg-type]
        reply, project = _perform(request, project)
        frames.send(channel, reply)
        request = frames.receive(channel, _LARGEST_REQUEST)


def answer(request: Mapping[str, Any]) -> dict[str, object]:
    """Perform one request in this process as it is."""
    return _perform(request, None)[0]


def _contain(request: Mapping[str, Any]) -> None:
    sys.dont_write_bytecode = True
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # Deep recursion has to end in a RecursionError long before the C stack does.
    sys.setrecursionlimit(800)
    containment.limit_resources(request["seconds"], request["memory"], request["file_size"])
    seal()
    readable = [Path(request["template"]), NOWHERE]
    writable = [Path(request["destination"])] if request["do"] == "render" else []
    containment.confine(readable, writable)


def _perform(
    request: Mapping[str, Any],
    project: Project | None,
) -> tuple[dict[str, object], Project | None]:
    try:
        if project is None:
            project = Project.open(Path(request["template"]), request["release"])
        if request["do"] == "render":
            project.render(Path(request["destination"]), request["raw"], request["variables"])
            return {"done": True}, project
        return project.evaluate(request["raw"]), project
    except InvalidAnswersError as error:
        return {"problems": error.problems}, project
    except Fault as error:
        return {"faults": error.records()}, project
    except (Exception, RecursionError, MemoryError) as error:  # noqa: BLE001 - hostile templates raise anything
        return {"faults": fault_of(error, Path(request["template"])).records()}, project
