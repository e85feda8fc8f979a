"""Two replicas of the service as people run it in production, set up by `tkt bootstrap`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil

from tests import postgresql
from tests.argocd_rights import take_back
from tests.journeys.installation import Installation, Json, wait_until


@contextmanager
def bootstrapped(
    installation: Installation, name: str, *replicas: str, **settings: str
) -> Generator[Production]:
    """Set everything up on the servers that the environment names; remove it in the end."""
    prefix = "THINKUBE_TEST_"
    given = {
        name.removeprefix(prefix): text
        for name, text in os.environ.items()
        if name.startswith(prefix)
    }
    with postgresql.server() as folder:
        made = Production(installation, name, postgresql.new_database(folder), given)
        made.bootstrap()
        installation.extra |= settings
        for each in replicas:
            made.serve(each)
        yield made
        made.clear()


@dataclass
class Replica:
    """One process of the service."""

    address: str
    log: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def get(self, path: str) -> Json:
        found: Json = (
            httpx.get(f"{self.address}/api/v1{path}", timeout=60).raise_for_status().json()
        )
        return found


@dataclass
class Production:
    """The servers' administrators' side, the settings that bootstrap made, and the replicas."""

    installation: Installation
    name: str
    database: str
    given: dict[str, str]
    replicas: list[Replica] = field(default_factory=list)

    @property
    def organisation(self) -> str:
        return f"{self.name}-deployments"

    def bootstrap(self) -> str:
        """Set everything up from nothing; return what the terminal showed."""
        root = self.installation.root
        for system in ("gitea", "argocd"):
            value = self.given["GITEA_PASSWORD" if system == "gitea" else "ARGOCD_ADMIN_PASSWORD"]
            (root / f"{system}-password").write_text(value)
        self.installation.extra |= {
            "THINKUBE_FORGE": "gitea",
            "THINKUBE_GITEA_URL": self.given["GITEA_URL"],
            "THINKUBE_GITEA_ORG": self.organisation,
            "THINKUBE_TEMPLATES_ORG": f"{self.name}-templates",
            "THINKUBE_ARGOCD_URL": self.given["ARGOCD_URL"],
            "THINKUBE_ARGOCD_PROJECT": self.name,
            "THINKUBE_KUBERNETES_URL": self.given["KUBERNETES_URL"],
            "THINKUBE_KUBERNETES_CA": self.given["KUBERNETES_CA"],
            "THINKUBE_DATABASE_URL": self.database,
        }
        done = self.installation.tkt(
            "bootstrap",
            *("--gitea-admin", self.given["GITEA_ADMIN"], "--account", f"{self.name}-catalog"),
            *("--reader", f"{self.name}-reader", "--kubeconfig", self.given["KUBECONFIG"]),
            *("--gitea-password-file", str(root / "gitea-password")),
            *("--argocd-password-file", str(root / "argocd-password")),
            seconds=180,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve(self, name: str) -> Replica:
        """Start a replica with a data folder of its own; webhooks reach the first one."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        environment = self.installation.environment | {
            "THINKUBE_ENGINE": "argocd",
            "THINKUBE_DATA_DIR": str(self.installation.root / name),
            "THINKUBE_PUBLIC_URL": self.replicas[0].address if self.replicas else address,
        }
        log = self.installation.root / f"{name}.log"
        command = [sys.executable, "-m", "thinkube_catalog.main", "serve", "--port", str(port)]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.installation.root,
                stdout=output,
                stderr=output,
            )
        replica = Replica(address, log, process)
        self.replicas.append(replica)

        def ready() -> bool:
            assert process.poll() is None, log.read_text()[-4000:]
            try:
                return httpx.get(f"{address}/ready", timeout=10).is_success
            except httpx.HTTPError:
                return False

        wait_until(ready, f"{name} is ready")
        return replica

    def tkt(
        self, replica: Replica, *arguments: str, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that talks to one replica."""
        self.installation.extra["THINKUBE_SERVER"] = replica.address
        try:
            return self.installation.tkt(*arguments, seconds=seconds)
        finally:
            del self.installation.extra["THINKUBE_SERVER"]

    def settings(self) -> dict[str, str]:
        """Return what bootstrap wrote, by name."""
        lines = (self.installation.root / ".env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
        return {name: value.strip("'\"") for name, _, value in pairs}

    def application(self, name: str) -> Any:
        """Return Argo CD's record, as somebody sees it who may read everything there."""
        return httpx.get(
            f"{self.given['ARGOCD_URL']}/api/v1/applications/tkt-{name}?project={self.name}",
            headers={"Authorization": f"Bearer {self.given['ARGOCD_TOKEN']}"},
            timeout=60,
        ).json()

    def repositories(self) -> list[str]:
        auth = {"Authorization": f"token {self.settings()['THINKUBE_GITEA_TOKEN']}"}
        url = f"{self.given['GITEA_URL']}/api/v1/orgs/{self.organisation}/repos"
        return [each["name"] for each in httpx.get(url, headers=auth, timeout=60).json()]

    def clone(self, name: str) -> Path:
        """Clone a deployment's repository afresh."""
        folder = self.installation.root / "work" / name
        shutil.rmtree(folder, ignore_errors=True)
        token = self.settings()["THINKUBE_GITEA_TOKEN"]
        host = self.given["GITEA_URL"].removeprefix("http://")
        self.installation.git(
            "clone", "-q", f"http://x:{token}@{host}/{self.organisation}/{name}.git", str(folder)
        )
        return folder

    def stop(self) -> None:
        for replica in self.replicas:
            if replica.process.poll() is None:
                replica.process.terminate()
        for replica in self.replicas:
            replica.process.wait(60)

    def clear(self) -> None:
        """Remove every deployment, end the replicas, and delete what bootstrap has made."""
        last = self.replicas[-1]
        for each in last.get("/deployments")["items"]:
            wait_until(lambda: self._removed(last, each["name"]), f"{each['name']} is gone", 300)  # noqa: B023 (at once)
        self.stop()
        self._clear_gitea()
        self._clear_argocd()
        take_back(Path(self.given["KUBECONFIG"]), self.name)

    def _removed(self, replica: Replica, name: str) -> bool:
        """Remove a deployment; what is in the middle of a run has to end first."""
        asked = ("remove", name, "--yes", "--repository", "--volumes")
        return self.tkt(replica, *asked).returncode == 0

    def _clear_gitea(self) -> None:
        login = (self.given["GITEA_ADMIN"], self.given["GITEA_PASSWORD"])
        url = f"{self.given['GITEA_URL']}/api/v1/"
        with httpx.Client(base_url=url, auth=login, timeout=60) as api:
            for owner in (self.organisation, f"{self.name}-templates"):
                while packages := api.get(f"packages/{owner}?limit=50").json():
                    for it in packages:
                        place = f"{it['type']}/{quote(it['name'], safe='')}/{it['version']}"
                        api.delete(f"packages/{owner}/{place}").raise_for_status()
                for it in api.get(f"orgs/{owner}/repos?limit=50").json():
                    api.delete(f"repos/{owner}/{it['name']}").raise_for_status()
                api.delete(f"orgs/{owner}").raise_for_status()
            for user in ("catalog", "reader", "builder", "puller"):
                api.delete(f"admin/users/{self.name}-{user}?purge=true")

    def _clear_argocd(self) -> None:
        headers = {
            "Authorization": f"Bearer {self.given['ARGOCD_TOKEN']}",
            "Content-Type": "application/json",
        }
        url = f"{self.given['ARGOCD_URL']}/api/v1/"
        with httpx.Client(base_url=url, headers=headers, timeout=60) as api:
            place = quote(f"{self.given['GITEA_URL']}/{self.organisation}/", safe="")
            api.delete(f"repocreds/{place}").raise_for_status()
            api.delete(f"projects/{self.name}").raise_for_status()

    def pause_database(self) -> list[psutil.Process]:
        """Have PostgreSQL answer nothing; return what has to be continued."""
        folder = self.database.rpartition("host=")[2]
        found = [
            process
            for process in psutil.process_iter()
            if "postgres" in process.name() and folder in " ".join(process.cmdline())
        ]
        everyone = [each for root in found for each in (root, *root.children(recursive=True))]
        for process in everyone:
            os.kill(process.pid, signal.SIGSTOP)
        return everyone


def steps_done(replica: Replica, name: str) -> list[str]:
    events = replica.get(f"/deployments/{name}/events")["items"]
    return [each["step"] for each in events if each["kind"] == "step succeeded"]


def as_json(text: str) -> Json:
    found: Json = json.loads(text)
    return found
