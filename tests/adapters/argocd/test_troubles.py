"""What is the matter: with the stream, the token, the repository, and with pods."""

from __future__ import annotations

import pytest

from tests.adapters.argocd.test_argocd_engine import (
    LEGAL_QA,
    RECORD,
    is_known,
    push_as_it_is,
    with_fault,
)
from tests.adapters.local_engine.projects import project, push, wait_failed, wait_for, wait_healthy
from tests.argocd_world import ArgoCdWorld, with_objects
from tests.journeys.installation import wait_until
from thinkube_catalog.domain.forge import Build, BuildState
from thinkube_catalog.domain.gitops import CauseKind, EngineRefusedError, Health
from thinkube_catalog.domain.rendering import File, FileTree


def test_a_stream_that_ends_or_fails_hides_nothing(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    for version in "abc":
        world.argocd.drop_watchers()
        world.argocd.fault("500", "GET .*stream")
        wait_healthy(world.engine, push(world.forge, project(version)))


def test_an_application_deleted_by_somebody_is_unknown_soon(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one")))
    world.argocd.drop_watchers()
    with world.argocd.lock:
        del world.argocd.records[RECORD]
    wait_until(lambda: not is_known(world), "it is gone")


def test_a_token_that_has_run_out_is_told_and_a_new_one_goes_on(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    rights = world.argocd.tokens.pop("the-token")
    world.argocd.drop_watchers()
    with pytest.raises(EngineRefusedError, match="THINKUBE_ARGOCD_TOKEN") as refused:
        world.engine.ensure_application(LEGAL_QA)
    assert "the-token" not in str(refused.value)
    world.argocd.tokens["the-token"] = rights
    wait_healthy(world.engine, push(world.forge, project("one")))


def test_a_missing_right_is_told_with_what_it_is_for(world: ArgoCdWorld) -> None:
    rights = world.argocd.tokens["the-token"]
    world.argocd.tokens["the-token"] = rights - {"applications create"}
    with pytest.raises(EngineRefusedError, match=f"writing the application {RECORD}"):
        world.engine.ensure_application(LEGAL_QA)


def test_a_repository_that_cannot_be_read_says_nothing_about_what_runs(
    world: ArgoCdWorld,
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    good = push(world.forge, project("one"))
    wait_healthy(world.engine, good)
    world.argocd.reachable = False
    push(world.forge, project("two"))
    status = wait_for(world.engine, lambda it: it.health is Health.UNKNOWN)
    assert (status.serving, status.failed) == (good.id, False)
    assert status.causes[0].kind is CauseKind.REPOSITORY_UNREACHABLE


def test_a_commit_that_cannot_be_read_has_failed_and_a_sync_has_it_read_anew(
    world: ArgoCdWorld,
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    good = push(world.forge, project("one"))
    wait_healthy(world.engine, good)
    world.argocd.looks_every = 3600.0
    commit = push_as_it_is(world, FileTree({**with_objects(project("two"))}))
    world.argocd.poisoned.add(commit.id)
    status = wait_failed(world.engine, commit)
    assert (status.serving, status.causes[0].kind) == (good.id, CauseKind.INVALID_OBJECT)
    world.engine.sync("legal-qa", commit.id)
    wait_healthy(world.engine, commit)


def test_a_commit_without_objects_is_not_healthy(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    files = with_objects(project("one"))
    bare = {path: each for path, each in files.items() if not path.startswith("k8s/")}
    empty = FileTree({**bare, "k8s/kustomization.yaml": File(b"kind: Kustomization\n")})
    status = wait_failed(world.engine, push_as_it_is(world, empty))
    assert "holds no objects" in status.causes[0].message


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("image-pull", CauseKind.IMAGE_PULL),
        ("crash-loop", CauseKind.CRASH_LOOP),
        ("not-ready", CauseKind.FAILED_PROBE),
        ("unschedulable", CauseKind.UNSCHEDULABLE),
    ],
)
def test_what_keeps_pods_from_being_well_is_named(
    world: ArgoCdWorld, fault: str, kind: CauseKind
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    push_as_it_is(world, with_fault("one", fault))
    status = wait_for(world.engine, lambda it: it.causes != ())
    assert (status.causes[0].kind, status.causes[0].container) == (kind, "web")
    assert status.health is Health.PROGRESSING


def test_containers_are_those_of_the_version_that_serves(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    good = wait_healthy(world.engine, push(world.forge, project("one")))
    push_as_it_is(world, with_fault("two", "crash-loop"))
    status = wait_for(world.engine, lambda it: it.causes != ())
    assert status.containers == good.containers
    assert status.serving == good.serving


def test_the_last_lines_of_what_crashed_are_told(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    push_as_it_is(world, with_fault("one", "crash-loop"))
    status = wait_for(world.engine, lambda it: it.causes != ())
    assert status.causes[0].lines[0] == "starting"


def test_an_image_that_is_still_being_built_is_told_as_that(world: ArgoCdWorld) -> None:
    engine = world.another_engine(builds=lambda *_: Build(BuildState.RUNNING, "https://forge/7"))
    engine.ensure_application(LEGAL_QA)
    push_as_it_is(world, with_fault("one", "image-pull"))
    status = wait_for(engine, lambda it: it.causes != ())
    engine.stop()
    assert status.causes[0].kind is CauseKind.BUILDING
