"""Python environments made by the real uv, from packages that are made here."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import zipfile
from pathlib import Path

import pytest

from tests.adapters.local_engine.conftest import Stage
from tests.adapters.local_engine.projects import container, get, project, push, wait_healthy
from thinkube_catalog.adapters.local_engine.environments import (
    EnvironmentAbandonedError,
    EnvironmentFailedError,
    Environments,
    uv_environment,
)
from thinkube_catalog.adapters.local_engine.files import take_lock
from thinkube_catalog.domain.gitops import CauseKind

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
ONLY_HERE = "--no-index\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: here\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def a_wheel(folder: Path, name: str, version: str = "1.0") -> None:
    """Make a package with one module that says its version."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": METADATA.format(name=name, version=version),
        f"{info}/WHEEL": WHEEL,
    }
    record = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have uv look into a folder only, and keep its cache to this test."""
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    a_wheel(tmp_path / "wheels", "greeting")
    return tmp_path / "wheels"


def requirements(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "requirements.txt"
    path.write_text(f"{ONLY_HERE}{text}")
    return path


def said_by(environment: Path) -> str:
    program = [str(environment / "bin/python"), "-c", "import greeting; print(greeting.VERSION)"]
    return subprocess.check_output(program, text=True).strip()


def test_the_same_requirements_share_one_environment(wheels: Path, tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    said: list[str] = []
    first = environments.ensure(requirements(tmp_path / "a", "greeting==1.0\n"), said.append)
    assert said_by(first) == "1.0"
    assert any("1 package" in each for each in said)
    said.clear()
    again = environments.ensure(requirements(tmp_path / "b", "greeting==1.0\n"), said.append)
    assert (again, said) == (first, [])
    a_wheel(wheels, "greeting", "2.0")
    other = environments.ensure(requirements(tmp_path / "b", "greeting==2.0\n"), said.append)
    assert other != first
    assert said_by(other) == "2.0"


def test_an_included_file_is_part_of_the_requirements(wheels: Path, tmp_path: Path) -> None:
    a_wheel(wheels, "greeting", "2.0")
    environments = Environments(tmp_path / "environments")
    path = requirements(tmp_path / "a", "greeting\n-c limits.txt\n")
    limits = tmp_path / "a" / "limits.txt"
    limits.write_text("greeting<2\n")
    assert said_by(environments.ensure(path, print)) == "1.0"
    limits.write_text("greeting>=2\n")
    assert said_by(environments.ensure(path, print)) == "2.0"


def test_requirements_that_cannot_be_met_are_a_cause_with_lines(
    wheels: Path, tmp_path: Path
) -> None:
    environments = Environments(tmp_path / "environments")
    with pytest.raises(EnvironmentFailedError) as caught:
        environments.ensure(requirements(tmp_path / "a", "no-such-package\n"), print)
    cause = caught.value.cause
    assert cause.kind is CauseKind.ENVIRONMENT_FAILED
    assert "no-such-package" in " ".join(cause.lines)
    assert cause.message.startswith("the requirements cannot be installed: ")
    assert "requirements file" in cause.mend


def test_an_interrupted_attempt_is_made_anew(wheels: Path, tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    path = requirements(tmp_path / "a", "greeting\n")
    made = environments.ensure(path, print)
    (made / "complete.json").unlink()
    (made / "bin" / "python").unlink()
    assert said_by(environments.ensure(path, print)) == "1.0"


def test_an_installation_under_way_elsewhere_is_waited_for(wheels: Path, tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    path = requirements(tmp_path / "a", "greeting\n")
    made = environments.ensure(path, print)
    (made / "complete.json").unlink()
    lock = take_lock(made.with_name(f"{made.name}.lock"))
    assert lock is not None
    said: list[str] = []
    waiting = threading.Thread(target=environments.ensure, args=(path, said.append))
    waiting.start()
    while not said:
        time.sleep(0.01)
    assert said[0] == "waiting for another installation of the same packages"
    os.close(lock)
    waiting.join(timeout=30)
    assert (made / "complete.json").exists()


def test_an_installation_that_takes_too_long_is_ended(wheels: Path, tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments", patience_seconds=0.0)
    with pytest.raises(EnvironmentFailedError, match="took too long"):
        environments.ensure(requirements(tmp_path / "a", "greeting\n"), print)


def test_an_installation_that_nobody_needs_is_ended(wheels: Path, tmp_path: Path) -> None:
    abandoned = threading.Event()
    abandoned.set()
    with pytest.raises(EnvironmentAbandonedError):
        Environments(tmp_path / "environments").ensure(
            requirements(tmp_path / "a", "greeting\n"), print, abandoned
        )


def test_environments_long_unused_are_deleted(wheels: Path, tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    made = environments.ensure(requirements(tmp_path / "a", "greeting\n"), print)
    assert environments.prune(3600) == []
    os.utime(made / "complete.json", (1, 1))
    assert environments.prune(3600) == [made.name]
    assert not made.exists()


def test_only_what_concerns_packages_is_passed_to_uv() -> None:
    ours = {
        "UV_OFFLINE": "1",
        "HTTPS_PROXY": "http://proxy:1",
        "SSL_CERT_FILE": "/ca.pem",
        "PIP_INDEX_URL": "https://index.example.org/simple",
        "PIP_FIND_LINKS": "/a /b",
        "THINKUBE_SECRET_KEY": "canary",
        "PATH": "/bin",
    }
    passed = uv_environment(ours)
    assert "THINKUBE_SECRET_KEY" not in passed
    assert passed["UV_DEFAULT_INDEX"] == "https://index.example.org/simple"
    assert passed["UV_FIND_LINKS"] == "/a,/b"
    assert passed["HTTPS_PROXY"] == "http://proxy:1"


def test_a_project_runs_with_what_it_requires(wheels: Path, stage: Stage) -> None:
    app = (
        "import greeting, http.server, os\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers()\n"
        "        self.wfile.write(greeting.VERSION.encode())\n"
        "http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()\n"
    )
    dev = {"command": "python app.py", "requirements": "requirements.txt"}
    files = {"app.py": app, "requirements.txt": f"{ONLY_HERE}greeting==1.0\n"}
    engine = stage.start()
    first = push(stage.forge, project("one", [container(dev=dev)], files))
    status = wait_healthy(engine, first)
    assert get(status.url) == "1.0"
    a_wheel(wheels, "greeting", "2.0")
    files["requirements.txt"] = f"{ONLY_HERE}greeting==2.0\n"
    wait_healthy(engine, push(stage.forge, project("two", [container(dev=dev)], files)))
    assert get(status.url) == "2.0"


@pytest.mark.slow
def test_a_real_web_framework_is_installed_and_serves(stage: Stage) -> None:
    app = (
        "from fastapi import FastAPI\n"
        "app = FastAPI()\n"
        "@app.get('/health')\n"
        "def health() -> str: return 'well'\n"
    )
    dev = {"command": "uvicorn app:app --port $PORT", "requirements": "requirements.txt"}
    files = {"app.py": app, "requirements.txt": "fastapi==0.165.0\nuvicorn==0.54.0\n"}
    engine = stage.start()
    commit = push(stage.forge, project("one", [container(dev=dev)], files))
    assert get(f"{wait_healthy(engine, commit).url}/health") == '"well"'
