"""The engine on Argo CD beside what Argo CD, the cluster, and people in them do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

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
from tests.argocd_objects import FAULT
from tests.argocd_world import PREFIX, ArgoCdWorld, with_objects
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.argocd import pulls as pulling
from thinkube_catalog.adapters.argocd.cluster import Arrival, RegistryAccount
from thinkube_catalog.adapters.argocd.desired import MARKER, SERVING
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.domain.environment import PULL_SECRET
from thinkube_catalog.domain.forge import Build, BuildState, Commit, Signature
from thinkube_catalog.domain.gitops import (
    Application,
    ApplicationNotFoundError,
    ApplicationTakenError,
    Cause,
    CauseKind,
    EngineBusyError,
    EngineRefusedError,
    EngineUnavailableError,
    Health,
)
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.secrets import SecretValue

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


# What is made in Argo CD


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


def test_secrets_go_to_the_namespace_and_nowhere_else(world: ArgoCdWorld) -> None:
    world.secrets.put("legal-qa/TOKEN", SecretValue("canary-7"))
    world.engine.ensure_application(WITH_TOKEN)
    wait_healthy(world.engine, push(world.forge, project("one", secrets=["TOKEN"])))
    delivered = world.cluster.namespaces[RECORD].secrets["legal-qa-secrets"]
    assert delivered.values["TOKEN"].reveal() == "canary-7"
    assert "canary-7" not in json.dumps(world.argocd.the(RECORD).body)
    assert "canary-7" not in " ".join(world.argocd.requests)


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
    wait_until(lambda: not _is_known(world), "the record is not ours any more")
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


# New values of secrets


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


# Secrets that somebody else fetches


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


# Following


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
    wait_until(lambda: not _is_known(world), "it is gone")


def _is_known(world: ArgoCdWorld) -> bool:
    try:
        world.engine.status("legal-qa")
    except ApplicationNotFoundError:
        return False
    return True


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


# Syncs


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


# Why it is not healthy


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


# Pulling images


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


# Removal


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


def test_what_serves_is_noted_at_the_record(world: ArgoCdWorld) -> None:
    world.engine.ensure_application(LEGAL_QA)
    commit = push(world.forge, project("one"))
    wait_healthy(world.engine, commit)
    there = world.argocd.the(RECORD)
    wait_until(lambda: there.annotations.get(SERVING) == commit.id, "it is noted")
