"""The engine on a real Argo CD, a real cluster whose nodes are simulated, and a real Gitea.

Images are not pulled and programs do not run there: what pods say, such as that they crash, is said
for those that carry the label of a fault.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.adapters.argocd.test_argocd_engine import (
    LEGAL_QA,
    RECORD,
    STORES,
    WITH_TOKEN,
    with_fault,
)
from tests.adapters.local_engine.projects import REPOSITORY, project, push, wait_for, wait_healthy
from tests.argocd_world import LiveWorld, live_world
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.argocd.desired import SERVING
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.domain.forge import Signature
from thinkube_catalog.domain.gitops import CauseKind
from thinkube_catalog.domain.secrets import SecretValue

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveWorld]:
    with live_world(tmp_path, REPOSITORY) as world:
        world.forge.ensure_repository(REPOSITORY, LEGAL_QA.marker)
        yield world


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("image-pull", CauseKind.IMAGE_PULL),
        ("crash-loop", CauseKind.CRASH_LOOP),
        ("not-ready", CauseKind.FAILED_PROBE),
    ],
)
def test_what_keeps_simulated_pods_from_being_well_is_named(
    live: LiveWorld, fault: str, kind: CauseKind
) -> None:
    live.engine.ensure_application(LEGAL_QA)
    signature = Signature("Ada", "ada@example.org", datetime.now(UTC))
    GiteaForge.publish(live.forge, REPOSITORY, with_fault("one", fault), "Change", signature)
    status = wait_for(live.engine, lambda it: any(each.container == "web" for each in it.causes))
    assert kind in {each.kind for each in status.causes}


def test_a_new_value_of_a_secret_replaces_simulated_pods(live: LiveWorld) -> None:
    live.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    live.engine.ensure_application(WITH_TOKEN)
    commit = push(live.forge, project("one", secrets=["TOKEN"]))
    wait_healthy(live.engine, commit)
    before = pods_of(live)
    live.secrets.put("legal-qa/TOKEN", SecretValue("canary-8"))
    live.engine.ensure_application(WITH_TOKEN)
    wait_until(lambda: before.isdisjoint(pods_of(live)), "others have taken over", 150)
    wait_healthy(live.engine, commit)


@pytest.mark.skipif(
    not os.environ.get("THINKUBE_TEST_KNATIVE"),
    reason="THINKUBE_TEST_KNATIVE says whether the cluster has Knative's controller",
)
def test_a_new_value_of_a_secret_begins_one_revision_that_argo_cd_leaves_alone(
    live: LiveWorld,
) -> None:
    live.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    live.engine.ensure_application(WITH_TOKEN)
    push(live.forge, project("one", secrets=["TOKEN"], deployment={"type": "knative"}))
    wait_until(lambda: len(revisions_of(live)) == 1, "there is a Revision", 150)
    live.engine.ensure_application(WITH_TOKEN)
    live.secrets.put("legal-qa/TOKEN", SecretValue("canary-8"))
    for _ in range(2):
        live.engine.ensure_application(WITH_TOKEN)
    wait_until(lambda: len(revisions_of(live)) == 2, "there is another Revision", 60)
    seen = compared_at(live)
    live.applications.refresh(RECORD, hard=True)
    wait_until(lambda: compared_at(live) != seen, "Argo CD has looked at it again", 60)
    record = live.applications.find(RECORD)
    assert record is not None
    assert (record.status.sync.status, len(revisions_of(live))) == ("Synced", 2)


def revisions_of(live: LiveWorld) -> set[str]:
    found = live.applications.find(RECORD)
    if found is None or not found.status.resources:
        return set()
    return {node.uid for node in live.applications.tree(RECORD).of_kind("Revision")}


def compared_at(live: LiveWorld) -> datetime | None:
    found = live.applications.find(RECORD)
    return found.status.reconciled_at if found else None


def pods_of(live: LiveWorld) -> set[str]:
    return {node.uid for node in live.applications.tree(RECORD).of_kind("Pod")}


def test_claims_stay_without_volumes_and_go_with_them(live: LiveWorld) -> None:
    live.engine.ensure_application(LEGAL_QA)
    commit = push(live.forge, project("one", STORES))
    wait_healthy(live.engine, commit)
    (left,) = live.engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=False)
    assert "legal-qa-web-storage" in left
    assert list(live.cluster.claims(RECORD)) == ["legal-qa-web-storage"]
    live.engine.ensure_application(LEGAL_QA)
    live.engine.sync("legal-qa", commit.id)
    wait_healthy(live.engine, commit)
    assert live.engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True) == []
    assert list(live.cluster.claims(RECORD)) == []


def test_what_serves_is_noted_at_the_real_record(live: LiveWorld) -> None:
    live.engine.ensure_application(LEGAL_QA)
    commit = push(live.forge, project("one"))
    wait_healthy(live.engine, commit)
    record = live.applications.find(RECORD)
    assert record is not None
    assert record.metadata.annotations[SERVING] == commit.id
