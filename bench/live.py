"""Deploying to a real Gitea and a real Argo CD, beside a script of copier, git and curl.

Both sides are watched by the same eyes: one stream of Argo CD's applications, read here. The
servers' addresses come from the environment, as for tests marked `live`; `python -m bench live`
alone runs it, since nobody has such servers by chance.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx

from bench.rows import Row
from tests import postgresql
from tests.journeys.installation import HELLO, Installation

BATCHES = (1, 10, 100)
ROUNDS_OF_ONE = 5
PATIENCE_SECONDS = 900.0
BY_HAND_ORG = "bench-by-hand"
IN_CLUSTER = "https://kubernetes.default.svc"

BY_HAND = """
set -e
stamp() { date +"$1 %s.%N" >> "$WORK/$NAME.times"; }
stamp begun
copier copy -q -x .git -l -d project_name=$NAME "$TEMPLATE" "$WORK/$NAME"
mkdir "$WORK/$NAME/k8s" && sed "s/NAME/$NAME/g" "$WORK/objects.yaml" > "$WORK/$NAME/k8s/app.yaml"
auth="Authorization: token $THINKUBE_TEST_GITEA_USER_TOKEN"
curl -sf -o /dev/null -H "$auth" -H 'Content-Type: application/json' \\
  -d "{\\"name\\": \\"$NAME\\", \\"private\\": true}" "$GITEA/api/v1/orgs/$ORG/repos"
cd "$WORK/$NAME"
git init -q -b main && git add -A && git commit -q -m "Render it"
git -c http.extraHeader="$auth" push -q "$GITEA/$ORG/$NAME.git" main
stamp pushed
curl -sf -o /dev/null -H "Authorization: Bearer $THINKUBE_TEST_ARGOCD_TOKEN" \\
  -H 'Content-Type: application/json' "$ARGOCD/api/v1/applications" \\
  -d "$(sed "s/NAME/$NAME/g" "$WORK/application.json")"
stamp registered
"""
"""What a person would write: render, make a repository, push, register. They then watch."""

OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
        - {name: web, image: "registry.example.org/NAME:1", ports: [{containerPort: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 8000}]}
"""


def _application() -> str:
    return json.dumps(
        {
            "metadata": {
                "name": "NAME",
                "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            },
            "spec": {
                "project": "default",
                "source": {
                    "repoURL": f"{_given('GITEA_URL')}/{BY_HAND_ORG}/NAME.git",
                    "targetRevision": "main",
                    "path": "k8s",
                },
                "destination": {"server": IN_CLUSTER, "namespace": "NAME"},
                "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
            },
        }
    )


@dataclass
class Passage:
    """When one application got where; seconds of this machine's clock."""

    asked: float
    pushed: float
    synced: float
    healthy: float


@dataclass
class Watcher:
    """Reads Argo CD's stream of applications and notes when each was first synced, and healthy."""

    url: str
    token: str
    synced: dict[str, float] = field(default_factory=dict)
    healthy: dict[str, float] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "text/event-stream"}
        address = f"{self.url}/api/v1/stream/applications"
        while not self.ended.is_set():
            with httpx.stream("GET", address, headers=headers, timeout=300) as answer:
                for line in answer.iter_lines():
                    if self.ended.is_set():
                        return
                    if line.startswith("data:"):
                        self._note(json.loads(line.removeprefix("data:")))

    def _note(self, message: dict[str, dict[str, dict[str, dict[str, object]]]]) -> None:
        application = message["result"]["application"]
        name = str(application["metadata"]["name"])
        status = json.loads(json.dumps(application.get("status", {})))
        if status.get("sync", {}).get("status") == "Synced" and status.get("resources"):
            self.synced.setdefault(name, time.time())
            if status.get("health", {}).get("status") == "Healthy":
                self.healthy.setdefault(name, time.time())

    def wait_for(self, names: list[str]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(name in self.healthy for name in names):
            assert time.monotonic() < deadline, sorted(set(names) - self.healthy.keys())
            time.sleep(0.02)


def measure() -> list[Row]:
    """Measure batches of both sides in turn, on the servers that the environment names."""
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        _watching() as watcher,
        _catalog(Path(folder)) as service,
    ):
        for size in BATCHES:
            theirs, ours = [], []
            for _ in range(ROUNDS_OF_ONE if size == 1 else 1):
                theirs += _by_hand(Path(folder), watcher, size)
                ours += service.deploy(watcher, size)
            rows += _rows(size, ours, theirs)
            print(f"{size}: {rows}", file=sys.stderr, flush=True)
    return rows


