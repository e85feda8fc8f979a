"""The account by which images are pulled: in the namespace, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.adapters.argocd.test_argocd_engine import LEGAL_QA, RECORD
from tests.adapters.local_engine.projects import project, push, wait_healthy
from tests.argocd_world import ArgoCdWorld
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.argocd import pulls as pulling
from thinkube_catalog.adapters.argocd.cluster import RegistryAccount
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.domain.environment import PULL_SECRET
from thinkube_catalog.domain.gitops import EngineUnavailableError
from thinkube_catalog.domain.secrets import SecretValue


def puller(token: str) -> RegistryAccount:
    return RegistryAccount("git.example.org", "puller", SecretValue(token))


def pulls(world: ArgoCdWorld) -> dict[str, str]:
    """Return what images of the application are pulled by, by the name of its Secret."""
    there = world.cluster.namespaces[RECORD].pulls
    return {name: account.token.reveal() for name, account in there.items()}


def test_images_are_pulled_by_what_stands_in_the_namespace_and_nowhere_else(
    world: ArgoCdWorld,
) -> None:
    engine = world.another_engine(puller=puller("pull-canary-3"))
    engine.ensure_application(LEGAL_QA)
    assert pulls(world) == {PULL_SECRET: "pull-canary-3"}
    assert "pull-canary-3" not in json.dumps(world.argocd.the(RECORD).body)
    commit = push(world.forge, project("one"))
    world.cluster.namespaces[RECORD].pulls.clear()  # somebody has deleted it
    engine.sync("legal-qa", commit.id)
    assert pulls(world) == {PULL_SECRET: "pull-canary-3"}
    engine.stop()


def test_without_an_account_nothing_is_pulled_by_one(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one")))
    assert pulls(world) == {}


def test_another_account_reaches_what_runs_already_and_none_takes_it_back(
    world: ArgoCdWorld,
) -> None:
    for token in ("first", "second", ""):
        engine = world.another_engine(puller=puller(token) if token else None)
        if token == "first":
            engine.ensure_application(LEGAL_QA)
        engine.start()
        wanted = {PULL_SECRET: token} if token else {}
        wait_until(lambda: pulls(world) == wanted, f"it is pulled by {token}")  # noqa: B023 (at once)
        engine.stop()


def test_a_cluster_that_is_away_when_the_service_starts_gets_the_account_later(
    world: ArgoCdWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away(MemoryCluster):
        asked = 0

        def allow_pulls(self, *_arguments: object) -> None:
            self.asked += 1
            raise EngineUnavailableError("it is away")

    world.engine.ensure_application(LEGAL_QA)
    monkeypatch.setattr(pulling, "FIRST_PAUSE", 0.05)
    away = Away()
    engine = replace(world, cluster=away).another_engine(puller=puller("later"))
    engine.start()
    wait_until(lambda: away.asked > 1, "it is asked again")
    monkeypatch.setattr(away, "allow_pulls", world.cluster.allow_pulls)
    wait_until(lambda: pulls(world) == {PULL_SECRET: "later"}, "it has the account")
    engine.stop()


def test_what_a_replica_with_older_settings_makes_meanwhile_gets_the_account_a_while_later(
    world: ArgoCdWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "ONCE_MORE_AFTER", 1.0)
    engine = world.another_engine(puller=puller("newer"))
    engine.start()
    older = world.another_engine(puller=puller("older"))
    older.ensure_application(LEGAL_QA)
    wait_until(lambda: pulls(world) == {PULL_SECRET: "newer"}, "it has the newer account")
    engine.stop()
