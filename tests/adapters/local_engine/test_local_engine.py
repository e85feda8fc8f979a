"""What the embedded engine does beyond the promises that every engine keeps."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.adapters.local_engine.conftest import LEGAL_QA, QUICK, Stage
from tests.adapters.local_engine.projects import (
    answer_code,
    container,
    get,
    get_mapping,
    project,
    push,
    wait_failed,
    wait_for,
    wait_healthy,
    web,
)
from thinkube_catalog.adapters.local_engine.engine import EngineBusyError
from thinkube_catalog.domain.gitops import CauseKind, Health
from thinkube_catalog.domain.secrets import SecretValue

STORING = container(
    volume="/data",
    environment=[{"name": "DATA_DIR", "value": "/data/store"}],
    dev={"command": "python3 app.py --store /data"},
)
KEEP = """
import fcntl
place = pathlib.Path(os.environ["DATA_DIR"]); place.mkdir(parents=True, exist_ok=True)
lock = open(place / "lock", "w"); fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
(place / VERSION).touch()
VERSION = " ".join(sorted(p.name for p in place.iterdir()))
"""


def test_the_environment_is_made_from_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "leaked")
    engine = stage.start()
    url = wait_healthy(engine, push(stage.forge, project("one"))).url
    found = get_mapping(f"{url}/environment")
    assert "leaked" not in found.values()
    assert found["APP_NAME"] == "legal-qa"
    assert found["APP_URL"] == url
    home = str(stage.root / "apps" / "legal-qa" / "home" / "web")
    assert found["HOME"] == home
    assert found["TMPDIR"].startswith(str(stage.root))
    assert not [name for name in found if name.startswith(("UV_", "PIP_", "PYTEST", "SSL_"))]


def test_secrets_reach_the_process_and_a_changed_one_restarts_it(stage: Stage) -> None:
    stage.secrets.put("legal-qa/TOKEN", SecretValue("canary-1"))
    application = replace(LEGAL_QA, secrets={"TOKEN": "legal-qa/TOKEN"})
    engine = stage.start(application)
    commit = push(stage.forge, project("one", secrets=["TOKEN"]))
    url = wait_healthy(engine, commit).url
    assert get_mapping(f"{url}/environment")["TOKEN"] == "canary-1"
    stage.secrets.put("legal-qa/TOKEN", SecretValue("canary-2"))
    engine.sync("legal-qa", commit.id)
    assert not engine.status("legal-qa").healthy_for(commit.id)
    wait_healthy(engine, commit)
    assert get_mapping(f"{url}/environment")["TOKEN"] == "canary-2"
    for path in stage.root.rglob("*"):
        assert not path.is_file() or b"canary-" not in path.read_bytes()


def test_a_crashing_version_is_given_up_with_its_last_words(stage: Stage) -> None:
    engine = stage.start()
    good = push(stage.forge, project("one"))
    url = wait_healthy(engine, good).url
    bad = push(stage.forge, project("two", files={"app.py": "raise SystemExit('no model found')"}))
    status = wait_failed(engine, bad)
    assert status.causes[0].kind is CauseKind.CRASH_LOOP
    assert "no model found" in status.causes[0].lines
    assert status.serving == good.id
    assert get(url) == "one"
    assert f"{good.id[:7]} still serves" in status.message


def test_a_version_that_never_gets_ready_is_given_up(stage: Stage) -> None:
    stage.timings = replace(QUICK, start=1.0)
    stage.engine = stage.new_engine()
    engine = stage.start()
    bad = push(stage.forge, project("one", files={"app.py": "import time; time.sleep(600)"}))
    status = wait_failed(engine, bad)
    assert status.causes[0].kind is CauseKind.FAILED_PROBE
    assert "nothing listens" in status.causes[0].message


def test_a_container_that_is_only_for_a_cluster_is_named(stage: Stage) -> None:
    engine = stage.start()
    status = wait_failed(engine, push(stage.forge, project("one", [container(dev=None)])))
    assert status.causes[0].kind is CauseKind.BAD_DESCRIPTOR
    assert "container web cannot be run by the embedded engine" in status.causes[0].message
    assert "spec.containers[0].dev" in status.causes[0].mend


def test_a_failed_version_is_not_tried_again_until_a_sync(stage: Stage, tmp_path: Path) -> None:
    engine = stage.start()
    extra = f"if not os.path.exists({str(tmp_path / 'mended')!r}): os._exit(9)"
    commit = push(stage.forge, project("one", files={"app.py": web("one", extra)}))
    wait_failed(engine, commit)
    (tmp_path / "mended").touch()
    time.sleep(0.5)
    assert engine.status("legal-qa").failed
    engine.sync("legal-qa", commit.id)
    wait_healthy(engine, commit)


def test_the_newest_of_many_pushes_wins(stage: Stage) -> None:
    engine = stage.start()
    pushers = [
        threading.Thread(target=push, args=(stage.forge, project(f"version {number}")))
        for number in range(8)
    ]
    for pusher in pushers:
        pusher.start()
        time.sleep(0.03)
    for pusher in pushers:
        pusher.join()
    last = push(stage.forge, project("the last"))
    assert get(wait_healthy(engine, last).url) == "the last"
    wait_for(engine, lambda _: len(stage.processes()) == 1)


def test_requests_under_way_are_finished_by_the_version_that_has_them(stage: Stage) -> None:
    engine = stage.start()
    extra = "Handler.timeout = 30"
    url = wait_healthy(
        engine, push(stage.forge, project("one", files={"app.py": web("one", extra)}))
    ).url
    answers: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(get(f"{url}/slow"))

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    wait_healthy(engine, push(stage.forge, project("two")))
    stop.set()
    for thread in asking:
        thread.join()
    assert set(answers) <= {"one", "two"}
    assert get(url) == "two"


def test_stored_files_are_kept_and_never_shared_by_two_versions(stage: Stage) -> None:
    engine = stage.start()
    first = push(stage.forge, project("one", [STORING], {"app.py": web("one", KEEP)}))
    url = wait_healthy(engine, first).url
    assert get(url) == "lock one"
    second = push(stage.forge, project("two", [STORING], {"app.py": web("two", KEEP)}))
    wait_healthy(engine, second)
    assert get(url) == "lock one two"
    volume = stage.root / "apps" / "legal-qa" / "volumes" / "web-storage" / "store"
    assert (volume / "two").exists()
    wait_for(engine, lambda _: not (stage.root / "apps" / "legal-qa" / "rehearsal").exists())


def test_a_broken_version_with_storage_does_not_stop_the_one_that_serves(stage: Stage) -> None:
    engine = stage.start()
    first = push(stage.forge, project("one", [STORING], {"app.py": web("one", KEEP)}))
    url = wait_healthy(engine, first).url
    pid = get(f"{url}/pid")
    broken = push(stage.forge, project("two", [STORING], {"app.py": "raise SystemExit('no')"}))
    assert wait_failed(engine, broken).serving == first.id
    assert get(f"{url}/pid") == pid


def test_a_version_that_fails_only_on_real_storage_gives_way_again(stage: Stage) -> None:
    engine = stage.start()
    first = push(stage.forge, project("one", [STORING], {"app.py": web("one", KEEP)}))
    url = wait_healthy(engine, first).url
    picky = "if os.path.exists(os.environ['DATA_DIR'] + '/one'): sys.exit('old format')\n" + KEEP
    broken = push(stage.forge, project("two", [STORING], {"app.py": web("two", picky)}))
    status = wait_failed(engine, broken)
    assert "old format" in status.causes[0].lines
    wait_for(engine, lambda now: bool(now.containers) and answer_code(url)[0] == 200)
    assert get(url) == "lock one"


def test_removal_says_what_is_kept_and_volumes_go_when_asked(stage: Stage) -> None:
    engine = stage.start()
    wait_healthy(engine, push(stage.forge, project("one", [STORING], {"app.py": web("1", KEEP)})))
    volumes = stage.root / "apps" / "legal-qa" / "volumes"
    left = engine.remove_application("legal-qa", "deployment-1", volumes=False)
    assert left == [f"the stored files of legal-qa in {volumes}"]
    assert volumes.is_dir()
    assert stage.processes() == []
    assert engine.remove_application("legal-qa", "deployment-1", volumes=True) == []
    assert not volumes.exists()


def test_several_containers_share_one_address(stage: Stage) -> None:
    containers = [
        container(name="page", dev={"command": "python3 app.py"}),
        container(name="api", build="./api", dev={"command": "python3 app.py"}),
    ]
    routes = [{"path": "/", "to": "page"}, {"path": "/api", "to": "api"}]
    files = {"app.py": web("page"), "api/app.py": web("api")}
    engine = stage.start()
    url = wait_healthy(
        engine, push(stage.forge, project("x", containers, files, routes=routes))
    ).url
    assert [get(f"{url}{path}") for path in ("/", "/api", "/api/x", "/apix")] == [
        "page",
        "api",
        "api",
        "page",
    ]


def test_a_job_runs_once_per_commit_and_its_failure_is_a_cause(
    stage: Stage, tmp_path: Path
) -> None:
    job = container(
        name="train", port=None, health=None, job=True, dev={"command": "python3 job.py"}
    )
    record = f"open({str(tmp_path / 'runs')!r}, 'a').write('x')\n"
    engine = stage.start()
    commit = push(stage.forge, project("one", [container(), job], {"job.py": record}))
    wait_healthy(engine, commit)
    engine = stage.restart()
    wait_healthy(engine, commit)
    assert (tmp_path / "runs").read_text() == "x"
    bad = push(stage.forge, project("two", [container(), job], {"job.py": "raise SystemExit(4)"}))
    status = wait_failed(engine, bad)
    assert status.serving == commit.id
    assert status.causes[0].kind is CauseKind.JOB_FAILED
    assert status.causes[0].container == "train"


def test_a_first_version_serves_while_its_job_runs_and_fails_with_it(
    stage: Stage, tmp_path: Path
) -> None:
    job = container(
        name="train", port=None, health=None, job=True, dev={"command": "python3 job.py"}
    )
    waits = (
        "import os, time\n"
        f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.02)\n"
        f"raise SystemExit(0 if os.path.exists({str(tmp_path / 'good')!r}) else 5)\n"
    )
    engine = stage.start()
    commit = push(stage.forge, project("one", [container(), job], {"job.py": waits}))
    status = wait_for(engine, lambda now: now.serving == commit.id)
    assert get(status.url) == "one"
    assert engine.status("legal-qa").health is Health.PROGRESSING
    (tmp_path / "go").touch()
    assert wait_failed(engine, commit).causes[0].kind is CauseKind.JOB_FAILED
    (tmp_path / "good").touch()
    engine.sync("legal-qa", commit.id)
    wait_healthy(engine, commit)


def test_a_service_without_a_port_is_well_when_it_keeps_running(stage: Stage) -> None:
    worker = container(port=None, health=None, dev={"command": "sleep 600"})
    engine = stage.start()
    status = wait_healthy(engine, push(stage.forge, project("one", [worker])))
    assert status.url == ""


def test_a_process_that_stops_answering_is_restarted(stage: Stage) -> None:
    stage.timings = replace(QUICK, liveness=0.1, grace=0.2)
    stage.engine = stage.new_engine()
    engine = stage.start()
    commit = push(stage.forge, project("one"))
    url = wait_healthy(engine, commit).url
    pid = get(f"{url}/pid")
    get(f"{url}/hang")
    status = wait_for(engine, lambda now: now.health is Health.DEGRADED)
    assert status.causes[0].kind is CauseKind.FAILED_PROBE
    wait_for(engine, lambda now: now.healthy_for(commit.id) and now.containers[0].restarts == 1)
    assert get(f"{url}/pid") != pid


def test_a_crash_in_service_is_mended_by_a_restart(stage: Stage) -> None:
    engine = stage.start()
    commit = push(stage.forge, project("one"))
    url = wait_healthy(engine, commit).url
    assert answer_code(f"{url}/crash")[0] in {502, 503}  # 503: asked once more, and nobody there
    wait_for(engine, lambda now: now.containers[0].restarts == 1)
    wait_healthy(engine, commit)
    assert get(url) == "one"


def test_a_port_that_another_program_takes_is_replaced(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = iter([taken.getsockname()[1]])
        engine = stage.start()
        real = engine._around.house.new_port

        def new_port() -> int:
            return next(ports, 0) if asked() else real()

        calls = []

        def asked() -> bool:
            calls.append(1)
            return len(calls) == 2  # the first is for the address, the second for the process

        object.__setattr__(engine._around.house, "new_port", new_port)
        status = wait_healthy(engine, push(stage.forge, project("one")))
        assert get(status.url) == "one"
        assert str(port) not in status.url


def test_the_service_comes_back_and_finds_everything_running(stage: Stage) -> None:
    engine = stage.start()
    commit = push(stage.forge, project("one"))
    status = wait_healthy(engine, commit)
    pid = get(f"{status.url}/pid")
    engine.stop(leave_running=True)
    assert get(f"{status.url}/pid") == pid
    second = push(stage.forge, project("two"))
    engine = stage.restart()
    assert wait_healthy(engine, second).url == status.url
    assert get(status.url) == "two"


def test_after_a_restart_of_the_machine_the_last_healthy_version_comes_up(stage: Stage) -> None:
    engine = stage.start()
    good = push(stage.forge, project("one"))
    url = wait_healthy(engine, good).url
    wait_failed(engine, push(stage.forge, project("two", files={"app.py": "raise SystemExit(1)"})))
    engine.stop(leave_running=False)
    assert stage.processes() == []
    engine = stage.restart()
    wait_for(engine, lambda now: answer_code(url)[0] == 200)
    assert get(url) == "one"
    assert engine.status("legal-qa").failed


def test_nothing_is_left_running_once_there_are_no_applications(stage: Stage) -> None:
    engine = stage.start()
    wait_healthy(engine, push(stage.forge, project("one")))
    router = json.loads((stage.root / "router" / "applied.json").read_text())["pid"]
    engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True)
    engine.stop(leave_running=True)
    assert not psutil.pid_exists(router)


def test_two_engines_on_one_folder_are_refused(stage: Stage) -> None:
    stage.start()
    with pytest.raises(EngineBusyError):
        stage.new_engine().start()


def test_a_damaged_record_of_progress_is_rebuilt_from_the_branch(stage: Stage) -> None:
    engine = stage.start()
    commit = push(stage.forge, project("one"))
    url = wait_healthy(engine, commit).url
    engine.stop(leave_running=True)
    (stage.root / "apps" / "legal-qa" / "progress.json").write_text("{ha")
    engine = stage.restart()
    assert wait_healthy(engine, commit).url == url
    wait_for(engine, lambda _: len(stage.processes()) == 1)


def test_a_damaged_declaration_is_mended_from_its_copy(stage: Stage) -> None:
    engine = stage.start()
    commit = push(stage.forge, project("one"))
    wait_healthy(engine, commit)
    engine.stop(leave_running=True)
    (stage.root / "apps" / "legal-qa" / "application.json").write_text("")
    wait_healthy(stage.restart(), commit)


def test_a_lost_declaration_is_reported_and_the_rest_works(stage: Stage) -> None:
    engine = stage.start()
    commit = push(stage.forge, project("one"))
    wait_healthy(engine, commit)
    engine.stop(leave_running=True)
    for name in ("application.json", "application.copy.json"):
        (stage.root / "apps" / "legal-qa" / name).write_text("[1")
    engine = stage.restart()
    status = engine.status("legal-qa")
    assert status.health is Health.UNKNOWN
    assert "its record is lost" in status.message
    engine.ensure_application(LEGAL_QA)
    wait_healthy(engine, commit)
    wait_for(engine, lambda _: len(stage.processes()) == 1)


def test_a_killed_supervisor_is_replaced(stage: Stage) -> None:
    engine = stage.start()
    commit = push(stage.forge, project("one"))
    url = wait_healthy(engine, commit).url
    process = psutil.Process(int(get(f"{url}/pid")))
    supervisor = process.parent()
    assert supervisor is not None
    supervisor.kill()
    wait_for(engine, lambda now: answer_code(url)[0] == 200 and not process.is_running())
    wait_healthy(engine, commit)


def test_reading_a_status_costs_next_to_nothing(stage: Stage) -> None:
    engine = stage.start()
    wait_healthy(engine, push(stage.forge, project("one")))
    with engine._lock:  # no step in between: what is read was made before
        assert engine.status("legal-qa") is engine.status("legal-qa")
