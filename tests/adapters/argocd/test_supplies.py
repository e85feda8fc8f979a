"""What an application reads: secrets delivered to its namespace, and restarts for new values."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.adapters.argocd.test_argocd_engine import LEGAL_QA, NIGHTLY, RECORD, WITH_TOKEN
from tests.adapters.local_engine.projects import (
    container,
    project,
    push,
    wait_failed,
    wait_for,
    wait_healthy,
)
from tests.argocd_world import ArgoCdWorld
from thinkube_catalog.adapters.argocd.cluster import Arrival
from thinkube_catalog.adapters.argocd.desired import SERVING
from thinkube_catalog.domain.gitops import Cause, CauseKind, EngineUnavailableError, Health
from thinkube_catalog.domain.secrets import SecretValue


def test_secrets_go_to_the_namespace_and_nowhere_else(world: ArgoCdWorld) -> None:
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    world.engine.ensure_application(WITH_TOKEN)
    wait_healthy(world.engine, push(world.forge, project("one", secrets=["TOKEN"])))
    delivered = world.cluster.namespaces[RECORD].secrets["legal-qa-secrets"]
    assert delivered.values["TOKEN"].reveal() == "canary-7"
    assert "canary-7" not in json.dumps(world.argocd.the(RECORD).body)
    assert "canary-7" not in " ".join(world.argocd.requests)


def test_a_new_value_restarts_what_reads_it_once(world: ArgoCdWorld) -> None:
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    world.engine.ensure_application(WITH_TOKEN)
    commit = push(world.forge, project("one", secrets=["TOKEN"]))
    wait_healthy(world.engine, commit)
    world.engine.ensure_application(WITH_TOKEN)
    assert world.argocd.restarts == []
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-8"))
    world.engine.ensure_application(WITH_TOKEN)
    world.engine.sync("legal-qa", commit.id)
    assert world.argocd.restarts == ["legal-qa-web"]
    assert wait_healthy(world.engine, commit).causes == ()


def test_a_new_value_is_not_forgotten_by_a_stop_before_the_restart(world: ArgoCdWorld) -> None:
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    world.engine.ensure_application(WITH_TOKEN)
    wait_healthy(world.engine, push(world.forge, project("one", secrets=["TOKEN"])))
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-8"))
    fault = world.argocd.fault("drop before", "POST .*/actions/v2")
    with pytest.raises(Exception, match="did not answer"):
        world.engine.ensure_application(WITH_TOKEN)
    assert fault.fired == 1
    next_one = world.another_engine()
    next_one.ensure_application(WITH_TOKEN)
    next_one.stop()
    assert world.argocd.restarts == ["legal-qa-web"]


@pytest.mark.parametrize(
    ("kind", "restarted"),
    [
        ({"deployment": {"type": "knative"}}, ["legal-qa"]),
        # The next Job reads new values by itself.
        ({"containers": [container(), NIGHTLY]}, ["legal-qa-web"]),
    ],
    ids=["knative", "schedule"],
)
def test_a_new_value_reaches_what_is_no_workload_of_the_usual_kinds(
    world: ArgoCdWorld, kind: dict[str, Any], restarted: list[str]
) -> None:
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    world.engine.ensure_application(WITH_TOKEN)
    commit = push(world.forge, project("one", secrets=["TOKEN"], **kind))
    wait_healthy(world.engine, commit)
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-8"))
    for _ in range(2):
        world.engine.ensure_application(WITH_TOKEN)
        world.engine.sync("legal-qa", commit.id)
    assert world.argocd.restarts == restarted
    assert wait_healthy(world.engine, commit).causes == ()


def fetched(world: ArgoCdWorld, arrival: Arrival) -> None:
    """Have the cluster say how far they have come, from now on."""
    labels = {"app.kubernetes.io/managed-by": "thinkube-catalog"}
    world.cluster.ensure_namespace(RECORD, WITH_TOKEN.marker, labels)
    world.cluster.namespaces[RECORD].arrivals["legal-qa-secrets"] = arrival


LACKING = Arrival(causes=(Cause(CauseKind.MISSING_SECRET, "the store lacks it"),), lacking=True)


def test_what_the_store_lacks_is_the_one_cause_and_final(world: ArgoCdWorld) -> None:
    fetched(world, LACKING)
    world.engine.ensure_application(WITH_TOKEN)
    commit = push(world.forge, project("one", secrets=["TOKEN"]))
    status = wait_failed(world.engine, commit)
    assert [each.message for each in status.causes] == ["the store lacks it"]
    assert (status.health, status.serving, status.outdated) == (Health.DEGRADED, "", False)
    assert SERVING not in world.argocd.the(RECORD).body["metadata"]["annotations"]
    fetched(world, Arrival("first"))
    world.engine.sync("legal-qa", commit.id)
    assert wait_healthy(world.engine, commit).causes == ()
    assert world.argocd.restarts == []  # nothing has run without them


def test_a_store_that_may_come_back_is_waited_for_with_its_cause(world: ArgoCdWorld) -> None:
    fetched(world, replace(LACKING, lacking=False))
    world.engine.ensure_application(WITH_TOKEN)
    push(world.forge, project("one", secrets=["TOKEN"]))
    status = wait_for(world.engine, lambda it: bool(it.causes and it.wanted))
    assert (status.failed, status.health) == (False, Health.PROGRESSING)
    assert status.causes == LACKING.causes


def test_values_that_changed_elsewhere_are_told_and_brought_up_when_asked(
    world: ArgoCdWorld,
) -> None:
    fetched(world, Arrival("first"))
    world.engine.ensure_application(WITH_TOKEN)
    commit = push(world.forge, project("one", secrets=["TOKEN"]))
    assert not wait_healthy(world.engine, commit).outdated
    fetched(world, Arrival("second"))
    another = world.another_engine()
    assert another.status("legal-qa").outdated
    assert world.argocd.restarts == []
    another.ensure_application(WITH_TOKEN)
    assert world.argocd.restarts == ["legal-qa-web"]
    assert not another.status("legal-qa").outdated
    another.stop()


def test_what_ran_before_is_remembered_while_nothing_arrives(world: ArgoCdWorld) -> None:
    fetched(world, Arrival("first"))
    world.engine.ensure_application(WITH_TOKEN)
    commit = push(world.forge, project("one", secrets=["TOKEN"]))
    wait_healthy(world.engine, commit)
    fetched(world, LACKING)
    world.engine.ensure_application(WITH_TOKEN)
    assert world.argocd.restarts == []
    fetched(world, Arrival("second"))
    world.engine.ensure_application(WITH_TOKEN)
    assert world.argocd.restarts == ["legal-qa-web"]


def test_a_cluster_that_does_not_say_how_secrets_have_arrived_hides_nothing_else(
    world: ArgoCdWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))

    def away(namespace: str, name: str) -> Arrival:
        raise EngineUnavailableError(f"no answer about {namespace} {name}")

    monkeypatch.setattr(world.cluster, "arrival", away)
    world.engine.ensure_application(WITH_TOKEN)
    wait_healthy(world.engine, push(world.forge, project("one", secrets=["TOKEN"])))


def test_a_restart_of_ours_knows_which_version_serves(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    good = push(world.forge, project("one"))
    wait_healthy(world.engine, good)
    broken = push(world.forge, project("two", [container(port="eighty")]))
    wait_failed(world.engine, broken)
    another = world.another_engine()
    status = another.status("legal-qa")
    another.stop()
    assert (status.serving, status.wanted, status.failed) == (good.id, broken.id, True)
