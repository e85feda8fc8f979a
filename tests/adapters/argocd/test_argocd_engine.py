"""The engine on Argo CD beside what Argo CD, the cluster, and people in them do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.adapters.local_engine.projects import REPOSITORY, container, project, push, wait_healthy
from tests.argocd_objects import FAULT
from tests.argocd_world import PREFIX, ArgoCdWorld, with_objects
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.argocd.desired import MARKER, SERVING
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.domain.forge import Commit, Signature
from thinkube_catalog.domain.gitops import (
    Application,
    ApplicationNotFoundError,
    ApplicationTakenError,
    EngineBusyError,
)
from thinkube_catalog.domain.rendering import File, FileTree

LEGAL_QA = Application("legal-qa", REPOSITORY, "deployment-1")
WITH_TOKEN = Application("legal-qa", REPOSITORY, "deployment-1", {"TOKEN": "legal-qa/TOKEN"})
RECORD = f"{PREFIX}legal-qa"
STORES = [container(volume="/data")]
NIGHTLY = container(name="nightly", schedule="0 3 * * *", port=None, health=None)


def with_fault(version: str, fault: str) -> FileTree:
    """Return a project whose pods do not become well, in the way of that fault."""
    files = with_objects(project(version))
    text = files.text("k8s/deployments.yaml")
    label = "app.kubernetes.io/managed-by: thinkube-catalog"
    marked = text.replace(label, f"{label}\n        {FAULT}: {fault}")
    broken = _at_the_template(text, marked)
    return FileTree({**files, "k8s/deployments.yaml": File(broken.encode())})


def _at_the_template(plain: str, marked: str) -> str:
    """Take the marked text from where the pod's template begins."""
    place = plain.index("  template:")
    return plain[:place] + marked[marked.index("  template:") :]


def push_as_it_is(world: ArgoCdWorld, files: FileTree) -> Commit:
    """Push what a person has changed in `k8s/`."""
    signature = Signature("Ada", "ada@example.org", datetime.now(UTC))
    return MemoryForge.publish(world.forge, REPOSITORY, files, "Change", signature)


