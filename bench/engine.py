"""The embedded engine: from a push to the new version serving, and requests through the router."""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Row
from thinkube_catalog.adapters.local_engine.engine import LocalEngine
from thinkube_catalog.adapters.local_engine.routing import free_port
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.forge import Repository, Signature
from thinkube_catalog.domain.gitops import Application
from thinkube_catalog.domain.kubernetes.metadata import METADATA_PATH, metadata_object
from thinkube_catalog.domain.kubernetes.writing import text_of
from thinkube_catalog.domain.rendering import File, FileTree

REPOSITORY = Repository("bench", "trivial")
ROLLOUTS = 7
REQUESTS = 400

DESCRIPTOR = """\
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
spec:
  containers:
    - name: web
      build: .
      port: 8000
      health: /health
      dev:
        command: python3 app.py
"""
APP = """\
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for an answer, as real servers send it

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"well")

    def log_message(self, *_):
        pass

# version {version}
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, _engine(Path(folder)) as (forge, engine):
        rollouts = [_rollout(forge, engine, number) for number in range(ROLLOUTS)]
        port = int(engine.status("trivial").url.rsplit(":", 1)[1])
        through = _request_seconds(port)
        by_hand, direct = _by_hand(Path(folder))
    return [
        Row(
            "engine: push to new version serving",
            statistics.median(rollouts),
            by_hand,
            "start the same program and wait until it answers",
            "ours also notices the push, checks out, switches over and stops the old version",
        ),
        Row(
            "engine: one request through the router",
            through,
            direct,
            "the same request straight to the process",
        ),
    ]


@contextmanager
def _engine(folder: Path) -> Iterator[tuple[MemoryForge, LocalEngine]]:
    forge = MemoryForge()
    forge.ensure_repository(REPOSITORY, "bench")
    engine = LocalEngine(folder / "engine", forge, MemorySecrets())
    engine.start()
    try:
        engine.ensure_application(Application("trivial", REPOSITORY, "bench"))
        yield forge, engine
    finally:
        engine.stop(leave_running=False)


def _rollout(forge: MemoryForge, engine: LocalEngine, number: int) -> float:
    context = ApplicationContext("trivial", "Trivial", "none", Release("", "", ""))
    texts = {
        "thinkube.yaml": DESCRIPTOR,
        "app.py": APP.format(version=number),
        METADATA_PATH: text_of([metadata_object(context)]),
    }
    files = FileTree({path: File(text.encode()) for path, text in texts.items()})
    began = time.perf_counter()
    signature = Signature("Bench", "bench@example.org", datetime.now(UTC))
    commit = forge.publish(REPOSITORY, files, f"Version {number}", signature)
    while not engine.status("trivial").healthy_for(commit.id):
        time.sleep(0.002)
    return time.perf_counter() - began


def _by_hand(folder: Path) -> tuple[float, float]:
    path = folder / "app.py"
    path.write_text(APP.format(version="by hand"))
    port = free_port(())
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(path)], env={**os.environ, "PORT": str(port)}
    ) as process:
        try:
            _until_answered(lambda: _request(http.client.HTTPConnection("127.0.0.1", port)))
            started = time.perf_counter() - began
            return started, _request_seconds(port)
        finally:
            process.kill()


def _until_answered(ask: Callable[[], None]) -> None:
    while True:
        try:
            ask()
        except ConnectionError:
            time.sleep(0.002)
        else:
            return


def _request_seconds(port: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        _request(connection)
        taken.append(time.perf_counter() - began)
    connection.close()
    return statistics.median(taken)


def _request(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"well"
