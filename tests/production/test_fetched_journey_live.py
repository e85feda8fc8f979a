"""Production whose secrets External Secrets fetches: bootstrapped, two replicas, narrow tokens."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.contracts.clusters import live_http
from tests.journeys.installation import Installation, wait_until
from tests.production.replicated import Production, as_json, bootstrapped
from tests.production.vault import REASON, SET, Applied, Vault

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not SET, reason=REASON),
]

NAME = f"fetched-{uuid4().hex[:6]}"
KEY = f"{NAME}/HELLO_TOKEN"
CANARY, OTHER = "canary-of-the-vault-1", "canary-of-the-vault-2"


@pytest.fixture(scope="module")
def vault() -> Iterator[Vault]:
    with live_http() as http:
        made = Vault(http, f"tkt-test-vault-{uuid4().hex[:6]}")
        try:
            made.make()
            yield made
        finally:
            made.remove()


@pytest.fixture(scope="module")
def production(vault: Vault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    installation = Installation(tmp_path_factory.mktemp("production"))
    settings = {
        "THINKUBE_SECRET_DELIVERY": "external-secret",
        "THINKUBE_SECRET_STORE": vault.name,
        "THINKUBE_SECRET_ENTRIES": "deployment",
    }
    name = f"fetch-{uuid4().hex[:6]}"
    with bootstrapped(installation, name, "first", "second", **settings) as made:
        yield made


def test_the_doctor_is_content(production: Production) -> None:
    extra = production.installation.extra
    extra["THINKUBE_ENGINE"] = "argocd"
    extra["THINKUBE_PUBLIC_URL"] = production.replicas[0].address
    try:
        done = production.installation.tkt("doctor", "--json", seconds=120)
    finally:
        del extra["THINKUBE_ENGINE"], extra["THINKUBE_PUBLIC_URL"]
    checks = {each["name"]: each for each in as_json(done.stdout)["items"]}
    assert [each for each in checks.values() if not each["good"]] == []
    assert {"cluster ExternalSecret", "cluster secret store"} <= checks.keys()


def test_a_value_goes_from_the_store_to_what_runs_and_so_does_the_next_one(
    production: Production, vault: Vault
) -> None:
    first, second = production.replicas
    applied = Applied(vault.http, f"tkt-{NAME}", f"{NAME}-secrets")
    deploy = ("deploy", "tkt-hello", NAME, "-l", "--wait", "--secret")
    production.installation.extra["HELLO_TOKEN"] = "typed-canary"
    refused = production.tkt(first, *deploy, "HELLO_TOKEN")
    assert refused.returncode != 0
    assert f"--secret HELLO_TOKEN={KEY}" in " ".join(refused.stderr.split())

    lacking = production.tkt(first, *deploy, f"HELLO_TOKEN={KEY}")
    assert lacking.returncode != 0
    told = " ".join((lacking.stdout + lacking.stderr).split())
    assert f"(entry {NAME}, field HELLO_TOKEN)" in told

    vault.put(NAME, "HELLO_TOKEN", CANARY)
    done = production.tkt(second, "retry", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    assert applied.values() == {"HELLO_TOKEN": CANARY}

    before = applied.pods()
    vault.put(NAME, "HELLO_TOKEN", OTHER)
    applied.let_the_interval_pass()
    wait_until(lambda: renewals(production) == ["succeeded"], "a run has renewed it", 240)
    wait_until(lambda: before.isdisjoint(applied.pods()), "others have taken over", 150)
    assert second.get(f"/deployments/{NAME}")["state"] == "healthy"
    assert applied.values() == {"HELLO_TOKEN": OTHER}

    done = production.tkt(first, "renew", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    logs = "".join(replica.log.read_text() for replica in production.replicas)
    events = str(first.get(f"/deployments/{NAME}/events"))
    assert not any(word in logs + events for word in (CANARY, OTHER, "typed-canary"))

    done = production.tkt(first, "remove", NAME, "--yes", "--repository", "--volumes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert applied.is_gone()


def renewals(production: Production) -> list[str]:
    """Return how each run ended that the service has begun by itself."""
    events = production.replicas[0].get(f"/deployments/{NAME}/events")["items"]
    begun = [each["run"] for each in events if "Renewing" in each["message"]]
    ends = {each["run"]: each["kind"] for each in events if each["kind"].startswith("run ")}
    return [ends[run].removeprefix("run ") for run in begun]
