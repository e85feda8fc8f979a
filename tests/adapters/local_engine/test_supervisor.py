"""The supervisor of one process, as a program."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from thinkube_catalog.adapters.local_engine import shim
from thinkube_catalog.adapters.local_engine.instances import Instance, InstanceRecord, Order
from thinkube_catalog.adapters.local_engine.logs import last_lines, read_logs

PYTHON = sys.executable
RECORD = InstanceRecord(1, "web", "c0ffee", "c0ffee.1", "service")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    made = Instance.create(tmp_path / "instances", RECORD)
    yield made
    until(made.retire)


def until(fits: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def order(*command: str, **changes: object) -> Order:
    usual: dict[str, object] = {
        "command": command,
        "folder": Path("/"),
        "environment": {"PATH": os.defpath},
        "grace_seconds": 0.5,
        "first_pause_seconds": 0.05,
    }
    return Order(**{**usual, **changes})  # type: ignore[arg-type] # fields by name


def of_instance(instance: Instance) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("THINKUBE_INSTANCE") == str(instance.folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_process_that_ends_is_started_again_with_growing_pauses(instance: Instance) -> None:
    instance.spawn(order("/bin/sh", "-c", "echo born; exit 7"))
    until(lambda: instance.state().exits >= 4)
    ended = instance.state().exit
    assert ended is not None
    assert (ended.code, ended.signal) == (7, None)
    notes = [line for line in last_lines(instance.folder, 50) if "starting again" in line]
    assert [note.rsplit(" in ", 1)[1] for note in notes[:3]] == ["0.05 s", "0.1 s", "0.2 s"]


def test_a_job_runs_once(instance: Instance) -> None:
    instance.spawn(order("/bin/sh", "-c", "echo done", once=True))
    until(lambda: not instance.running())
    assert instance.state().phase == "finished"
    assert last_lines(instance.folder, 5) == ("done",)


def test_a_program_that_is_not_there_is_said_in_the_log(instance: Instance) -> None:
    instance.spawn(order("no-such-program"))
    until(lambda: instance.state().exits >= 1)
    assert "cannot start ['no-such-program']" in " ".join(last_lines(instance.folder, 5))


def test_stopping_ends_everything_below_even_what_left_the_group(instance: Instance) -> None:
    script = "setsid sleep 600 & (setsid setsid sleep 601 &) ; trap '' TERM; sleep 602 & wait; wait"
    instance.spawn(order("/bin/sh", "-c", script))
    until(lambda: len(of_instance(instance)) >= 4)
    until(instance.retire)
    assert of_instance(instance) == []


def test_processes_that_keep_forking_are_all_ended(instance: Instance) -> None:
    source = (
        "import os, time\n"
        "for _ in range(40):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        while True:\n"
        "            if os.fork():\n"
        "                os._exit(0)\n"
        "            os.setsid()\n"
        "            time.sleep(0.01)\n"
        "time.sleep(600)\n"
    )
    instance.spawn(order(PYTHON, "-c", source))
    until(lambda: len(of_instance(instance)) >= 20)
    until(instance.retire)
    time.sleep(0.1)
    assert of_instance(instance) == []


def test_what_a_crashed_process_left_behind_does_not_hold_its_port(instance: Instance) -> None:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    source = (
        "import os, socket, time\n"
        f"s = socket.create_server(('127.0.0.1', {port}))\n"
        "if os.fork() == 0: os.setsid(); time.sleep(600)\n"
        "print('bound', flush=True); os._exit(1)\n"
    )
    instance.spawn(order(PYTHON, "-c", source))
    until(lambda: instance.state().exits >= 3)
    assert "Address already in use" not in " ".join(last_lines(instance.folder, 50))


def test_the_log_keeps_its_end_within_bounds(instance: Instance) -> None:
    source = "import sys\nfor i in range(200000): print('line', i)\nprint('END')"
    instance.spawn(order(PYTHON, "-c", source, once=True, log_file_bytes=100_000))
    until(lambda: not instance.running())
    files = list((instance.folder / "log").iterdir())
    assert len(files) <= 5
    assert sum(file.stat().st_size for file in files) < 5 * 100_000 + 50_000
    assert last_lines(instance.folder, 1) == ("END",)


def test_a_line_without_end_is_cut(instance: Instance) -> None:
    source = "import sys; sys.stdout.write('x' * 300000)"
    instance.spawn(order(PYTHON, "-c", source, once=True))
    until(lambda: not instance.running())
    lines = read_logs({1: ("web", instance.folder)}, "", 1000)
    assert sum(len(line.text) for line in lines) == 300000
    assert max(len(line.text) for line in lines) <= shim.LONGEST_LINE


def test_the_same_instance_never_runs_twice(instance: Instance) -> None:
    instance.spawn(order("sleep", "600"))
    until(lambda: instance.state().pid)
    first = instance.state().pid
    again = Instance(instance.folder, RECORD)
    again.spawn(order("sleep", "600"))
    until(lambda: not again._launched())
    assert [each.pid for each in of_instance(instance)] == [first]


def test_a_retired_instance_never_runs_again(instance: Instance) -> None:
    instance.retire()
    instance.spawn(order("sleep", "600"))
    until(lambda: not instance.running())
    assert instance.state().phase == ""


def test_an_order_cut_short_starts_nothing(instance: Instance) -> None:
    command = [PYTHON, "-I", "-S", shim.__file__, str(instance.folder)]
    ended = subprocess.run(command, input=b'{"command": ["sle', check=False, timeout=20)
    assert ended.returncode == shim.NOTHING_TO_DO
    assert of_instance(instance) == []


def test_a_killed_supervisor_takes_its_process_along_and_the_rest_is_found(
    instance: Instance,
) -> None:
    instance.spawn(order("/bin/sh", "-c", "setsid sleep 600 & exec sleep 601"))
    until(lambda: len(of_instance(instance)) == 2)
    os.kill(instance.state().supervisor, signal.SIGKILL)
    until(lambda: not instance.running())
    until(lambda: len(of_instance(instance)) == 1)
    assert not instance.stop()
    instance.kill_strays()
    until(instance.stop)


def test_secrets_are_in_the_process_and_nowhere_on_disk(instance: Instance) -> None:
    environment = {"PATH": os.defpath, "TOKEN": "canary-secret-1"}
    instance.spawn(order("sleep", "600", environment=environment))
    until(lambda: instance.state().pid)
    until(lambda: psutil.Process(instance.state().pid).name() == "sleep")
    assert psutil.Process(instance.state().pid).environ()["TOKEN"] == "canary-secret-1"
    supervisor = psutil.Process(instance.state().supervisor)
    assert "canary-secret-1" not in " ".join(supervisor.cmdline())
    for path in instance.folder.rglob("*"):
        assert path.is_dir() or b"canary-secret-1" not in path.read_bytes()


def test_a_progress_bar_leaves_its_last_state(instance: Instance) -> None:
    source = r"print('10 %\r50 %\r100 %')"
    instance.spawn(order(PYTHON, "-c", source, once=True))
    until(lambda: not instance.running())
    assert last_lines(instance.folder, 5) == ("100 %",)
