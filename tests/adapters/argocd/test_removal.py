"""Removing an application: what stays, what goes, and what holds it up."""

from __future__ import annotations

import pytest

from tests.adapters.argocd.test_argocd_engine import (
    LEGAL_QA,
    RECORD,
    STORES,
    WITH_TOKEN,
    push_as_it_is,
)
from tests.adapters.argocd.test_pulling import puller, pulls
from tests.adapters.local_engine.projects import (
    REPOSITORY,
    container,
    project,
    push,
    wait_for,
    wait_healthy,
)
from tests.argocd_world import ArgoCdWorld, with_objects
from thinkube_catalog.domain.gitops import Application, EngineBusyError
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.secrets import SecretValue


def test_without_volumes_claims_stay_and_the_next_of_that_name_finds_them(
    world: ArgoCdWorld,
) -> None:
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    engine = world.another_engine(puller=puller("of the registry"))
    engine.ensure_application(WITH_TOKEN)
    wait_healthy(world.engine, push(world.forge, project("one", STORES, secrets=["TOKEN"])))
    assert pulls(world) != {}
    (left,) = engine.remove_application("legal-qa", "deployment-1", volumes=False)
    engine.stop()
    assert "legal-qa-web-storage" in left
    there = world.cluster.namespaces[RECORD]
    assert (there.claims, there.secrets, there.pulls) == (["legal-qa-web-storage"], {}, {})
    world.engine.ensure_application(Application("legal-qa", REPOSITORY, "deployment-2"))
    assert there.marker == "deployment-2"


def test_a_claim_that_says_nothing_about_deletion_is_kept_as_well(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    files = with_objects(project("one", STORES))
    text = files.text("k8s/storage.yaml")
    plain = text.replace("Prune=false,Delete=false", "Prune=false")
    assert plain != text
    tree = FileTree({**files, "k8s/storage.yaml": File(plain.encode())})
    wait_healthy(world.engine, push_as_it_is(world, tree))
    assert world.engine.remove_application("legal-qa", "deployment-1", volumes=False) != []
    assert world.cluster.namespaces[RECORD].claims == ["legal-qa-web-storage"]


def test_with_volumes_nothing_stays(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one", STORES)))
    assert world.engine.remove_application("legal-qa", "deployment-1", volumes=True) == []
    assert world.cluster.namespaces == {}
    assert world.argocd.records == {}


def test_a_removal_that_something_holds_up_names_it_and_goes_on_when_repeated(
    world: ArgoCdWorld,
) -> None:
    engine = world.another_engine(removal=0.5)
    engine.ensure_application(LEGAL_QA)
    wait_healthy(engine, push(world.forge, project("one")))
    world.argocd.the(RECORD).held = "example.org/finalizer"
    with pytest.raises(EngineBusyError, match=r"resources-finalizer.*Deployment legal-qa-web"):
        engine.remove_application("legal-qa", "deployment-1", volumes=True)
    with pytest.raises(EngineBusyError):
        engine.ensure_application(LEGAL_QA)
    world.argocd.the(RECORD).held = ""
    assert engine.remove_application("legal-qa", "deployment-1", volumes=True) == []
    engine.stop()


def test_what_holds_a_namespace_is_named(world: ArgoCdWorld) -> None:
    engine = world.another_engine(removal=0.5)
    engine.ensure_application(LEGAL_QA)
    world.cluster.namespaces[RECORD].held["pod/web"] = "example.org/slow"
    (left,) = engine.remove_application("legal-qa", "deployment-1", volumes=True)
    engine.stop()
    assert left == "pod/web (held by example.org/slow)"


def test_an_application_whose_sync_does_not_end_can_be_removed(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    broken = push(world.forge, project("two", [container(port="eighty")]))
    wait_for(world.engine, lambda it: it.wanted == broken.id)
    assert world.engine.remove_application("legal-qa", "deployment-1", volumes=True) == []
