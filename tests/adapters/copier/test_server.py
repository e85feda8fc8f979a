"""The render server: contained children, and what is left when something is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.folders import FolderSources, write_folder
from thinkube_catalog.adapters.copier import CopierRenderer, Limits
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.questions import Answers

CANARY = "canary-51c0"
TEMPLATE = {
    "copier.yml": "name: {type: str, default: x}",
    "{{ name }}.txt.jinja": "{{ name }}\n",
}


@pytest.fixture
def release_and_renderer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Release, CopierRenderer]]:
    monkeypatch.setenv("CANARY", CANARY)
    sources = FolderSources()
    release = sources.offer(write_folder(tmp_path / "template", TEMPLATE))
    with CopierRenderer(sources, cache_bytes=0) as renderer:
        renderer.evaluate(release, {})
        yield release, renderer


def server_of(renderer: CopierRenderer) -> psutil.Process:
    pid = renderer._server.pid
    assert pid is not None
    return psutil.Process(pid)


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + 20
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


def test_a_killed_server_is_replaced_unnoticed(
    release_and_renderer: tuple[Release, CopierRenderer],
) -> None:
    release, renderer = release_and_renderer
    first = server_of(renderer)
    first.kill()
    assert renderer.render(release, Answers({"name": "a"})).text("a.txt") == "a\n"
    assert renderer.evaluate(release, {"name": "b"}).answers()["name"] == "b"
    assert server_of(renderer).pid != first.pid


def test_a_killed_form_worker_is_replaced(
    release_and_renderer: tuple[Release, CopierRenderer],
) -> None:
    release, renderer = release_and_renderer
    (worker,) = server_of(renderer).children()
    worker.kill()
    assert renderer.evaluate(release, {}).questions[0].value == "x"


def test_children_end_with_their_server(
    release_and_renderer: tuple[Release, CopierRenderer],
) -> None:
    _, renderer = release_and_renderer
    server = server_of(renderer)
    children = server.children()
    assert children
    server.kill()
    assert eventually(lambda: not any(_lives(child) for child in children))


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_closing_leaves_no_process(release_and_renderer: tuple[Release, CopierRenderer]) -> None:
    _, renderer = release_and_renderer
    server = server_of(renderer)
    family = [server, *server.children(recursive=True)]
    renderer.close()
    assert not any(_lives(process) for process in family)


def test_the_server_ends_with_the_service_however_that_ends(tmp_path: Path) -> None:
    write_folder(tmp_path / "template", TEMPLATE)
    script = f"""