def test_project_cluster_namespace_and_path_are_ours_and_the_namespace_is_marked(
    world: ArgoCdWorld,
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    spec = world.argocd.the(RECORD).body["spec"]
    assert spec["project"] == "thinkube"
    assert spec["destination"] == {
        "server": "https://kubernetes.default.svc",
        "namespace": RECORD,
    }
    assert (spec["source"]["targetRevision"], spec["source"]["path"]) == ("main", "k8s")
    assert spec["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
    assert "CreateNamespace=false" in spec["syncPolicy"]["syncOptions"]
    namespace = world.cluster.namespaces[RECORD]
    assert namespace.marker == "deployment-1"
    assert namespace.labels["pod-security.kubernetes.io/enforce"] == "baseline"


def test_objects_of_a_repository_go_to_its_own_namespace_whatever_they_say(
    world: ArgoCdWorld,
) -> None:
    world.cluster.ensure_namespace(f"{PREFIX}theirs", "deployment-9", {})
    world.engine.ensure_application(LEGAL_QA)
    files = with_objects(project("one"))
    text = files.text("k8s/services.yaml").replace(f"namespace: {RECORD}", "namespace: tkt-theirs")
    tree = FileTree({**files, "k8s/services.yaml": File(text.encode())})
    wait_healthy(world.engine, push_as_it_is(world, tree))
    live = world.argocd.the(RECORD).live["Service", "web"]
    assert live.manifest["metadata"]["namespace"] == RECORD


def test_people_are_led_to_its_own_page(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    page = world.engine.status("legal-qa").page
    assert page == f"https://argocd.example/applications/argocd/{RECORD}"


def test_credentials_are_for_the_project_alone_and_go_with_the_application(
    world: ArgoCdWorld,
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    (known,) = world.argocd.repositories.values()
    assert (known["project"], known["password"]) == ("thinkube", "read-canary-9")
    world.engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True)
    assert world.argocd.repositories == {}


def test_an_application_that_somebody_else_made_is_left_alone(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    record = world.argocd.the(RECORD)
    del record.annotations[MARKER]
    with pytest.raises(ApplicationTakenError):
        world.engine.ensure_application(LEGAL_QA)
    with pytest.raises(ApplicationTakenError):
        world.engine.remove_application("legal-qa", LEGAL_QA.marker, volumes=True)
    assert RECORD in world.argocd.records
    world.argocd.touch(record)
    wait_until(lambda: not is_known(world), "the record is not ours any more")
    assert list(world.engine.names()) == []


def test_what_somebody_has_changed_at_our_record_is_put_right(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    record = world.argocd.the(RECORD)
    record.body["spec"]["destination"]["namespace"] = "kube-system"
    record.annotations["note"] = "kept"
    world.engine.ensure_application(LEGAL_QA)
    assert record.body["spec"]["destination"]["namespace"] == RECORD
    assert record.annotations["note"] == "kept"


def test_making_it_known_again_unchanged_writes_nothing(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    version = world.argocd.the(RECORD).body["metadata"]["resourceVersion"]
    world.argocd.controller_runs = False
    world.engine.ensure_application(LEGAL_QA)
    written = [each for each in world.argocd.requests if each.startswith("POST /api/v1/applic")]
    assert len(written) == 1
    assert int(world.argocd.the(RECORD).body["metadata"]["resourceVersion"]) >= int(version)


def is_known(world: ArgoCdWorld) -> bool:
    try:
        world.engine.status("legal-qa")
    except ApplicationNotFoundError:
        return False
    return True


def test_what_was_changed_by_hand_in_the_cluster_is_put_right_without_an_event(
    world: ArgoCdWorld,
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    commit = push(world.forge, project("one"))
    wait_healthy(world.engine, commit)
    record = world.argocd.the(RECORD)
    with world.argocd.lock:
        del record.live["Service", "web"]
    seen = set()

    def is_back() -> bool:
        with world.argocd.lock:  # what we note beside it may replace it once
            record.annotations["argocd.argoproj.io/refresh"] = "normal"
        seen.add(world.engine.status("legal-qa").wanted)
        return ("Service", "web") in record.live

    wait_until(is_back, "the service is back")
    wait_healthy(world.engine, commit)
    assert seen == {commit.id}


def test_a_person_s_operation_is_waited_for_and_our_own_older_one_is_ended(
    world: ArgoCdWorld,
) -> None:
    world.engine.ensure_application(LEGAL_QA)
    first = push(world.forge, project("one"))
    wait_healthy(world.engine, first)
    world.argocd.controller_runs = False
    record = world.argocd.the(RECORD)
    with world.argocd.lock:
        record.body["operation"] = {
            "sync": {"revision": first.id},  # it may go on with that before it is ended
            "initiatedBy": {"username": "ada"},
            "retry": {},
        }
        record.status["operationState"] = {
            "operation": record.body["operation"],
            "phase": "Running",
            "startedAt": "2026-03-01T12:00:00Z",
        }
        world.argocd.touch(record)
    second = push(world.forge, project("two"))
    with pytest.raises(EngineBusyError, match="ada"):
        world.engine.sync("legal-qa", second.id)
    record.body["operation"]["initiatedBy"] = {"automated": True}
    world.argocd.controller_runs = True
    world.engine.sync("legal-qa", second.id)
    wait_healthy(world.engine, second)


def test_a_sync_carries_our_id_and_is_sent_once(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    world.argocd.controller_runs = False
    commit = push(world.forge, project("one"))
    for _ in range(3):
        world.engine.sync("legal-qa", commit.id)
    assert [each for each in world.argocd.requests if each.endswith("/sync")] == [
        f"POST /api/v1/applications/{RECORD}/sync"
    ]
    (info,) = world.argocd.the(RECORD).body["operation"]["info"]
    assert info["name"] == "thinkube-operation"


def test_what_serves_is_noted_at_the_record(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    commit = push(world.forge, project("one"))
    wait_healthy(world.engine, commit)
    there = world.argocd.the(RECORD)
    wait_until(lambda: there.annotations.get(SERVING) == commit.id, "it is noted")