def _rows(size: int, ours: list[Passage], theirs: list[Passage]) -> Iterator[Row]:
    """Compare those that arrived; a script gives up where a server does not answer in time."""
    lost = len(ours) - len(theirs)
    many = f"{size} at once" if size > 1 else "one"
    script = "a shell script: copier, git, curl"

    def row(what: str, note: str, begin: str, end: str) -> Row:
        mine, other = (
            statistics.median(getattr(each, end) - getattr(each, begin) for each in side)
            for side in (ours, theirs)
        )
        return Row(f"{many}: {what}", mine, other, script, note)

    yield row("request → pushed", "ours: checks, records, protects the branch", "asked", "pushed")
    yield row("pushed → synced", "ours: policies, limits and routes too", "pushed", "synced")
    yield row(
        "request → healthy", "nodes are simulated: health comes with the sync", "asked", "healthy"
    )
    last = [
        max(each.healthy for each in side) - min(each.asked for each in side)
        for side in (ours[-size:], theirs[-size:])
    ]
    if size > 1:
        note = (
            f"{lost} of {size} scripts gave up: Gitea answered 500; ours ask again" if lost else ""
        )
        yield Row(f"{many}: until the last is healthy", last[0], last[1], script, note)


@contextmanager
def _watching() -> Iterator[Watcher]:
    watcher = Watcher(_given("ARGOCD_URL"), _given("ARGOCD_TOKEN"))
    thread = threading.Thread(target=watcher.follow, daemon=True)
    thread.start()
    yield watcher
    watcher.ended.set()


@dataclass
class _Service:
    installation: Installation
    address: str

    def deploy(self, watcher: Watcher, size: int) -> list[Passage]:
        names = [f"ours-{secrets.token_hex(3)}-{number}" for number in range(size)]
        asked = {}
        with httpx.Client(base_url=self.address, timeout=60) as client:
            for name in names:
                asked[name] = time.time()
                body = {"template": "tkt-hello", "name": name, "answers": {"project_name": name}}
                client.post("/api/v1/deployments", json=body).raise_for_status()
            watcher.wait_for([f"tkt-{name}" for name in names])
            passages = [self._passage(watcher, name, asked[name]) for name in names]
            for name in names:
                self._remove(client, name)
        return passages

    def _remove(self, client: httpx.Client, name: str) -> None:
        """Ask until it is accepted: the run may end a moment after Argo CD has said healthy."""
        address = f"/api/v1/deployments/{name}?repository=true&volumes=true"
        while client.delete(address).status_code == httpx.codes.CONFLICT:
            time.sleep(0.2)

    def _passage(self, watcher: Watcher, name: str, asked: float) -> Passage:
        pushed = next(
            event["at"]
            for event in self.installation.events(name)
            if event["kind"] == "step succeeded" and event["step"] == "publish"
        )
        at = datetime.fromisoformat(pushed).timestamp()
        record = f"tkt-{name}"
        return Passage(asked, at, watcher.synced[record], watcher.healthy[record])


@contextmanager
def _catalog(folder: Path) -> Iterator[_Service]:
    """Run the service as in production: PostgreSQL, Gitea, Argo CD, webhooks."""
    with postgresql.server() as database:
        installation = Installation(folder / "installation")
        port = 18765
        installation.extra |= {
            "THINKUBE_PORT": str(port),
            "THINKUBE_DATABASE_URL": postgresql.new_database(database),
            "THINKUBE_SECRET_KEY": secrets.token_urlsafe(32),
            "THINKUBE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "THINKUBE_FORGE": "gitea",
            "THINKUBE_GITEA_URL": _given("GITEA_URL"),
            "THINKUBE_GITEA_TOKEN": _given("GITEA_USER_TOKEN"),
            "THINKUBE_GITEA_ORG": "bench-ours",
            "THINKUBE_TEMPLATES_ORG": "bench-templates",
            "THINKUBE_GITEA_READ_TOKEN": _given("GITEA_USER_TOKEN"),
            "THINKUBE_ENGINE": "argocd",
            "THINKUBE_ARGOCD_URL": _given("ARGOCD_URL"),
            "THINKUBE_ARGOCD_TOKEN": _given("ARGOCD_TOKEN"),
            "THINKUBE_ARGOCD_WEBHOOK_SECRET": _given("ARGOCD_WEBHOOK_SECRET"),
            "THINKUBE_ARGOCD_PROJECT": "bench",
            "THINKUBE_KUBERNETES_URL": _given("KUBERNETES_URL"),
            "THINKUBE_KUBERNETES_TOKEN": _given("KUBERNETES_TOKEN"),
            "THINKUBE_KUBERNETES_CA": _given("KUBERNETES_CA"),
        }
        _ensure_project()
        command = [sys.executable, "-m", "thinkube_catalog.main", "serve"]
        with (folder / "service.log").open("wb") as log:
            service = subprocess.Popen(
                command, env=installation.environment, cwd=folder, stdout=log, stderr=log
            )
        try:
            _wait_for_templates(installation)
            yield _Service(installation, f"http://127.0.0.1:{port}")
        finally:
            _wait_until_removed(installation)
            service.terminate()
            service.wait(60)


