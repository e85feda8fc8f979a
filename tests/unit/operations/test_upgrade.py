"""Upgrades: what a template's newer release changes, merged with what people changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.edges.platform import Scene, a_scene
from tests.edges.releases import (
    HERE,
    NAME,
    NEW,
    PERSON,
    TEMPLATE,
    a_scene_of_releases,
    ended,
    main,
    push,
    push_to,
    record,
    with_version,
)
from thinkube_catalog.domain.catalog import ReleaseNotFoundError
from thinkube_catalog.domain.deployments import (
    DeploymentBusyError,
    EventKind,
    KeyReusedError,
    Run,
    RunState,
    State,
)
from thinkube_catalog.domain.errors import ConflictError, Problem
from thinkube_catalog.domain.forge import Change
from thinkube_catalog.domain.merging import Conflict, ConflictKind
from thinkube_catalog.domain.questions import Question
from thinkube_catalog.domain.rendering import File
from thinkube_catalog.operations import changelog, changes, runs, upgrade, watch
from thinkube_catalog.operations.deploy import DeploymentRequest
from thinkube_catalog.operations.deploy import request as deploy
from thinkube_catalog.operations.upgrade import UpgradeRequest

BRANCH = "catalog/upgrade-v1.1.0"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return a_scene_of_releases(tmp_path)


def request(scene: Scene, **asked: object) -> Run:
    run = upgrade.request(scene.platform, UpgradeRequest(NAME, **asked))  # type: ignore[arg-type] # by name
    return ended(scene, run)


def planned(scene: Scene, **asked: object) -> upgrade.UpgradePlan:
    return upgrade.plan(scene.platform, UpgradeRequest(NAME, **asked))  # type: ignore[arg-type] # by name


def waiting(scene: Scene) -> list[str]:
    return [each.branch for each in upgrade.proposals(scene.platform, NAME)]


def in_conflict(scene: Scene) -> None:
    text = main(scene).text("app.py").replace("limit = 10", "limit = 15")
    push(scene, **{"app.py": text})


def test_a_plan_says_what_would_change_and_changes_nothing(scene: Scene) -> None:
    before = record(scene)
    plan = planned(scene)
    changed = upgrade.changed_paths(plan.ours, plan.merge.files)
    assert changed == (
        ".copier-answers.yml",
        "app.py",
        "k8s/app-metadata.yaml",
        "k8s/deployments.yaml",
        "old.txt",
        "tone.txt",
    )
    assert plan.new == ("tone",)
    assert plan.notes == {"1.1.0": "Speaks in a tone that you choose, up to 20 times."}
    assert plan.title == "Upgrade tkt-chat v1.0.0 to v1.1.0"
    assert (plan.conflicts, plan.problems, plan.proposal) == ((), (), None)
    assert record(scene) == before
    assert waiting(scene) == []


def test_a_proposal_waits_and_what_runs_stays_as_it_is(scene: Scene) -> None:
    before = record(scene)
    run = request(scene)
    assert run.state is RunState.SUCCEEDED
    assert record(scene) == before
    assert waiting(scene) == [BRANCH]
    last = scene.platform.deployments.events(NAME)[-1]
    assert last.message == f"the upgrade of {NAME} is proposed on {BRANCH}"


def test_an_unmodified_project_becomes_what_a_fresh_deployment_would_be(
    scene: Scene, tmp_path: Path
) -> None:
    assert request(scene, apply=True, answers={"tone": "plain"}).state is RunState.SUCCEEDED
    fresh = a_scene(tmp_path / "fresh", offered=(TEMPLATE,))
    asked = {"greeting": "Good day", "tone": "plain"}
    deploy(fresh.platform, DeploymentRequest("tkt-chat", NAME, asked))
    assert main(scene) == main(fresh)


def test_an_applied_upgrade_is_on_main_healthy_and_in_the_record(scene: Scene) -> None:
    first = record(scene).commit
    run = request(scene, apply=True)
    now = record(scene)
    assert run.state is RunState.SUCCEEDED
    assert (now.state, now.release.version) == (State.HEALTHY, "v1.1.0")
    assert dict(now.answers) == {"project_name": NAME, "greeting": "Good day", "tone": "kind"}
    assert now.commit == now.healthy_commit
    revisions = changes.history(scene.platform, NAME)
    assert [each.kind for each in revisions] == ["upgrade", "deploy"]
    assert revisions[1].commit == first
    assert waiting(scene) == []
    assert main(scene).text("tone.txt") == "kind\n"
    assert "old.txt" not in main(scene)


def test_what_people_changed_stays_beside_what_the_template_changed(scene: Scene) -> None:
    push(scene, "notes.txt", **{"mine.txt": "mine\n", "app.py": "# mine\n" + _app(scene)})
    plan = planned(scene)
    assert plan.conflicts == ()
    assert request(scene, apply=True).state is RunState.SUCCEEDED
    files = main(scene)
    assert files.text("app.py").startswith("# mine\nimport os\n\ngreeting = 'Good day'\n")
    assert "limit = 20" in files.text("app.py")
    assert files.text("mine.txt") == "mine\n"
    assert "notes.txt" not in files


def test_images_that_were_built_keep_their_tags(scene: Scene) -> None:
    path = "k8s/kustomization.yaml"
    built = main(scene).text(path).replace("newTag: unbuilt", "newTag: abc1234")
    assert "abc1234" in built
    push(scene, **{path: built})
    request(scene, apply=True)
    assert main(scene).text(path) == built


def test_a_conflict_is_proposed_with_marks_and_does_not_reach_main(scene: Scene) -> None:
    in_conflict(scene)
    assert planned(scene).conflicts == (Conflict("app.py", ConflictKind.CONTENT, marked=True),)
    with pytest.raises(upgrade.UpgradeInvalidError) as refused:
        request(scene, apply=True)
    assert [each.file for each in refused.value.problems] == ["app.py"]
    request(scene)
    [proposal] = upgrade.proposals(scene.platform, NAME)
    text = scene.platform.forge.files(HERE, proposal.head).text("app.py")
    assert "<<<<<<< before updating\nlimit = 15\n=======\nlimit = 20\n>>>>>>>" in text
    assert "<<<<" not in main(scene).text("app.py")


@pytest.mark.parametrize(("side", "limit"), [("ours", "limit = 15"), ("theirs", "limit = 20")])
def test_a_conflict_is_settled_by_choosing_a_side(scene: Scene, side: str, limit: str) -> None:
    in_conflict(scene)
    request(scene)
    run = request(scene, apply=True, **{side: ("app.py",)})
    assert run.state is RunState.SUCCEEDED
    assert limit in main(scene).text("app.py")
    assert record(scene).release.version == "v1.1.0"


def test_a_choice_once_made_is_kept(scene: Scene) -> None:
    in_conflict(scene)
    request(scene, theirs=("app.py",))
    assert planned(scene).conflicts == ()
    assert request(scene, apply=True).state is RunState.SUCCEEDED
    assert "limit = 20" in main(scene).text("app.py")


def test_a_conflict_that_somebody_settled_on_the_branch_can_be_applied(scene: Scene) -> None:
    in_conflict(scene)
    request(scene)
    [proposal] = upgrade.proposals(scene.platform, NAME)
    push_to(scene, proposal, **{"app.py": "print('settled')\n"})
    assert planned(scene).conflicts == ()
    assert request(scene, apply=True).state is RunState.SUCCEEDED
    assert main(scene).text("app.py") == "print('settled')\n"


def test_other_answers_do_not_undo_what_somebody_did_on_the_branch(scene: Scene) -> None:
    request(scene)
    [proposal] = upgrade.proposals(scene.platform, NAME)
    push_to(scene, proposal, **{"app.py": "print('settled')\n"})
    with pytest.raises(ConflictError, match="somebody has worked on"):
        request(scene, answers={"tone": "plain"})
    assert upgrade.withdraw(scene.platform, NAME) == (BRANCH,)
    assert request(scene, answers={"tone": "plain"}).state is RunState.SUCCEEDED
    assert planned(scene).merge.files.text("tone.txt") == "plain\n"


def test_other_answers_replace_a_proposal_that_nobody_touched(scene: Scene) -> None:
    request(scene)
    request(scene, answers={"tone": "plain"})
    assert waiting(scene) == [BRANCH]
    assert request(scene, apply=True).state is RunState.SUCCEEDED
    assert main(scene).text("tone.txt") == "plain\n"
    assert record(scene).answers["tone"] == "plain"


def test_a_proposal_follows_what_is_pushed_to_main(scene: Scene) -> None:
    request(scene)
    push(scene, **{"mine.txt": "mine\n"})
    watch.observe(scene.platform)
    watch.observe(scene.platform)
    assert request(scene, apply=True).state is RunState.SUCCEEDED
    assert main(scene).text("mine.txt") == "mine\n"
    assert main(scene).text("tone.txt") == "kind\n"


def test_a_proposal_that_a_person_merges_is_noticed(scene: Scene) -> None:
    request(scene, answers={"tone": "plain"})
    [proposal] = upgrade.proposals(scene.platform, NAME)
    files = scene.platform.forge.files(HERE, proposal.head)
    merged = Change(files, "Merge pull request 1", PERSON)
    scene.platform.forge.accept(HERE, proposal, merged, record(scene).commit)
    for _ in range(3):
        watch.observe(scene.platform)
    now = record(scene)
    assert (now.state, now.release.version, now.answers["tone"]) == (
        State.HEALTHY,
        "v1.1.0",
        "plain",
    )
    with pytest.raises(upgrade.NotNewerError):
        planned(scene)


def test_rolling_back_over_an_upgrade_brings_back_release_and_answers(scene: Scene) -> None:
    before = record(scene)
    request(scene, apply=True)
    changes.rollback(scene.platform, NAME)
    now = record(scene)
    assert (now.release, dict(now.answers)) == (before.release, dict(before.answers))
    assert now.state is State.HEALTHY
    assert planned(scene).deployment.release.version == "v1.1.0"


def test_an_upgrade_that_does_not_become_healthy_leaves_the_version_before_serving(
    scene: Scene,
) -> None:
    healthy = record(scene).healthy_commit
    scene.break_next_versions()
    run = request(scene, apply=True)
    now = record(scene)
    assert run.state is RunState.FAILED
    assert (now.state, now.healthy_commit) == (State.DEGRADED, healthy)
    assert scene.platform.engine.status(NAME).serving == healthy
    scene.mend_versions()
    changes.rollback(scene.platform, NAME)
    assert record(scene).state is State.HEALTHY
    assert record(scene).release.version == "v1.0.0"


def test_the_same_and_an_older_release_are_refused_unless_asked_for(scene: Scene) -> None:
    with pytest.raises(upgrade.NotNewerError, match=r"has v1\.0\.0 already"):
        planned(scene, to="v1.0.0")
    request(scene, apply=True)
    with pytest.raises(upgrade.NotNewerError, match="which is newer than"):
        planned(scene, to="v1.0.0")
    assert request(scene, to="v1.0.0", apply=True, force=True).state is RunState.SUCCEEDED
    assert record(scene).release.version == "v1.0.0"
    assert "tone.txt" not in main(scene)


def test_a_release_that_is_not_there_is_said_not_to_be(scene: Scene) -> None:
    with pytest.raises(ReleaseNotFoundError):
        planned(scene, to="v9.0.0")


def test_every_problem_of_the_form_is_listed_before_anything_starts(tmp_path: Path) -> None:
    asks = (*NEW.questions, Question("size", "int"), Question("count", "int"))
    template = replace(
        TEMPLATE, versions={**TEMPLATE.versions, "v1.1.0": replace(NEW, questions=asks)}
    )
    scene = a_scene_of_releases(tmp_path, template)
    with pytest.raises(upgrade.UpgradeInvalidError) as refused:
        request(scene, answers={"count": "many"})
    assert [each.field for each in refused.value.problems] == ["size", "count"]
    assert len(scene.platform.deployments.runs(NAME)) == 1


def test_a_secret_that_the_new_release_needs_is_asked_for(tmp_path: Path) -> None:
    template = replace(TEMPLATE, secrets=["LLM_API_KEY"], releases=("v1.0.0",))
    scene = a_scene_of_releases(tmp_path, replace(template, secrets=[]))
    platform = scene.platform
    later = template.files("v1.1.0").with_files(
        {"manifest.yaml": File(_manifest("LLM_API_KEY").encode())}
    )
    repository = replace(HERE, owner="thinkube-templates", name="tkt-chat")
    platform.forge.publish(repository, later, "Release", PERSON, "v1.1.0")
    [problem] = planned(scene).problems
    assert problem == Problem(
        "the secret LLM_API_KEY is missing (A key)",
        field="secrets.LLM_API_KEY",
        mend="store it with: tkt secret set LLM_API_KEY; or give it with the request",
    )


def test_the_same_key_starts_one_run(scene: Scene) -> None:
    first = request(scene, key="click")
    assert request(scene, key="click").id == first.id
    with pytest.raises(KeyReusedError):
        request(scene, key="click", apply=True)


def test_answers_that_nobody_asks_for_are_not_kept(scene: Scene) -> None:
    run = request(scene, answers={"password": "canary", "tone": "plain"})
    assert "canary" not in str(run.input)
    assert run.input["answers"] == {"tone": "plain"}


def test_another_change_under_way_comes_first(tmp_path: Path) -> None:
    scene = a_scene_of_releases(tmp_path, carried_out=False)
    run = scene.platform.deployments.runs(NAME)[0]
    with pytest.raises(upgrade.NothingPublishedError):
        planned(scene)
    while runs.proceed(scene.platform, run.id, 1) is not None:
        pass
    request(scene)
    with pytest.raises(DeploymentBusyError):
        request(scene, apply=True)


def test_a_branch_of_somebody_else_is_left_alone(scene: Scene) -> None:
    theirs = Change(main(scene).with_files({"x": File(b"x")}), "My own", PERSON)
    made = scene.platform.forge.propose(HERE, theirs, BRANCH, record(scene).commit)
    with pytest.raises(upgrade.BranchTakenError):
        planned(scene)
    assert scene.platform.forge.proposals(HERE, BRANCH) == [made]
    assert upgrade.proposals(scene.platform, NAME) == ()


def test_a_newer_release_is_proposed_beside_an_older_one(tmp_path: Path) -> None:
    scene = a_scene_of_releases(tmp_path, with_version("v1.2.0", **{"more.txt": "more\n"}))
    request(scene, to="v1.1.0")
    request(scene)
    assert waiting(scene) == [BRANCH, "catalog/upgrade-v1.2.0"]
    request(scene, apply=True)
    assert main(scene).text("more.txt") == "more\n"
    assert record(scene).release.version == "v1.2.0"
    assert waiting(scene) == []


def test_an_older_proposal_that_somebody_worked_on_stays_and_is_not_applied(
    tmp_path: Path,
) -> None:
    scene = a_scene_of_releases(tmp_path, with_version("v1.2.0", **{"more.txt": "more\n"}))
    request(scene, to="v1.1.0")
    [older] = upgrade.proposals(scene.platform, NAME)
    push_to(scene, older, **{"own.txt": "mine\n"})
    request(scene, apply=True)
    assert waiting(scene) == [BRANCH]
    with pytest.raises(upgrade.NotNewerError):
        request(scene, to="v1.1.0", apply=True)


def test_an_older_release_that_was_proposed_with_force_is_applied_without(scene: Scene) -> None:
    request(scene, apply=True)
    request(scene, to="v1.0.0", force=True)
    assert request(scene, to="v1.0.0", apply=True).state is RunState.SUCCEEDED
    assert record(scene).release.version == "v1.0.0"


def test_a_proposal_is_withdrawn_once(scene: Scene) -> None:
    request(scene)
    upgrade.withdraw(scene.platform, NAME)
    assert waiting(scene) == []
    with pytest.raises(upgrade.NoProposalError):
        upgrade.withdraw(scene.platform, NAME)


def test_a_file_that_only_tells_of_marks_stands_in_no_way(scene: Scene) -> None:
    text = "Copier writes:\n<<<<<<< before updating\n"
    push(scene, **{"ABOUT.md": text})
    request(scene)
    assert request(scene, apply=True).state is RunState.SUCCEEDED
    assert main(scene).text("ABOUT.md") == text


def test_a_file_that_is_in_no_conflict_cannot_be_chosen(scene: Scene) -> None:
    with pytest.raises(upgrade.UpgradeInvalidError) as refused:
        request(scene, theirs=("nothing-like-it",))
    assert [each.file for each in refused.value.problems] == ["nothing-like-it"]


def test_the_events_of_an_upgrade_name_its_steps(scene: Scene) -> None:
    run = request(scene, apply=True)
    events = scene.platform.deployments.ledger(run.id)
    done = [each.step for each in events if each.kind is EventKind.STEP_SUCCEEDED]
    assert done == ["compare", "merge", "propose", "apply", "register", "sync", "healthy"]


def _app(scene: Scene) -> str:
    return main(scene).text("app.py")


def _manifest(secret: str) -> str:
    return (
        "apiVersion: thinkube.io/v1\nkind: TemplateManifest\n"
        "metadata: {name: tkt-chat, title: Chat, version: 1.1.0}\nparameters: []\n"
        f"secrets: [{{name: {secret}, description: A key}}]\n"
    )


def test_a_changelog_tells_of_the_versions_in_between(tmp_path: Path) -> None:
    text = "# Changes\n\n## [2.0.0] - today\n\nTwo.\n\n## v1.1.0\n\nOne more.\n\n## 1.0.0\n\nOne.\n"
    (tmp_path / "CHANGELOG.md").write_text(text)
    assert changelog.between(tmp_path, "v1.0.0", "v2.0.0") == {
        "2.0.0": "Two.",
        "1.1.0": "One more.",
    }
    assert changelog.between(tmp_path, "v1.0.0", "v1.1.0") == {"1.1.0": "One more."}
    (tmp_path / "CHANGELOG.md").unlink()
    (tmp_path / "CHANGELOG.md").symlink_to("/etc/hostname")
    assert changelog.notes(tmp_path) == {}
