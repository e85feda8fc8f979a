"""Production as it is meant: bootstrapped, two replicas, the real servers, the narrow tokens."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from tests.journeys.installation import Installation, Json, wait_until
from tests.production.replicated import Production, as_json, bootstrapped, steps_done

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(900)]

CANARY = "canary-in-production"
DIRECTIONS = ("gitea to service", "gitea to argocd")


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    installation = Installation(tmp_path_factory.mktemp("production"))
    name = f"live-{uuid4().hex[:6]}"
    with bootstrapped(installation, name, "first", "second") as made:
        yield made


def look(production: Production) -> dict[str, Json]:
    """Return what the doctor finds, by name."""
    extra = production.installation.extra
    extra["THINKUBE_ENGINE"] = "argocd"
    extra["THINKUBE_PUBLIC_URL"] = production.replicas[0].address
    try:
        done = production.installation.tkt("doctor", "--json", seconds=120)
    finally:
        del extra["THINKUBE_ENGINE"], extra["THINKUBE_PUBLIC_URL"]
    return {each["name"]: each for each in as_json(done.stdout)["items"]}


def test_what_bootstrap_has_made_satisfies_the_doctor(production: Production) -> None:
    found = look(production)
    assert [each for each in found.values() if not each["good"]] == []
    assert [found[name] for name in DIRECTIONS if found[name]["warning"]] == []
    assert "catalog-doctor" not in production.repositories()


def test_from_the_request_to_a_healthy_commit_in_its_own_namespace(production: Production) -> None:
    first, second = production.replicas[:2]
    production.installation.extra["HELLO_TOKEN"] = CANARY
    done = production.tkt(
        first, "deploy", "tkt-hello", "hello", "-l", "--wait", "--secret", "HELLO_TOKEN"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    deployment = second.get("/deployments/hello")
    application = production.application("hello")
    status = application["status"]
    assert (status["sync"]["status"], status["health"]["status"]) == ("Synced", "Healthy")
    assert status["sync"]["revision"] == deployment["commit"] == deployment["healthy_commit"]
    assert application["spec"]["destination"]["namespace"] == "tkt-hello"
    assert application["spec"]["project"] == production.name


def test_its_own_webhooks_arrive_at_the_service_and_at_argo_cd(production: Production) -> None:
    found = look(production)
    for name in DIRECTIONS:
        assert not found[name]["warning"], found[name]
        assert f"{production.organisation}/hello arrived" in found[name]["message"]


def test_no_credential_is_where_readers_look(production: Production) -> None:
    folder = production.clone("hello")
    settings = production.settings()
    words = [CANARY, *(text for name, text in settings.items() if "TOKEN" in name)]
    application = str(production.application("hello"))
    logs = "".join(replica.log.read_text() for replica in production.replicas)
    events = str(production.replicas[0].get("/deployments/hello/events"))
    files = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    texts = [application, logs, events, *(path.read_text(errors="replace") for path in files)]
    assert [word[:6] for word in words if any(word in text for text in texts)] == []


def test_a_push_is_told_by_webhook_rolled_out_named_when_it_fails_and_rolled_back(
    production: Production,
) -> None:
    first, second = production.replicas[:2]
    folder = production.installation.root / "work" / "hello"
    objects = folder / "k8s" / "deployments.yaml"
    good = objects.read_text()
    fault = "metadata:\n      annotations: {thinkube.dev/test-fault: crash-loop}\n      labels:"
    (before, labels, after) = good.rpartition("metadata:\n      labels:")
    assert labels
    objects.write_text(before + fault + after)
    pushed = production.installation.push(folder, "Break it")
    wait_until(
        lambda: any(
            cause["kind"] == "crash loop"
            for cause in (first.get("/deployments/hello")["application"] or {}).get("causes", [])
        ),
        "the crash loop is named",
        120,
    )
    wait_until(lambda: first.get("/deployments/hello")["commit"] == pushed, "it is noted")
    done = production.tkt(second, "rollback", "hello")
    assert done.returncode == 0, done.stdout + done.stderr
    status = production.application("hello")["status"]
    assert (status["sync"]["status"], status["health"]["status"]) == ("Synced", "Healthy")
    assert status["sync"]["revision"] == first.get("/deployments/hello")["healthy_commit"]


def test_a_replica_killed_in_the_middle_and_ten_seconds_without_the_database_change_nothing(
    production: Production,
) -> None:
    second = production.replicas[1]
    names = [f"many-{number}" for number in range(4)]
    first = production.replicas[0]
    for name in names:
        asked = {"template": "tkt-hello", "name": name, "answers": {}}
        httpx.post(f"{first.address}/api/v1/deployments", json=asked, timeout=60).raise_for_status()
    wait_until(lambda: "publish" in steps_done(second, names[0]), "the first one is published", 120)
    first.kill()
    paused = production.pause_database()
    time.sleep(10)
    for process in paused:
        os.kill(process.pid, signal.SIGCONT)

    def all_well() -> bool:
        try:
            states = [second.get(f"/deployments/{name}")["state"] for name in names]
        except httpx.HTTPError:
            return False
        assert "failed" not in states
        return states == ["healthy"] * len(names)

    wait_until(all_well, "all are healthy", 300)
    assert set(names) <= set(production.repositories())
    assert len(production.repositories()) == len(set(production.repositories()))
    for name in names:
        assert production.application(name)["status"]["health"]["status"] == "Healthy"
        done = steps_done(second, name)
        assert len(done) == len(set(done)), (name, done)


def test_a_removal_leaves_nothing(production: Production) -> None:
    second = production.replicas[1]
    names = ["hello", *(f"many-{number}" for number in range(4))]
    for name in names:
        done = production.tkt(second, "remove", name, "--yes", "--repository", "--volumes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert production.repositories() == []
    assert as_json(production.tkt(second, "ps", "--json").stdout)["items"] == []
    assert all("status" not in production.application(name) for name in names)
