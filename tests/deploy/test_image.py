"""The image: built as its file says, and started as confined as the manifests have it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.argocd_stand_in import argocd_stand_in
from tests.deploy.image import ROOT, HandMade, Stage, context, stages
from tests.deploy.manifests import container, pod, the
from tests.gitea_stand_in import gitea_stand_in
from tests.kubernetes_stand_in import TOKEN as ACCOUNT_TOKEN
from tests.kubernetes_stand_in import kubernetes_stand_in
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.wiring.parts import OWN_CATALOG

CONFINED = Path(__file__).parent / "confined.py"
TOKEN = "canary-of-the-image"
USER = 10001
POD_IP = "10.42.0.7"


def build_stage() -> Stage:
    (found,) = (each for each in stages() if each.name == "build")
    return found


def test_the_image_has_what_the_service_runs_from_and_nothing_else() -> None:
    seen = {path.parts[0] for path in context()}
    templates = {path.name for path in ROOT.glob("tkt-*")}
    folders = {"catalog", "service", "deploy", "requirements"}
    assert seen == {*folders, "pyproject.toml", "README.md", *templates}
    # `tkt bootstrap` applies what the base says of namespace and rights.
    assert {path.parts[1] for path in context() if path.parts[0] == "deploy"} == {"base"}
    assert {path.name for path in context() if path.parts[0] == "requirements"} == {
        "run.txt",
        "build.txt",
    }


def test_the_layout_of_the_image_is_the_repository_s() -> None:
    assert OWN_CATALOG == ROOT / "catalog"  # found from the code, wherever it lies
    assert build_stage().last("WORKDIR") == "/opt/thinkube-catalog"
    copied = stages()[-1].last("COPY")
    assert copied == "--from=build /opt/thinkube-catalog /opt/thinkube-catalog"


def test_every_dependency_of_the_image_is_checked_by_its_hash() -> None:
    runs = [rest for word, rest in build_stage().instructions if word == "RUN"]
    installs = re.findall(r"pip install [^&]+", " && ".join(runs))
    assert len(installs) == 3
    assert all("--require-hashes -r" in each or "--no-deps -e ." in each for each in installs)


def test_the_image_starts_as_the_manifest_has_it() -> None:
    stage = stages()[-1]
    user = pod(the("Deployment"))["securityContext"]["runAsUser"]
    assert stage.last("USER") == f"{user}:{user}"
    values = {each["name"]: each.get("value") for each in container()["env"]}
    assert stage.environment["THINKUBE_DATA_DIR"] == values["THINKUBE_DATA_DIR"]
    assert stage.environment["HOME"] == values["HOME"]
    assert stage.last("EXPOSE") == values["THINKUBE_PORT"]
    assert stage.last("CMD") == '["serve"]'
    assert container()["args"] == ["serve"]


@dataclass
class Started:
    """The service from the image: where it answers, and what it may write to."""

    address: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]
    image: Path

    def ask(self, method: str, path: str, host: str = "localhost", **given: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}", "Host": host}
        return httpx.request(method, self.address + path, headers=headers, timeout=60, **given)


@pytest.fixture(scope="module")
def image() -> Iterator[HandMade]:
    """The image, in a folder that every user of this machine may read."""
    root = Path(tempfile.mkdtemp(prefix="image-"))
    root.chmod(0o755)
    made = HandMade(root)
    made.build(build_stage())
    if os.geteuid() != 0:
        subprocess.run(["chmod", "-R", "a-w", str(root)], check=True, timeout=60)
    yield made
    subprocess.run(["chmod", "-R", "u+w", str(root)], check=True, timeout=60)
    shutil.rmtree(root)


@contextmanager
def run_confined(image: HandMade, settings: Mapping[str, str]) -> Iterator[Started]:
    """Run the service as a user without rights; only its volumes can be written."""
    volumes = Path(tempfile.mkdtemp(prefix="volumes-"))
    volumes.chmod(0o755)
    data, temporary = volumes / "data", volumes / "tmp"
    for folder in (data, temporary):
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, USER, USER)
    stage = stages()[-1]
    environment = {
        **stage.environment,
        **image.libraries,
        **settings,
        "PATH": os.environ["PATH"],
        "THINKUBE_DATA_DIR": str(data),
        "THINKUBE_API_TOKEN": TOKEN,
        "THINKUBE_PORT": "0",
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
    }
    log = volumes / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(CONFINED), str(data), str(temporary), "--", *image.command(stage)],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield Started(_address(process, log), data, log, process, image.root)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        shutil.rmtree(volumes)


@pytest.fixture
def started(image: HandMade) -> Iterator[Started]:
    with run_confined(image, {}) as service:
        yield service


@pytest.fixture
def production(
    image: HandMade, tmp_path: Path, postgresql_folder: Path, postgresql_url: str
) -> Iterator[Started]:
    """The service with the settings of the manifests, on servers that stand in."""
    postgresql_folder.chmod(0o755)  # its socket is for whoever can reach it
    with (
        gitea_stand_in(tmp_path / "gitea") as gitea,
        argocd_stand_in(MemoryForge(), MemoryCluster()) as argocd,
        kubernetes_stand_in() as cluster,
    ):
        settings = {
            **manifest_settings(),
            "THINKUBE_DATABASE_URL": postgresql_url,
            "THINKUBE_SECRET_KEY": "a key of more than thirty-two characters",
            "THINKUBE_GITEA_URL": gitea.url,
            "THINKUBE_GITEA_TOKEN": "the-token",
            "THINKUBE_ARGOCD_URL": argocd.url,
            "THINKUBE_ARGOCD_TOKEN": "the-token",
            "THINKUBE_KUBERNETES_URL": cluster.url,
            "THINKUBE_KUBERNETES_TOKEN": ACCOUNT_TOKEN,
            "THINKUBE_METRICS_TOKEN": "of-the-monitoring",
        }
        with run_confined(image, settings) as service:
            yield service


def manifest_settings() -> dict[str, str]:
    """Return what the ConfigMap and the Deployment set to a value."""
    values = {name: str(value) for name, value in the("ConfigMap")["data"].items()}
    known = {**values, "POD_IP": POD_IP}
    named = {
        each["name"]: re.sub(r"\$\((\w+)\)", lambda found: known[found[1]], each["value"])
        for each in container()["env"]
        if "value" in each
    }
    return {name: it for name, it in (values | named).items() if name.startswith("THINKUBE_")}


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the service says where it is."""
    deadline = time.monotonic() + 90
    while True:
        found = re.search(r"Thinkube Catalog is at (\S+)", log.read_text())
        if found:
            return found[1]
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_image_serves_its_catalogue_and_renders_confined(started: Started) -> None:
    assert started.ask("GET", "/health").status_code == 200
    ready = started.ask("GET", "/ready")
    assert ready.status_code == 200, ready.text
    names = {each["name"] for each in started.ask("GET", "/api/v1/templates").json()["items"]}
    assert names >= {path.name for path in ROOT.glob("tkt-*")}
    answers = {"project_name": "legal-qa"}
    preview = started.ask(
        "POST", "/api/v1/templates/tkt-rag-agent/preview", json={"answers": answers}
    )
    assert preview.status_code == 200, preview.text
    assert "k8s/deployments.yaml" in preview.text
    told = started.log.read_text()
    assert "calls-refused=True" in told or os.uname().machine != "x86_64"
    assert "Traceback" not in told
    if os.geteuid() == 0:
        assert (started.data / "service.json").stat().st_uid == USER


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_image_is_ready_with_the_settings_of_the_manifests(production: Started) -> None:
    answer = production.ask("GET", "/ready", host=f"{POD_IP}:8765")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert production.ask("GET", "/ready", host="10.42.0.8").status_code == 403
    monitoring = {"Authorization": "Bearer of-the-monitoring", "Host": POD_IP}
    metrics = httpx.get(f"{production.address}/metrics", headers=monitoring, timeout=30)
    assert "thinkube_catalog_deployments" in metrics.text
    preview = production.ask(
        "POST",
        "/api/v1/templates/tkt-rag-agent/preview",
        json={"answers": {"project_name": "legal-qa"}},
    )
    assert "namespace: tkt-legal-qa" in preview.text


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_service_in_the_image_writes_to_its_volumes_alone(started: Started) -> None:
    started.ask("POST", "/api/v1/templates/tkt-rag-agent/preview", json={"answers": {}})
    command = ["find", str(started.image), "-newer", str(started.data.parent), "-type", "f"]
    assert subprocess.run(command, check=True, capture_output=True, timeout=60).stdout == b""
    assert any(started.data.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_service_in_the_image_stops_in_order(started: Started) -> None:
    started.process.send_signal(signal.SIGTERM)
    ended = started.process.wait(timeout=60)
    told = started.log.read_text()
    assert "Traceback" not in told
    if "first=True" in told:
        assert ended == 0
        assert not (started.data / "service.json").exists()
    else:  # after an orderly stop uvicorn lets the signal have its usual effect
        assert ended == -signal.SIGTERM