def _wait_for_templates(installation: Installation) -> None:
    """Wait until the service runs and has published what it offers."""
    deadline = time.monotonic() + 120
    while not (installation.data_dir / "service.json").exists():
        assert time.monotonic() < deadline, "the service did not start"
        time.sleep(0.1)
    installation.tkt("show", "tkt-hello")


def _wait_until_removed(installation: Installation) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while installation.json("ps")["items"] and time.monotonic() < deadline:
        time.sleep(1)


def _ensure_project() -> None:
    headers = {"Authorization": f"Bearer {_given('ARGOCD_TOKEN')}"}
    spec = {
        "sourceRepos": [f"{_given('GITEA_URL')}/bench-ours/*"],
        "destinations": [{"server": IN_CLUSTER, "namespace": "tkt-*"}],
    }
    body = {"project": {"metadata": {"name": "bench"}, "spec": spec}, "upsert": True}
    url = f"{_given('ARGOCD_URL')}/api/v1/projects"
    httpx.post(url, headers=headers, json=body, timeout=30).raise_for_status()


def _by_hand(folder: Path, watcher: Watcher, size: int) -> list[Passage]:
    work = folder / f"by-hand-{secrets.token_hex(3)}"
    work.mkdir()
    (work / "objects.yaml").write_text(OBJECTS)
    (work / "application.json").write_text(_application())
    names = [f"hand-{secrets.token_hex(3)}-{number}" for number in range(size)]
    environment = {
        **os.environ,
        "HOME": str(work),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GIT_AUTHOR_NAME": "A developer",
        "GIT_AUTHOR_EMAIL": "developer@example.com",
        "GIT_COMMITTER_NAME": "A developer",
        "GIT_COMMITTER_EMAIL": "developer@example.com",
        "TEMPLATE": str(HELLO),
        "WORK": str(work),
        "GITEA": _given("GITEA_URL"),
        "ARGOCD": _given("ARGOCD_URL"),
        "ORG": BY_HAND_ORG,
    }
    _prepare_by_hand()
    scripts = [
        subprocess.Popen(["bash", "-c", BY_HAND], env={**environment, "NAME": name})
        for name in names
    ]
    ended = [script.wait(PATIENCE_SECONDS) for script in scripts]
    well = [name for name, code in zip(names, ended, strict=True) if code == 0]
    watcher.wait_for(well)
    passages = []
    for name in well:
        lines = (work / f"{name}.times").read_text().splitlines()
        times = {word: float(at) for word, at in (line.split() for line in lines)}
        passages.append(
            Passage(times["begun"], times["pushed"], watcher.synced[name], watcher.healthy[name])
        )
    _clean_by_hand(names)
    return passages


def _prepare_by_hand() -> None:
    gitea = {"Authorization": f"token {_given('GITEA_USER_TOKEN')}"}
    url = f"{_given('GITEA_URL')}/api/v1/orgs"
    httpx.post(url, headers=gitea, json={"username": BY_HAND_ORG}, timeout=30)
    body = {
        "url": f"{_given('GITEA_URL')}/{BY_HAND_ORG}/",
        "username": "bench",
        "password": _given("GITEA_USER_TOKEN"),
    }
    argocd = {"Authorization": f"Bearer {_given('ARGOCD_TOKEN')}"}
    url = f"{_given('ARGOCD_URL')}/api/v1/repocreds?upsert=true"
    httpx.post(url, headers=argocd, json=body, timeout=30).raise_for_status()


def _clean_by_hand(names: list[str]) -> None:
    gitea = {"Authorization": f"token {_given('GITEA_USER_TOKEN')}"}
    argocd = {
        "Authorization": f"Bearer {_given('ARGOCD_TOKEN')}",
        "Content-Type": "application/json",
    }
    for name in names:
        httpx.delete(
            f"{_given('ARGOCD_URL')}/api/v1/applications/{name}", headers=argocd, timeout=60
        )
        url = f"{_given('GITEA_URL')}/api/v1/repos/{BY_HAND_ORG}/{name}"
        httpx.delete(url, headers=gitea, timeout=30)


def _given(name: str) -> str:
    return os.environ[f"THINKUBE_TEST_{name}"]
