"""The service itself: from the command to ready, memory while idle, and how long commands take.

Beside each start stands a bare program that imports the same web, database and workflow libraries
and answers one route: what any service on them takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil

from bench.rows import Row

_TKT = [sys.executable, "-m", "thinkube_catalog.main"]
_TIMES = 5
_SETTLED_SECONDS = 3.0
_MIB = 2**20

_BARE = """
import sys
import dbos, fastapi, sqlmodel, uvicorn
app = fastapi.FastAPI()
@app.get("/ready")
def ready() -> dict[str, bool]:
    return {"ready": True}
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""


def measure() -> list[Row]:
    """Measure starts in turn, so that whatever else the machine does hits both."""
    with tempfile.TemporaryDirectory() as root:
        fresh, warm, bare = [], [], []
        for number in range(_TIMES):
            data_dir = Path(root, str(number))
            fresh.append(_start(_serve(data_dir), data_dir))
            warm.append(_start(_serve(data_dir), data_dir))
            bare.append(_start([sys.executable, "-c", _BARE], data_dir))
        memory = _memory(Path(root, "0"))
        empty = _command(["-c", "pass"])
        help_page = _command(["-m", "thinkube_catalog.main", "--help"])
        listed = _command(["-m", "thinkube_catalog.main", "list"], Path(root, "0"))
    libraries = "the same libraries and one route, nothing else"
    return [
        Row("start, fresh data folder, to ready", median(fresh), median(bare), libraries, memory),
        Row("start again, to ready", median(warm), median(bare), libraries),
        Row("`tkt --help`", help_page, empty, "python -c pass", "CPU time"),
        Row("`tkt list`", listed, empty, "python -c pass", "CPU time"),
    ]


def _serve(data_dir: Path) -> list[str]:
    data_dir.mkdir(exist_ok=True)
    return [*_TKT, "serve", "--port"]


def _start(command: Sequence[str], data_dir: Path) -> float:
    """Return the seconds from the command to the first good answer of /ready."""
    started = time.perf_counter()
    with _running(command, data_dir):
        return time.perf_counter() - started


@contextmanager
def _running(command: Sequence[str], data_dir: Path) -> Iterator[int]:
    port = _free_port()
    process = subprocess.Popen(
        [*command, str(port)],
        env=_environment(data_dir),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_ready(f"http://127.0.0.1:{port}/ready")
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _await_ready(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(address, timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.01)
    message = f"{address} was never ready"
    raise TimeoutError(message)


def _free_port() -> int:
    import socket  # noqa: PLC0415 (used once)

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _memory(data_dir: Path) -> str:
    """Say what the service and its helpers hold while idle, as the note of a row."""
    with _running(_serve(data_dir), data_dir) as pid:
        time.sleep(_SETTLED_SECONDS)
        service = psutil.Process(pid)
        held = service.memory_info().rss // _MIB
        helpers = [_held(child) for child in service.children(recursive=True)]
    return f"idle: {held} MiB resident; beside it {', '.join(helpers) or 'nothing'}"


def _held(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    names = {"copier.process": "render server", "shim.py": "supervisor", ".router": "router"}
    name = next((name for part, name in names.items() if part in words), process.name())
    return f"{name} {process.memory_info().rss // _MIB} MiB"


def _command(arguments: Sequence[str], data_dir: Path | None = None) -> float:
    """Return the CPU seconds of a Python command, the median of several."""
    return median(_cpu(arguments, data_dir) for _ in range(_TIMES))


def _cpu(arguments: Sequence[str], data_dir: Path | None) -> float:
    before = os.times()
    subprocess.run(
        [sys.executable, *arguments],
        env=_environment(data_dir or Path("/nonexistent")),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = os.times()
    return (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )


def _environment(data_dir: Path) -> Mapping[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("THINKUBE_")}
    return {**kept, "THINKUBE_DATA_DIR": str(data_dir)}


if __name__ == "__main__":
    for row in measure():
        ratio = f"{row.ours_seconds / row.theirs_seconds:.2f}"
        print(f"{row.name:36} {row.ours_seconds:6.2f} s  ratio {ratio} to {row.theirs}; {row.note}")
