"""Replicas for tests: processes on one database and one world, to be killed, paused and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.replicas.replica import OWNER
from tests.stand_ins import Shelf
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.domain.forge import Repository

ROOT = Path(__file__).parents[2]
HELLO = ROOT / "tests" / "journeys" / "hello"
Json = dict[str, Any]


@dataclass
class Replica:
    """One service process on a data folder of its own."""

    installation: Installation
    folder: Path
    version: str
    lease: float

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        program = [sys.executable, "-m", "tests.replicas.replica", str(self.installation.world)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*program, self.version, str(self.lease)],
                cwd=ROOT,
                env=self.installation.environment(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def address(self) -> str:
        """Where it answers; waits until it does."""
        file = self.folder / "service.json"

        def announced() -> bool:
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            return file.exists() and json.loads(file.read_text())["pid"] == self.process.pid

        wait_until(announced, "a replica answers")
        address: str = json.loads(file.read_text())["address"]
        return address

    def ask(self, method: str, path: str, **named: Any) -> httpx.Response:
        return httpx.request(method, f"{self.address}{path}", timeout=60, **named)

    def get(self, path: str) -> Json:
        found: Json = self.ask("GET", f"/api/v1{path}").raise_for_status().json()
        return found

    def post(self, path: str, document: Json | None = None) -> Json:
        answer = self.ask("POST", f"/api/v1{path}", json=document or {})
        found: Json = answer.raise_for_status().json()
        return found

    def deploy(self, name: str) -> Json:
        asked = {"template": "tkt-hello", "name": name, "answers": {}}
        return self.post("/deployments", asked)

    def run_of(self, name: str) -> Json:
        found: Json = self.get(f"/deployments/{name}")["run"]
        return found

    def carried(self) -> dict[str, int]:
        """Return how many runs each replica carries, by its version, as the metrics say."""
        found: Counter[str] = Counter()
        for line in self.ask("GET", "/metrics").text.splitlines():
            if line.startswith("thinkube_catalog_runs_carried{"):
                version = line.partition('version="')[2].partition('"')[0]
                found[version] += int(float(line.rpartition(" ")[2]))
        return dict(found)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        self.process.terminate()

    def again(self, version: str = "") -> Replica:
        """Start anew on the same folder; return the new process."""
        return self.installation.start(self.folder.name, version or self.version, self.lease)


@dataclass
class Installation:
    """A database, a world and the replicas on them."""

    root: Path
    database: str
    replicas: list[Replica] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = self.root / "world"
        self.world.mkdir(parents=True)
        shutil.copytree(HELLO, self.root / "tkt-hello")
        catalogue = self.root / "catalog"
        catalogue.mkdir()
        entry = {"name": "tkt-hello", "type": "application_template", "source": "../tkt-hello"}
        document = {"version": "1", "repositories": [entry]}
        (catalogue / "repositories.json").write_text(json.dumps(document))
        self.shelf = Shelf(self.world / "world")
        self.forge = LocalForge(self.world / "git")

    def environment(self, folder: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "THINKUBE" not in name}
        provider = {"name": "g", "type": "llm", "url": "http://g/v1", "model": "m", "api_key": "k"}
        return {
            **kept,
            "HOME": str(self.root),
            "THINKUBE_DATA_DIR": str(folder),
            "THINKUBE_CATALOG": str(self.root / "catalog"),
            "THINKUBE_DATABASE_URL": self.database,
            "THINKUBE_SECRET_KEY": "a key of the replicas that is long enough",
            "THINKUBE_PROVIDERS": json.dumps([provider]),
        }

    def start(self, name: str, version: str = "1", lease: float = 5.0) -> Replica:
        """Start a replica; ask for its address to wait until it answers."""
        replica = Replica(self, self.root / name, version, lease)
        self.replicas.append(replica)
        return replica

    def patience(self, looks: int) -> None:
        """Have every new version need so many looks until it is healthy."""
        with self.shelf.change() as world:
            world.patience = looks

    def hold(self, place: str) -> Path:
        """Have whoever comes to that place of a port wait there; give the file to remove."""
        file = self.world / f"hold-{place}"
        file.touch()
        return file

    def is_held(self, place: str, replica: Replica) -> bool:
        return (self.world / f"held-{place}-{replica.process.pid}").exists()

    def close(self) -> None:
        for replica in self.replicas:
            replica.go_on()
            replica.process.kill()
            replica.process.wait()

    def faults(self, names: Sequence[str], witness: Replica, commits: int = 1) -> list[str]:
        """Say what is not as it would be had nothing ever been killed."""
        found = []
        world = self.shelf.world()
        if sorted(world.made) != sorted(f"application {name}" for name in names):
            found.append(f"made: {world.made}")
        records = [each["name"] for each in witness.get("/deployments?limit=200")["items"]]
        if records != sorted(names):
            found.append(f"records: {records}")
        for name in names:
            found += self._faults_of(name, witness, commits)
        return found

    def _faults_of(self, name: str, witness: Replica, commits: int) -> list[str]:
        seen = witness.get(f"/deployments/{name}")
        history = self.forge.history(Repository(OWNER, name))
        events = witness.get(f"/deployments/{name}/events")["items"]
        own = [event for event in events if event["kind"] != "step progress"]
        told = Counter(
            (event["run"], event["step"], event["attempt"], event["kind"], event["message"])
            if not event["run"]
            else (event["run"], event["step"], event["attempt"], event["kind"])
            for event in own
        )
        found = [f"{name}: told twice: {each}" for each, count in told.items() if count > 1]
        if seen["run"]["state"] != "succeeded":
            found.append(f"{name}: the run {seen['run']}")
        if len(history) != commits:
            found.append(f"{name}: {len(history)} commits")
        if seen["state"] != "healthy" or seen["commit"] != history[0].id:
            found.append(f"{name}: {seen}")
        if self.shelf.world().serving.get(name) != history[0].id:
            found.append(f"{name}: not serving its commit")
        if [event["cursor"] for event in events] != sorted({event["cursor"] for event in events}):
            found.append(f"{name}: cursors out of order")
        return found


def wait_until(reached: Callable[[], object], what: str, seconds: float = 180) -> None:
    """Wait for something that has to come; fail by saying what did not."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.05)


def ended(witness: Replica, names: Sequence[str]) -> bool:
    """Say whether the newest run of each of the deployments has ended."""
    return all(
        witness.run_of(name)["state"] in {"succeeded", "failed", "cancelled"} for name in names
    )
