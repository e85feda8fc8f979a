"""The service as in production: PostgreSQL, Gitea, Argo CD, webhooks."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from bench.live.passages import Clone, Passage, cpu_seconds, git, push_changes
from bench.live.servers import IN_CLUSTER, given
from bench.live.watching import PATIENCE_SECONDS, Watcher
from tests import postgresql
from tests.journeys.installation import Installation

ORG = "bench-ours"
PORT = 18765
PROJECT = "bench"


@dataclass(frozen=True)
class Batch:
    """What came of deployments that were asked for at once.

    `cpu_seconds` is what the service used of the processor for one of them.
    """

    passages: list[Passage]
    cpu_seconds: float


@dataclass
class Service:
    """A running service, and where its clones are kept."""

    installation: Installation
    address: str
    pid: int
    work: Path

    def deploy(self, watcher: Watcher, size: int) -> Batch:
        """Ask for so many deployments, push a change to each, and remove them."""
        names = [f"ours-{secrets.token_hex(3)}-{number}" for number in range(size)]
        asked = {}
        with httpx.Client(base_url=self.address, timeout=60) as client:
            used = cpu_seconds(self.pid)
            for name in names:
                asked[name] = time.time()
                body = {"template": "tkt-hello", "name": name, "answers": {"project_name": name}}
                client.post("/api/v1/deployments", json=body).raise_for_status()
            watcher.wait_healthy(_record(name) for name in names)
            for name in names:
                self._wait_known(client, name)
            used = cpu_seconds(self.pid) - used
            passages = {name: self._passage(watcher, name, asked[name]) for name in names}
            clones = {name: Clone(_record(name), self._clone(name)) for name in names}
            push_changes(watcher, clones, passages, self._environment)
            for name in names:
                self._remove(client, name)
        return Batch(list(passages.values()), used / size)

    @property
    def _environment(self) -> Mapping[str, str]:
        return {
            **self.installation.environment,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: token {given('GITEA_USER_TOKEN')}",
        }

    def _clone(self, name: str) -> Path:
        folder = self.work / name
        url = f"{given('GITEA_URL')}/{ORG}/{name}.git"
        git(self.work, self._environment, "clone", "-q", url, str(folder))
        return folder

    def _wait_known(self, client: httpx.Client, name: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        address = f"/api/v1/deployments/{name}"
        while client.get(address).raise_for_status().json()["state"] != "healthy":
            assert time.monotonic() < deadline, f"{name} is not known to be healthy"
            time.sleep(0.2)

    def _remove(self, client: httpx.Client, name: str) -> None:
        """Ask until it is accepted: the run may end a moment after Argo CD has said healthy."""
        address = f"/api/v1/deployments/{name}?repository=true&volumes=true"
        while client.delete(address).status_code == httpx.codes.CONFLICT:
            time.sleep(0.2)

    def _passage(self, watcher: Watcher, name: str, asked: float) -> Passage:
        ended = {
            event["step"]: datetime.fromisoformat(event["at"]).timestamp()
            for event in self.installation.events(name)
            if event["kind"] == "step succeeded"
        }
        record = _record(name)
        return Passage(
            asked,
            ended["publish"],
            ended["sync"],
            watcher.synced[record],
            watcher.healthy[record],
            ended["healthy"],
        )


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """Run it on a database of its own; end it when what it made is gone."""
    with postgresql.server() as database:
        installation = Installation(folder / "installation")
        installation.extra |= _settings(postgresql.new_database(database))
        _ensure_project()
        command = [sys.executable, "-m", "thinkube_catalog.main", "serve"]
        with (folder / "service.log").open("wb") as log:
            service = subprocess.Popen(
                command, env=installation.environment, cwd=folder, stdout=log, stderr=log
            )
        work = folder / "clones"
        work.mkdir()
        try:
            _wait_for_templates(installation)
            yield Service(installation, f"http://127.0.0.1:{PORT}", service.pid, work)
        finally:
            _wait_until_removed(installation)
            service.terminate()
            service.wait(60)


def _settings(database: str) -> dict[str, str]:
    return {
        "THINKUBE_PORT": str(PORT),
        "THINKUBE_DATABASE_URL": database,
        "THINKUBE_SECRET_KEY": secrets.token_urlsafe(32),
        "THINKUBE_PUBLIC_URL": f"http://127.0.0.1:{PORT}",
        "THINKUBE_FORGE": "gitea",
        "THINKUBE_GITEA_URL": given("GITEA_URL"),
        "THINKUBE_GITEA_TOKEN": given("GITEA_USER_TOKEN"),
        "THINKUBE_GITEA_ORG": ORG,
        "THINKUBE_TEMPLATES_ORG": "bench-templates",
        "THINKUBE_GITEA_READ_TOKEN": given("GITEA_USER_TOKEN"),
        "THINKUBE_ENGINE": "argocd",
        "THINKUBE_ARGOCD_URL": given("ARGOCD_URL"),
        "THINKUBE_ARGOCD_TOKEN": given("ARGOCD_TOKEN"),
        "THINKUBE_ARGOCD_WEBHOOK_SECRET": given("ARGOCD_WEBHOOK_SECRET"),
        "THINKUBE_ARGOCD_PROJECT": PROJECT,
        "THINKUBE_KUBERNETES_URL": given("KUBERNETES_URL"),
        "THINKUBE_KUBERNETES_TOKEN": given("KUBERNETES_TOKEN"),
        "THINKUBE_KUBERNETES_CA": given("KUBERNETES_CA"),
    }


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
    headers = {"Authorization": f"Bearer {given('ARGOCD_TOKEN')}"}
    spec = {
        "sourceRepos": [f"{given('GITEA_URL')}/{ORG}/*"],
        "destinations": [{"server": IN_CLUSTER, "namespace": "tkt-*"}],
    }
    body = {"project": {"metadata": {"name": PROJECT}, "spec": spec}, "upsert": True}
    url = f"{given('ARGOCD_URL')}/api/v1/projects"
    httpx.post(url, headers=headers, json=body, timeout=30).raise_for_status()


def _record(name: str) -> str:
    return f"tkt-{name}"
