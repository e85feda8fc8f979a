"""What happens to Argo CD while the service works: it loses no event, and invents none.

The environment names commands that do to the servers what their administrators do:
THINKUBE_TEST_RESTART_ARGOCD_SERVER, THINKUBE_TEST_REPLACE_ARGOCD_CONTROLLER (its successor takes
over) and THINKUBE_TEST_FLUSH_REDIS.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.journeys.installation import Installation, Json, wait_until
from tests.production.replicated import Production, Replica, bootstrapped, steps_done

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(900)]

DISTURBANCES = (
    "RESTART_ARGOCD_SERVER",
    "REPLACE_ARGOCD_CONTROLLER",
    "FLUSH_REDIS",
    "RESTART_GITEA",
    "RESTART_KUBERNETES",
)
NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    installation = Installation(tmp_path_factory.mktemp("disturbed"))
    with bootstrapped(installation, f"disturbed-{uuid4().hex[:6]}", "only") as made:
        yield made


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_deployments_and_pushes_end_as_if_nothing_had_happened(
    production: Production, disturbance: str
) -> None:
    command = production.given.get(disturbance)
    if not command:
        pytest.skip(f"set THINKUBE_TEST_{disturbance} to a command that does it")
    (replica,) = production.replicas
    prefix = disturbance.lower().replace("_", "-")
    names = [f"{prefix}-{name}" for name in NAMES]
    for name in names:
        asked = {"template": "tkt-hello", "name": name, "answers": {}}
        answer = httpx.post(f"{replica.address}/api/v1/deployments", json=asked, timeout=60)
        answer.raise_for_status()
    wait_until(lambda: "publish" in steps_done(replica, names[0]), "one is published", 120)
    _disturb(command)
    wait_until(lambda: _states(replica, names) == {"healthy"}, "all are healthy", 300)

    folders = {name: production.clone(name) for name in names}
    wait_until(lambda: not _under_way(replica, names), "their runs have ended", 60)
    heard = {name: _events(replica, name) for name in names}
    with subprocess.Popen(shlex.split(command), stdout=subprocess.DEVNULL) as disturbing:
        pushed = {name: _push_another_image(production, folder) for name, folder in folders.items()}
        assert disturbing.wait(120) == 0
    for name, commit in pushed.items():
        is_healthy = partial(_is_healthy, replica, name, commit)
        wait_until(is_healthy, f"{commit} of {name} is healthy", 300)
    for name in names:
        done = steps_done(replica, name)
        assert len(done) == len(set(done)), (name, done)
        later = [each["kind"] for each in _events(replica, name)[len(heard[name]) :]]
        assert later == ["rollout started", "rollout succeeded"], (name, later)
        application = production.application(name)
        assert application["status"]["sync"]["revision"] == pushed[name]
        assert application["status"]["health"]["status"] == "Healthy"
        removed = production.tkt(replica, "remove", name, "--yes", "--repository", "--volumes")
        assert removed.returncode == 0, removed.stdout + removed.stderr
    assert production.repositories() == []


def test_a_token_that_expires_is_named_and_what_happened_meanwhile_is_made_up_for(
    production: Production,
) -> None:
    (replica,) = production.replicas
    done = production.tkt(replica, "deploy", "tkt-hello", "outlives", "-l", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = production.clone("outlives")
    heard = _events(replica, "outlives")
    lasting = production.settings()["THINKUBE_ARGOCD_TOKEN"]

    production.installation.extra["THINKUBE_ARGOCD_TOKEN"] = _expired(production)
    replica = _restarted(production)
    commit = _push_another_image(production, folder)
    wait_until(lambda: _applied(production, "outlives") == commit, "Argo CD has applied it", 120)
    told = production.tkt(replica, "status", "outlives")
    assert told.returncode == 5
    assert "outlives is healthy" in told.stdout
    assert "token is expired" in told.stdout
    assert "set a valid THINKUBE_ARGOCD_TOKEN" in told.stdout
    assert _events(replica, "outlives") == heard

    production.installation.extra["THINKUBE_ARGOCD_TOKEN"] = lasting
    replica = _restarted(production)
    wait_until(lambda: _is_healthy(replica, "outlives", commit), "the push is known", 120)
    later = [each["kind"] for each in _events(replica, "outlives")[len(heard) :]]
    assert later[-1] == "rollout succeeded"
    assert set(later) <= {"rollout started", "rollout succeeded"}
    removed = production.tkt(replica, "remove", "outlives", "--yes", "--repository", "--volumes")
    assert removed.returncode == 0, removed.stdout + removed.stderr


def _expired(production: Production) -> str:
    """Return a token of the project's role that was good for a second."""
    answer = httpx.post(
        f"{production.given['ARGOCD_URL']}/api/v1/projects/{production.name}/roles/catalog/token",
        json={"project": production.name, "role": "catalog", "id": "brief", "expiresIn": 1},
        headers={"Authorization": f"Bearer {production.given['ARGOCD_TOKEN']}"},
        timeout=60,
    )
    token = str(answer.raise_for_status().json()["token"])
    address = f"{production.given['ARGOCD_URL']}/api/v1/projects/{production.name}"

    def refused() -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(address, headers=headers, timeout=60).status_code == 401

    wait_until(refused, "the token has expired", 30)
    return token


def _restarted(production: Production) -> Replica:
    production.stop()
    production.replicas.clear()
    return production.serve("only")


def _applied(production: Production, name: str) -> str:
    state = production.application(name)["status"]["operationState"]
    return str(state["syncResult"]["revision"]) if state["phase"] == "Succeeded" else ""


def _disturb(command: str) -> None:
    subprocess.run(shlex.split(command), check=True, timeout=120, stdout=subprocess.DEVNULL)


def _push_another_image(production: Production, folder: Path) -> str:
    images = folder / "k8s" / "kustomization.yaml"
    text = images.read_text()
    images.write_text(text.replace("newTag: unbuilt", "newTag: another"))
    assert images.read_text() != text
    try:
        return production.installation.push(folder, "Take another image")
    except subprocess.CalledProcessError:  # Gitea was away, and a person tries again
        git = partial(production.installation.git, "-C", str(folder))
        wait_until(lambda: _succeeds(git, "push", "-q"), "it can be pushed")
        return git("rev-parse", "HEAD").strip()


def _succeeds(git: Callable[..., str], *arguments: str) -> bool:
    try:
        git(*arguments)
    except subprocess.CalledProcessError:
        return False
    return True


def _states(replica: Replica, names: list[str]) -> set[str]:
    found = {replica.get(f"/deployments/{name}")["state"] for name in names}
    assert "failed" not in found
    return found


def _under_way(replica: Replica, names: list[str]) -> list[str]:
    runs = {name: replica.get(f"/deployments/{name}")["run"] for name in names}
    return [name for name, run in runs.items() if run["state"] == "running"]


def _is_healthy(replica: Replica, name: str, commit: str) -> bool:
    return bool(replica.get(f"/deployments/{name}")["healthy_commit"] == commit)


def _events(replica: Replica, name: str) -> list[Json]:
    found: list[Json] = replica.get(f"/deployments/{name}/events")["items"]
    return found
