"""`k8s/` beside a `thinkube.yaml` that people have changed: said, and made anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.platform import Scene, without
from tests.edges.releases import DESCRIPTOR, HERE, NAME, a_scene_of_releases, main, push, record
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.domain.deployments import EventKind, KeyReusedError, RunState, State
from thinkube_catalog.domain.errors import Problem, UnavailableError
from thinkube_catalog.domain.forge import Change, Commit, Proposal, Repository
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.operations import changes, remaking, watch

SAID = DESCRIPTOR.replace("{{ project_name }}", NAME)
LARGER = SAID.replace("size: small", "size: large")
WORKLOADS = "k8s/deployments.yaml"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = a_scene_of_releases(tmp_path)
    with without(scene.platform, runs_objects=True):
        yield scene


def warnings(scene: Scene) -> list[str]:
    """Return what is said once the engine has noticed what was pushed."""
    for _ in range(3):
        watch.observe(scene.platform)
    return [str(each) for each in watch.look(scene.platform, NAME).warnings]


def remade(scene: Scene) -> RunState:
    run = remaking.request(scene.platform, NAME)
    return scene.platform.deployments.run(run.id).state


def test_nothing_is_said_of_what_runs_as_it_stands(scene: Scene) -> None:
    assert main(scene).text("thinkube.yaml") == SAID
    assert warnings(scene) == []
    push(scene, **{"thinkube.yaml": "# About this:\n" + SAID, "app.py": "print(1)\n"})
    assert warnings(scene) == []
    push(scene, **{"thinkube.yaml": SAID})
    with pytest.raises(remaking.NothingToRemakeError):
        remaking.request(scene.platform, NAME)


def test_a_changed_descriptor_is_said_with_its_mend_although_all_is_healthy(scene: Scene) -> None:
    push(scene, **{"thinkube.yaml": LARGER})
    (said,) = warnings(scene)
    assert said.startswith("thinkube.yaml: has changed since k8s/ was made from it")
    assert said.endswith(f"(make k8s/ anew: tkt remake {NAME})")
    assert record(scene).state is State.HEALTHY
    last = scene.platform.deployments.events(NAME)[-1]
    assert last.kind is EventKind.ROLLOUT_SUCCEEDED
    assert "has changed since k8s/ was made from it" in last.message


def test_an_engine_that_runs_the_descriptor_itself_leaves_nothing_to_say(scene: Scene) -> None:
    push(scene, **{"thinkube.yaml": LARGER})
    with without(scene.platform, runs_objects=False):
        assert warnings(scene) == []


def test_objects_made_anew_are_those_of_a_descriptor_that_always_said_so(scene: Scene) -> None:
    before = main(scene)
    push(scene, **{"thinkube.yaml": LARGER})
    assert remade(scene) is RunState.SUCCEEDED
    now = main(scene)
    changed = {path for path in now if now[path] != before.get(path)}
    assert changed == {"thinkube.yaml", WORKLOADS, "k8s/app-metadata.yaml"}
    assert now.text(WORKLOADS) != before.text(WORKLOADS)
    assert warnings(scene) == []
    deployment = record(scene)
    assert (deployment.state, deployment.commit) == (State.HEALTHY, deployment.healthy_commit)
    assert [each.kind for each in changes.history(scene.platform, NAME)] == [
        "remake",
        "push",
        "deploy",
    ]
    assert list(scene.platform.forge.proposals(HERE, remaking.BRANCHES)) == []
    push(scene, **{"thinkube.yaml": SAID})
    assert remade(scene) is RunState.SUCCEEDED
    assert main(scene) == before


def test_what_people_changed_in_the_objects_stays(scene: Scene) -> None:
    objects = main(scene).text(WORKLOADS)
    mine = objects.replace("apiVersion: apps/v1", "# mine\napiVersion: apps/v1", 1)
    extra = {"k8s/extra.yaml": "kind: ConfigMap\n"}
    push(scene, **{"thinkube.yaml": LARGER, WORKLOADS: mine, **extra})
    assert remade(scene) is RunState.SUCCEEDED
    assert "# mine\n" in main(scene).text(WORKLOADS)
    assert main(scene).text("k8s/extra.yaml") == "kind: ConfigMap\n"
    assert warnings(scene) == []


def test_lines_that_both_changed_are_named_and_nothing_is_committed(scene: Scene) -> None:
    first = main(scene)
    push(scene, **{"thinkube.yaml": LARGER})
    remade(scene)
    larger = main(scene)
    line = min(set(_memory(larger)) - set(_memory(first)))
    mine = larger.text(WORKLOADS).replace(line, line.rpartition(" ")[0] + " 3Gi")
    head = push(scene, **{"thinkube.yaml": SAID, WORKLOADS: mine})
    with pytest.raises(remaking.RemakeInvalidError) as refused:
        remaking.request(scene.platform, NAME)
    assert [each.file for each in refused.value.problems] == [WORKLOADS]
    assert scene.platform.forge.history(HERE)[0].id == head


def _memory(files: FileTree) -> list[str]:
    return [line for line in files.text(WORKLOADS).splitlines() if "memory:" in line]


def test_a_descriptor_with_faults_is_said_with_each_of_them(scene: Scene) -> None:
    faulty = SAID.replace("port: 8000", "port: many").replace("health: /health", "health: [1]")
    push(scene, **{"thinkube.yaml": faulty})
    first, *faults = warnings(scene)
    assert "goes on with what it said before" in first
    assert len(faults) == 2
    with pytest.raises(remaking.RemakeInvalidError) as refused:
        remaking.request(scene.platform, NAME)
    assert [str(each) for each in refused.value.problems] == faults


def test_a_dependency_that_nobody_provides_is_named(scene: Scene) -> None:
    wish = "  dependencies: [{name: model, type: llm, env: LLM_BASE_URL}]\n"
    push(scene, **{"thinkube.yaml": SAID + wish})
    with pytest.raises(remaking.RemakeInvalidError) as refused:
        remaking.request(scene.platform, NAME)
    assert refused.value.problems
    assert all(isinstance(each, Problem) for each in refused.value.problems)


def test_going_back_to_a_version_that_did_not_run_as_it_said_says_so_again(scene: Scene) -> None:
    stale = push(scene, **{"thinkube.yaml": LARGER})
    warnings(scene)
    remade(scene)
    changes.rollback(scene.platform, NAME, stale)
    assert len(warnings(scene)) == 1


def test_a_key_makes_asking_twice_asking_once(scene: Scene) -> None:
    push(scene, **{"thinkube.yaml": LARGER})
    first = remaking.request(scene.platform, NAME, key="k")
    assert remaking.request(scene.platform, NAME, key="k").id == first.id
    with pytest.raises(KeyReusedError):
        changes.rollback(scene.platform, NAME, key="k")


class Interrupted(MemoryForge):
    """Where something comes between the branch and `main`, once."""

    def __init__(self, forge: MemoryForge, scene: Scene, what: str) -> None:
        self.__dict__ = forge.__dict__
        self._scene, self._what = scene, what

    def accept(
        self, repository: Repository, proposal: Proposal, change: Change, onto: str
    ) -> Commit:
        what, self._what = self._what, ""
        if what == "push":
            push(self._scene, **{"meanwhile.txt": "somebody's\n"})
        if what == "outage":
            raise UnavailableError("nobody answers")
        return super().accept(repository, proposal, change, onto)


@pytest.mark.parametrize("what", ["push", "outage"])
def test_what_comes_between_is_neither_lost_nor_done_twice(scene: Scene, what: str) -> None:
    push(scene, **{"thinkube.yaml": LARGER})
    forge = scene.platform.forge
    assert isinstance(forge, MemoryForge)
    with without(scene.platform, forge=Interrupted(forge, scene, what)):
        assert remade(scene) is RunState.SUCCEEDED
    assert ("meanwhile.txt" in main(scene)) is (what == "push")
    kinds = [each.kind for each in changes.history(scene.platform, NAME)]
    assert kinds.count("remake") == 1
    assert list(forge.proposals(HERE, remaking.BRANCHES)) == []
    assert warnings(scene) == []
