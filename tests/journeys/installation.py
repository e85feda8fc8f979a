"""A real installation for tests: the program as people run it, on a data folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

HELLO = Path(__file__).parent / "hello"
Json = dict[str, Any]


@dataclass
class Installation:
    """`tkt` with its own data folder and catalogue of one template.

    `stop` ends everything it started.
    """

    root: Path
    extra: dict[str, str] = field(default_factory=dict)
    template: Path = HELLO

    def __post_init__(self) -> None:
        self.data_dir = self.root / "data"
        self.catalog = self.root / "catalog"
        catalogue = self.catalog
        catalogue.mkdir(parents=True)
        name = f"tkt-{self.template.name}"
        shutil.copytree(self.template, self.root / name)
        entry = {"name": name, "type": "application_template", "source": f"../{name}"}
        document = {"version": "1", "repositories": [entry]}
        (catalogue / "repositories.json").write_text(json.dumps(document))

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "THINKUBE" not in name}
        return {
            **kept,
            "HOME": str(self.root),
            "THINKUBE_DATA_DIR": str(self.data_dir),
            "THINKUBE_CATALOG": str(self.catalog),
            "GIT_AUTHOR_NAME": "A developer",
            "GIT_AUTHOR_EMAIL": "developer@example.com",
            "GIT_COMMITTER_NAME": "A developer",
            "GIT_COMMITTER_EMAIL": "developer@example.com",
            **self.extra,
        }

    def tkt(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command as a person would, with nobody at the terminal."""
        return subprocess.run(
            [sys.executable, "-m", "thinkube_catalog.main", *arguments],
            env=self.environment,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        return json.loads(self.tkt(*arguments, "--json").stdout)

    def deployment(self, name: str) -> Json:
        found: Json = self.json("status", name)
        return found

    def events(self, name: str) -> list[Json]:
        """Return every event of a deployment, as the API has them."""
        address = json.loads((self.data_dir / "service.json").read_text())["address"]
        page = httpx.get(f"{address}/api/v1/deployments/{name}/events", timeout=30)
        events: list[Json] = page.raise_for_status().json()["items"]
        return events

    def service_pid(self) -> int:
        return int(json.loads((self.data_dir / "service.json").read_text())["pid"])

    def kill_service(self) -> None:
        """End the service as a crash would."""
        pid = self.service_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not _alive(pid), "the service is gone")

    def clone(self, name: str) -> Path:
        """Clone a deployment's repository afresh, as its developer would."""
        folder = self.root / "work" / name
        shutil.rmtree(folder, ignore_errors=True)
        self.git("clone", "-q", self.deployment(name)["clone_url"], str(folder))
        return folder

    def push(self, folder: Path, message: str) -> str:
        """Commit everything in a clone, push it, and return the commit's id."""
        self.git("-C", str(folder), "add", "-A")
        self.git("-C", str(folder), "commit", "-q", "-m", message)
        self.git("-C", str(folder), "push", "-q")
        return self.git("-C", str(folder), "rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    def copier(self, location: str, folder: Path, answers: dict[str, str]) -> None:
        """Do what a person without this program does."""
        given = [part for name, value in answers.items() for part in ("-d", f"{name}={value}")]
        subprocess.run(
            [
                *(sys.executable, "-m", "copier", "copy", "-q", "-x", ".git", "-l"),
                *(*given, location, str(folder)),
            ],
            env=self.environment,
            capture_output=True,
            timeout=60,
            check=True,
        )

    def stop(self) -> None:
        """Remove every deployment, then the service; what is left is a fault of its own."""
        for deployment in self.json("ps")["items"]:
            self.tkt("remove", deployment["name"], "--yes", "--repository", "--volumes")
        self.tkt("stop")


def ask(url: str) -> Json:
    """Ask an application how it is set up."""
    answer: Json = httpx.get(url, timeout=10).raise_for_status().json()
    return answer


def wait_until(reached: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for something that has to come; fail by saying what did not."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
