"""What every GitOps engine promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.adapters.local_engine.projects import (
    REPOSITORY,
    container,
    project,
    push,
    wait_failed,
    wait_for,
    wait_healthy,
)
from tests.argocd_world import argocd_world, live_world
from thinkube_catalog.adapters.local_engine.conditions import Timings
from thinkube_catalog.adapters.local_engine.engine import LocalEngine, Options
from thinkube_catalog.adapters.memory.engine import MemoryEngine
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.domain.forge import Forge
from thinkube_catalog.domain.gitops import (
    Application,
    ApplicationNotFoundError,
    ApplicationTakenError,
    CauseKind,
    GitOpsEngine,
    Health,
)
from thinkube_catalog.domain.secrets import SecretValue

QUICK = Timings(grace=2.0, drain=2.0, first_pause=0.05, branch=0.05, tick=0.02)
LEGAL_QA = Application("legal-qa", REPOSITORY, "deployment-1")
WITH_TOKEN = Application("legal-qa", REPOSITORY, "deployment-1", {"TOKEN": "legal-qa/TOKEN"})


@dataclass(frozen=True)
class World:
    forge: Forge
    secrets: MemorySecrets
    engine: GitOpsEngine


@pytest.fixture
def memory() -> World:
    forge, secrets = MemoryForge(), MemorySecrets()
    return World(forge, secrets, MemoryEngine(forge, secrets))


@pytest.fixture
def local(tmp_path: Path) -> Iterator[World]:
    forge, secrets = MemoryForge(), MemorySecrets()
    engine = LocalEngine(tmp_path / "engine", forge, secrets, Options(timings=QUICK))
    engine.start()
    yield World(forge, secrets, engine)
    engine.stop(leave_running=False)


@pytest.fixture
def argocd() -> Iterator[World]:
    with argocd_world() as world:
        yield World(world.forge, world.secrets, world.engine)


@pytest.fixture
def live_argocd(tmp_path: Path) -> Iterator[World]:
    with live_world(tmp_path, REPOSITORY) as world:
        yield World(world.forge, world.secrets, world.engine)


@pytest.fixture(
    params=[
        "memory",
        "local",
        "argocd",
        pytest.param("live_argocd", marks=[pytest.mark.live, pytest.mark.timeout(400)]),
    ]
)
def world(request: pytest.FixtureRequest) -> World:
    chosen: World = request.getfixturevalue(request.param)
    chosen.forge.ensure_repository(REPOSITORY, LEGAL_QA.marker)
    return chosen


def test_an_application_without_commits_is_missing(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    assert world.engine.status("legal-qa").health is Health.MISSING


def test_a_push_is_rolled_out_without_being_asked(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    first = push(world.forge, project("one"))
    status = wait_healthy(world.engine, first)
    assert status.url
    assert [each.name for each in status.containers] == ["web"]
    second = push(world.forge, project("two"))
    assert wait_healthy(world.engine, second).url == status.url


def test_a_broken_version_never_replaces_a_healthy_one(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    good = push(world.forge, project("one"))
    wait_healthy(world.engine, good)
    broken = push(world.forge, project("two", [container(port="eighty")]))
    status = wait_failed(world.engine, broken)
    assert (status.serving, status.health) == (good.id, Health.DEGRADED)
    assert status.causes[0].kind in {CauseKind.BAD_DESCRIPTOR, CauseKind.INVALID_OBJECT}
    assert "port" in status.causes[0].message


def test_a_mended_version_takes_over_from_a_broken_one(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_failed(world.engine, push(world.forge, project("one", [container(port="eighty")])))
    mended = push(world.forge, project("one"))
    assert wait_healthy(world.engine, mended).causes == ()


def test_a_missing_secret_is_named_and_mended_by_storing_it_and_a_sync(world: World) -> None:
    world.engine.ensure_application(WITH_TOKEN)
    commit = push(world.forge, project("one", secrets=["TOKEN"]))
    status = wait_failed(world.engine, commit)
    assert status.causes[0].kind is CauseKind.MISSING_SECRET
    assert "TOKEN" in status.causes[0].message
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    world.engine.sync("legal-qa", commit.id)
    wait_healthy(world.engine, commit)


def test_syncing_what_is_healthy_changes_nothing(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    commit = push(world.forge, project("one"))
    before = wait_healthy(world.engine, commit)
    world.engine.sync("legal-qa", commit.id)
    after = world.engine.status("legal-qa")
    assert after.healthy_for(commit.id)
    assert after.containers[0].started_at == before.containers[0].started_at


def test_a_sync_right_after_a_push_wants_what_was_pushed(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    commit = push(world.forge, project("one"))
    world.engine.sync("legal-qa", commit.id)
    assert world.engine.status("legal-qa").wanted == commit.id


def test_making_an_application_known_twice_is_making_it_known_once(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    world.engine.ensure_application(LEGAL_QA)
    assert list(world.engine.names()) == ["legal-qa"]


def test_an_application_of_another_deployment_is_left_alone(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    with pytest.raises(ApplicationTakenError):
        world.engine.ensure_application(Application("legal-qa", REPOSITORY, "deployment-2"))
    with pytest.raises(ApplicationTakenError):
        world.engine.remove_application("legal-qa", "deployment-2", volumes=True)
    assert list(world.engine.names()) == ["legal-qa"]


def test_a_removed_application_is_unknown_and_its_name_free(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one")))
    assert world.engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True) == []
    assert world.engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True) == []
    assert list(world.engine.names()) == []
    with pytest.raises(ApplicationNotFoundError):
        world.engine.status("legal-qa")
    world.engine.ensure_application(Application("legal-qa", REPOSITORY, "deployment-2"))
    wait_for(world.engine, lambda status: status.health is Health.HEALTHY)


def test_nothing_is_known_of_an_application_that_was_never_made_known(world: World) -> None:
    for ask in (world.engine.status, world.engine.logs):
        with pytest.raises(ApplicationNotFoundError):
            ask("legal-qa")
    with pytest.raises(ApplicationNotFoundError):
        world.engine.sync("legal-qa", "0" * 40)


def test_logs_go_on_after_a_cursor_without_loss_or_repetition(world: World) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one")))
    wait_healthy(world.engine, push(world.forge, project("two")))
    lines = world.engine.logs("legal-qa", "web")
    assert len(lines) >= 2
    assert lines == sorted(lines, key=lambda line: line.at)
    assert list(world.engine.logs("legal-qa", after=lines[0].cursor)) == list(lines[1:])
    assert list(world.engine.logs("legal-qa", after=lines[-1].cursor)) == []
    assert list(world.engine.logs("legal-qa", limit=1)) == [lines[-1]]
