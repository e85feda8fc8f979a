"""What goes wrong between us and Argo CD: every call converges, nothing is doubled or lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.adapters.argocd.test_argocd_engine import LEGAL_QA, RECORD, WITH_TOKEN
from tests.adapters.local_engine.projects import REPOSITORY, project, push, wait_healthy
from tests.argocd_world import ArgoCdWorld
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.argocd.engine import ArgoCdEngine
from thinkube_catalog.domain.errors import UnavailableError
from thinkube_catalog.domain.gitops import Application, ApplicationTakenError
from thinkube_catalog.domain.secrets import SecretValue

KINDS = ("drop before", "drop after", "delay", "500", "500 after", "429", "half a body", "reset")
FIND, CREATE = rf"GET /api/v1/applications/{RECORD}\?project", r"POST /api/v1/applications\?"
CREDENTIALS, SYNC = r"POST /api/v1/repositories", rf"POST .*/{RECORD}/sync"
DELETE, FORGET = rf"DELETE /api/v1/applications/{RECORD}\?", r"DELETE /api/v1/repositories"
TREE, NOTE, RESTART = "resource-tree", rf"PUT .*/{RECORD}", "POST .*/actions/v2"
LOG, LIST, STREAM = "GET .*/logs", r"GET /api/v1/applications\?", "GET .*/stream/"
T = TypeVar("T")


def make_again(call: Callable[[], T]) -> T:
    """Do it as a step of a run does: again while Argo CD does not answer."""
    for _ in range(5):
        try:
            return call()
        except UnavailableError:
            continue
    return call()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [FIND, CREATE, CREDENTIALS])
def test_an_application_is_made_once_whatever_happens_on_the_way(
    world: ArgoCdWorld, kind: str, at: str
) -> None:
    fault = world.argocd.fault(kind, at)
    make_again(lambda: world.engine.ensure_application(LEGAL_QA))
    assert fault.fired == 1
    assert list(world.argocd.records) == [RECORD]
    with pytest.raises(ApplicationTakenError):
        world.engine.ensure_application(Application("legal-qa", REPOSITORY, "deployment-2"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sync_that_breaks_is_asked_for_once_more_at_most(world: ArgoCdWorld, kind: str) -> None:
    world.engine.ensure_application(LEGAL_QA)
    world.argocd.controller_runs = False
    commit = push(world.forge, project("one"))
    fault = world.argocd.fault(kind, SYNC)
    make_again(lambda: world.engine.sync("legal-qa", commit.id))
    assert fault.fired == 1
    assert world.argocd.the(RECORD).body["operation"]["sync"]["revision"] == commit.id
    world.argocd.controller_runs = True
    wait_healthy(world.engine, commit)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [FIND, DELETE, FORGET])
def test_an_application_is_removed_whatever_happens_on_the_way(
    world: ArgoCdWorld, kind: str, at: str
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one")))
    fault = world.argocd.fault(kind, at)
    left = make_again(
        lambda: world.engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True)
    )
    assert (fault.fired, left) == (1, [])
    assert (world.argocd.records, world.argocd.repositories) == ({}, {})
    assert world.cluster.namespaces == {}


@pytest.mark.parametrize("kind", ["drop before", "500", "reset"])
def test_a_deletion_that_was_not_heard_is_asked_for_again_at_once(
    world: ArgoCdWorld, kind: str
) -> None:
    engine = world.another_engine(removal=3600.0)
    engine.ensure_application(LEGAL_QA)
    fault = world.argocd.fault(kind, DELETE)
    assert engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True) == []
    engine.stop()
    assert (fault.fired, world.argocd.records) == (1, {})


@pytest.mark.parametrize(
    ("kind", "at"),
    [
        *((kind, at) for kind in KINDS for at in (TREE, NOTE, LIST)),
        *((kind, STREAM) for kind in ("drop before", "delay", "500", "429", "reset")),
    ],
)
def test_a_push_is_followed_to_its_end_whatever_happens_on_the_way(
    world: ArgoCdWorld, kind: str, at: str
) -> None:
    fault = world.argocd.fault(kind, at)
    world.engine.ensure_application(LEGAL_QA)
    commit = push(world.forge, project("one"))
    assert wait_healthy(world.engine, commit).causes == ()

    def has_gone_wrong() -> bool:
        world.argocd.drop_watchers()
        return fault.fired == 1

    wait_until(has_gone_wrong, "it has gone wrong", 20)
    wait_healthy(world.engine, commit)


@pytest.mark.parametrize("kind", KINDS)
def test_new_values_reach_what_runs_whatever_happens_to_the_restart(
    world: ArgoCdWorld, kind: str
) -> None:
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    world.engine.ensure_application(WITH_TOKEN)
    commit = push(world.forge, project("one", secrets=["TOKEN"]))
    wait_healthy(world.engine, commit)
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-8"))
    fault = world.argocd.fault(kind, RESTART)
    make_again(lambda: world.engine.ensure_application(WITH_TOKEN))
    assert fault.fired == 1
    assert world.argocd.restarts in (["legal-qa-web"], ["legal-qa-web"] * 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_breaks_off_is_no_log(world: ArgoCdWorld, kind: str) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one")))
    whole = list(world.engine.logs("legal-qa"))
    fault = world.argocd.fault(kind, LOG)
    assert list(make_again(lambda: world.engine.logs("legal-qa"))) == whole
    assert fault.fired == 1


# The service stops after any of its calls; another one goes on

ENSURING, REMOVING = 5, 5  # how many calls these make


@pytest.mark.parametrize("kind", ["drop before", "drop after"])
@pytest.mark.parametrize("calls", range(ENSURING))
def test_the_next_start_goes_on_with_what_a_stop_has_left(
    world: ArgoCdWorld, kind: str, calls: int
) -> None:
    world.engine.stop()
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    commit = push(world.forge, project("one", secrets=["TOKEN"]))

    def deploy(engine: ArgoCdEngine) -> None:
        engine.ensure_application(WITH_TOKEN)
        engine.sync("legal-qa", commit.id)

    world.argocd.controller_runs = False  # or it begins by itself
    fault = world.argocd.fault(kind, ".*", times=10**6, skip=calls)
    _stopped(world, deploy)
    assert fault.fired
    fault.times = 0
    world.argocd.controller_runs = True
    engine = world.another_engine()
    deploy(engine)
    wait_healthy(engine, commit)
    engine.stop()
    assert list(world.argocd.records) == [RECORD]
    assert world.argocd.restarts == []


@pytest.mark.parametrize("kind", ["drop before", "drop after"])
@pytest.mark.parametrize("calls", range(REMOVING))
def test_the_next_start_removes_what_a_stop_has_left(
    world: ArgoCdWorld, kind: str, calls: int
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one")))
    world.engine.stop()

    def remove(engine: ArgoCdEngine) -> None:
        assert engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True) == []

    fault = world.argocd.fault(kind, ".*", times=10**6, skip=calls)
    _stopped(world, remove)
    assert fault.fired
    fault.times = 0
    engine = world.another_engine()
    remove(engine)
    engine.stop()
    assert (world.argocd.records, world.argocd.repositories) == ({}, {})
    assert world.cluster.namespaces == {}


def _stopped(world: ArgoCdWorld, work: Callable[[ArgoCdEngine], None]) -> None:
    engine = world.another_engine()
    with pytest.raises(UnavailableError):
        work(engine)
    engine.stop()