import os, sys
sys.path.insert(0, {str(Path.cwd())!r})
from pathlib import Path
from tests.folders import FolderSources
from thinkube_catalog.adapters.copier import CopierRenderer
sources = FolderSources()
renderer = CopierRenderer(sources)
renderer.evaluate(sources.offer(Path({str(tmp_path / "template")!r})), {{}})
print(renderer._server.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    assert eventually(lambda: not psutil.pid_exists(pid))


def test_neither_server_nor_children_have_the_services_environment(
    release_and_renderer: tuple[Release, CopierRenderer],
) -> None:
    _, renderer = release_and_renderer
    server = server_of(renderer)
    for process in [server, *server.children()]:
        assert CANARY not in Path(f"/proc/{process.pid}/environ").read_text()


def test_children_have_no_files_of_the_service(
    release_and_renderer: tuple[Release, CopierRenderer],
    tmp_path: Path,
) -> None:
    _, renderer = release_and_renderer
    with (tmp_path / "open.txt").open("w"):
        server = server_of(renderer)
        opened = {
            str(path.readlink())
            for process in [server, *server.children()]
            for path in Path(f"/proc/{process.pid}/fd").iterdir()
        }
    assert not [name for name in opened if name.startswith(str(tmp_path))]


def test_many_threads_render_at_once(
    release_and_renderer: tuple[Release, CopierRenderer],
) -> None:
    release, renderer = release_and_renderer
    names = [f"n{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(lambda n: renderer.render(release, Answers({"name": n})), names))
        forms = list(pool.map(lambda n: renderer.evaluate(release, {"name": n}), names))
    assert [list(tree) for tree in trees] == [[f"{name}.txt"] for name in names]
    assert [form.answers()["name"] for form in forms] == names
    assert threading.active_count() < 40


def test_idle_form_workers_are_ended(tmp_path: Path) -> None:
    sources = FolderSources()
    release = sources.offer(write_folder(tmp_path / "template", TEMPLATE))
    with CopierRenderer(sources, Limits(form_idle_seconds=0.2), cache_bytes=0) as renderer:
        renderer.evaluate(release, {})
        assert eventually(lambda: not server_of(renderer).children())
        assert renderer.evaluate(release, {}).questions[0].value == "x"


def test_only_so_many_form_workers_stay(tmp_path: Path) -> None:
    sources = FolderSources()
    with CopierRenderer(sources, Limits(form_workers=2)) as renderer:
        for number in range(5):
            folder = write_folder(tmp_path / f"template-{number}", TEMPLATE)
            renderer.evaluate(sources.offer(folder), {})
        assert len(server_of(renderer).children()) == 2


CONTAINED = """
import os, socket, subprocess, sys
from pathlib import Path
from thinkube_catalog.adapters.copier import containment, seal
seal.seal()
containment.confine([Path(sys.argv[1]) / "read"], [Path(sys.argv[1]) / "write"])
attempts = {
    "read": lambda: open(sys.argv[1] + "/read/x").read(),
    "write": lambda: open(sys.argv[1] + "/write/x", "w").close(),
    "socket": lambda: socket.socket(),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
    "program": lambda: subprocess.run(["true"]),
    "shell": lambda: os.system("true"),
    "fork": lambda: os.fork(),
    "read elsewhere": lambda: open(sys.argv[1] + "/other/x").read(),
    "write where only reading is": lambda: open(sys.argv[1] + "/read/x", "w").close(),
    "write elsewhere": lambda: open(sys.argv[1] + "/other/y", "w").close(),
    "climb": lambda: open(sys.argv[1] + "/read/../other/x").read(),
    "list elsewhere": lambda: os.listdir(sys.argv[1] + "/other"),
    "remove elsewhere": lambda: os.remove(sys.argv[1] + "/other/x"),
    "rename": lambda: os.rename(sys.argv[1] + "/write/x", sys.argv[1] + "/other/z"),
    "kill": lambda: os.kill(os.getppid(), 0),
    "library": lambda: __import__("ctypes").CDLL(None),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except OSError as error:
        print(f"{name}: refused")
    else:
        print(f"{name}: done")
"""


def test_a_contained_process_can_read_and_write_its_own_and_nothing_else(tmp_path: Path) -> None:
    for folder in ("read", "write", "other"):
        write_folder(tmp_path / folder, {"x": "x"})
    done = subprocess.run(
        [sys.executable, "-c", CONTAINED, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    outcomes = dict(line.split(": ") for line in done.stdout.splitlines())
    assert [name for name, outcome in outcomes.items() if outcome == "done"] == ["read", "write"]
    assert len(outcomes) == 16
    assert (tmp_path / "other/x").read_text() == "x"


SEALED = """
import ctypes, os
from thinkube_catalog.adapters.copier import seal
libc = ctypes.CDLL(None, use_errno=True)
sealed = seal.seal()
outcomes = [libc.socket(2, 1, 0), libc.fork(), libc.execv(b"/bin/true", None)]
print(sealed, outcomes, os.path.exists("/"))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine not in {"x86_64", "aarch64"},
    reason="the kernel's filter is used on Linux alone",
)
def test_the_kernel_itself_refuses_sockets_and_programs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEALED], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "True [-1, -1, -1] True\n"


def test_the_server_has_no_network(release_and_renderer: tuple[Release, CopierRenderer]) -> None:
    _, renderer = release_and_renderer
    if not renderer._server.without_network:
        return  # not permitted here; then the kernel's filter and the audit hook stand alone
    interfaces = Path(f"/proc/{server_of(renderer).pid}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] in ([], ["lo"])
