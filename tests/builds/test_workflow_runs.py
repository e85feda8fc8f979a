"""The workflow is run, script by script, against a forge: images are made and their tags land."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.builds.runner import Clone, Runner
from tests.gitea_stand_in import GiteaStandIn, Stored, gitea_stand_in
from tests.unit.domain.kubernetes.samples import a_container, a_context, a_descriptor
from thinkube_catalog.domain.builds import WORKFLOW_PATH
from thinkube_catalog.domain.descriptor import ContainerTest
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.kubernetes.kustomization import KUSTOMIZATION_PATH, read_images
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations.composition import with_objects

pytestmark = pytest.mark.slow

OWNER, NAME = "thinkube-deployments", "legal-qa"
REGISTRY = "registry.example"
IMAGES = {name: f"{REGISTRY}/{OWNER}/{NAME}-{name}" for name in ("backend", "frontend")}
DESCRIPTOR = a_descriptor(
    a_container("backend", build="api", test=ContainerTest(command="sh check.sh")),
    a_container("frontend", port=80, build="."),
)
CONTEXT = a_context(
    name=NAME,
    conventions=Conventions(container_registry=REGISTRY, image_owner=OWNER, builds=True),
)
SECRETS = {
    "GITEA_TOKEN": "the-token",
    "BUILD_USER": "builder",
    "BUILD_TOKEN": "the-token",
    "REGISTRY_USER": "builder",
    "REGISTRY_TOKEN": "canary-of-the-registry",
}


BARE = FileTree({"thinkube.yaml": File(b"kind: ThinkubeDeployment\n")})


def a_project(text: str = "1") -> FileTree:
    files = {"api/check.sh": "test -f Containerfile\n", "api/Containerfile": "FROM x\n"}
    plain = BARE.with_files({path: File(body.encode()) for path, body in files.items()})
    told = plain.with_files({"main.py": File(text.encode())})
    return with_objects(told, DESCRIPTOR, CONTEXT)


WORKFLOW = a_project().text(WORKFLOW_PATH)


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[GiteaStandIn]:
    with gitea_stand_in(tmp_path / "gitea") as server:
        yield server


@pytest.fixture
def stored(gitea: GiteaStandIn) -> Stored:
    return gitea.make(OWNER, NAME)


@pytest.fixture
def runner(gitea: GiteaStandIn, tmp_path: Path) -> Runner:
    return Runner(tmp_path / "runner", gitea.url, f"{OWNER}/{NAME}", SECRETS)


@pytest.fixture
def clone(gitea: GiteaStandIn, stored: Stored, tmp_path: Path) -> Clone:
    address = f"http://somebody:the-token@127.0.0.1:{gitea.port}/{OWNER}/{NAME}.git"
    return Clone(address, tmp_path / "clone")


def tags(gitea: GiteaStandIn, stored: Stored) -> dict[str, str]:
    """Return the images that the branch names now, as a redeploy reads them."""
    text = gitea.git(stored, "show", f"main:{KUSTOMIZATION_PATH}")
    return read_images({KUSTOMIZATION_PATH: File(text.encode())})


def subjects(gitea: GiteaStandIn, stored: Stored) -> list[str]:
    return gitea.git(stored, "log", "--format=%s", "main").splitlines()


def test_images_are_built_tested_pushed_and_their_tags_committed(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner
) -> None:
    commit = clone.push(a_project())
    assert runner.run(WORKFLOW, commit), runner.printed
    assert tags(gitea, stored) == dict.fromkeys(IMAGES.values(), commit)
    assert subjects(gitea, stored)[0] == f"Run the images built of {commit[:12]} [skip ci]"
    assert gitea.git(stored, "rev-list", "--count", "main") == "2"
    changed = gitea.git(stored, "diff", "--name-only", commit, "main").split()
    assert changed == [KUSTOMIZATION_PATH]
    done = [call[0] for call in runner.calls if call[0] != "login"]
    backend = ["build", "from", "copy", "run", "rm", "push", "rmi"]
    frontend = ["build", "push", "rmi"]
    assert done == [*backend, *frontend]


def test_buildah_is_told_what_to_build_and_nobody_else_the_password(
    clone: Clone, runner: Runner
) -> None:
    commit = clone.push(a_project())
    assert runner.run(WORKFLOW, commit, only=["build-backend"]), runner.printed
    image = IMAGES["backend"]
    build = next(call for call in runner.calls if call[0] == "build")
    assert build[-2:] == [f"{image}:{commit}", "./api"]
    assert ["--cache-from", f"{image}/cache", "--cache-to", f"{image}/cache"] == build[2:6]
    assert f"CONTAINER_REGISTRY={REGISTRY}" in build
    assert runner.calls[0] == ["login", "--username", "builder", "--password-stdin", REGISTRY]
    assert runner.password == "canary-of-the-registry"
    said = " ".join(word for call in runner.calls for word in call) + "".join(runner.printed)
    assert "canary-of-the-registry" not in said
    assert list(runner.root.glob("tmp.*")) == []  # no file with a credential is left


def test_the_tests_see_the_files_of_their_container(clone: Clone, runner: Runner) -> None:
    commit = clone.push(a_project())
    assert runner.run(WORKFLOW, commit, only=["build-backend"]), runner.printed
    run = next(call for call in runner.calls if call[0] == "run")
    assert run[-5:] == ["container-1", "--", "sh", "-c", "sh check.sh"]
    copy = next(call for call in runner.calls if call[0] == "copy")
    assert copy[-3:] == ["container-1", "./api", "/project"]


@pytest.mark.parametrize("fails", ["login", "build", "run", "push"])
def test_what_fails_is_not_pushed_and_no_tag_is_committed(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner, fails: str
) -> None:
    commit = clone.push(a_project())
    runner.environment["BUILDAH_FAILS"] = fails
    assert not runner.run(WORKFLOW, commit)
    assert fails == "push" or not [call for call in runner.calls if call[0] == "push"]
    assert tags(gitea, stored) == {}
    assert gitea.git(stored, "rev-parse", "main") == commit
    built = [call[-2] for call in runner.calls if call[0] == "build"]
    taken = [call[-1] for call in runner.calls if call[0] == "rmi"]
    assert taken == (built if fails in {"run", "push"} else [])
    assert list(runner.root.glob("tmp.*")) == []


def test_the_tag_lands_on_top_of_what_somebody_pushed_meanwhile(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner
) -> None:
    commit = clone.push(a_project("1"))
    theirs = clone.push(FileTree({"notes.txt": File(b"meanwhile")}), "Notes")
    assert runner.run(WORKFLOW, commit), runner.printed
    assert tags(gitea, stored) == dict.fromkeys(IMAGES.values(), commit)
    assert gitea.git(stored, "rev-parse", "main^") == theirs
    assert gitea.git(stored, "show", "main:notes.txt") == "meanwhile"


def test_a_push_between_looking_and_pushing_is_looked_at_again(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner
) -> None:
    commit = clone.push(a_project("1"))
    count = gitea.root / "pushed"
    # A hook of the server stands for somebody who is quicker, twice.
    hook = gitea.path(stored) / "hooks" / "pre-receive"
    hook.write_text(
        "#!/bin/sh\n"
        f'[ "$(cat {count} 2>/dev/null | wc -c)" -ge 2 ] && exit 0\n'
        f"printf x >> {count}\n"
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        "export GIT_AUTHOR_NAME=o GIT_AUTHOR_EMAIL=o GIT_COMMITTER_NAME=o GIT_COMMITTER_EMAIL=o\n"
        'new="$(git commit-tree -p main -m Meanwhile "main^{tree}")"\n'
        'git update-ref refs/heads/main "$new"\n'
        "exit 0\n"
    )
    hook.chmod(0o755)
    assert runner.run(WORKFLOW, commit, only=["commit-tags"]), runner.printed
    assert tags(gitea, stored) == dict.fromkeys(IMAGES.values(), commit)
    assert subjects(gitea, stored)[1:3] == ["Meanwhile", "Meanwhile"]
    assert "trying again (2 of 10)" in runner.printed[-1]


def test_running_it_again_changes_nothing(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner
) -> None:
    commit = clone.push(a_project())
    assert runner.run(WORKFLOW, commit), runner.printed
    head = gitea.git(stored, "rev-parse", "main")
    assert runner.run(WORKFLOW, commit), runner.printed
    assert gitea.git(stored, "rev-parse", "main") == head


def test_an_older_build_does_not_take_the_place_of_a_newer_one(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner
) -> None:
    older = clone.push(a_project("1"))
    newer = clone.push(FileTree({"main.py": File(b"2")}))
    assert runner.run(WORKFLOW, newer), runner.printed
    assert runner.run(WORKFLOW, older), runner.printed
    assert tags(gitea, stored) == dict.fromkeys(IMAGES.values(), newer)
    assert "A later build" in runner.printed[-1]


def test_a_builder_who_may_not_push_fails_and_says_so(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner
) -> None:
    commit = clone.push(a_project())
    runner.secrets = {**SECRETS, "BUILD_TOKEN": "wrong"}
    assert not runner.run(WORKFLOW, commit)
    assert "wrong" not in "".join(runner.printed)
    assert tags(gitea, stored) == {}


def test_a_redeploy_keeps_the_tags_that_a_build_has_committed(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner
) -> None:
    commit = clone.push(a_project())
    assert runner.run(WORKFLOW, commit), runner.printed
    text = gitea.git(stored, "show", f"main:{KUSTOMIZATION_PATH}")
    images = read_images({KUSTOMIZATION_PATH: File(text.encode())})
    again = with_objects(BARE, DESCRIPTOR, CONTEXT, images)
    assert again.text(KUSTOMIZATION_PATH).strip() == text  # the very bytes, so nothing changes


AWKS = [name for name in ("awk", "mawk", "gawk", "busybox") if shutil.which(name)]
"""Runners come with different ones."""

OURS, OTHER = IMAGES["backend"], "docker.io/library/redis"
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "images",
    [
        f"- name: {OURS}\n  newTag: unbuilt\n",
        f'  - name: "{OURS}"\n    newTag: "1.0"\n  - name: {OTHER}\n    newTag: "7"\n',
        f"- newTag: x\n  name: {OURS}\n",
        f"- name: {OTHER}\n  newTag: x\n- digest: {DIGEST}\n  name: {OURS}\n  newName: y\n",
        f"- name: {OURS} # ours\n  digest: {DIGEST}\n  newTag: x\n\n# the end\n",
        f"- name: {OURS}\n",
        f"- name: '{OURS}'\n  newTag: x\nnamespace: legal-qa\n",
        f"- name: {OURS}-other\n  newTag: keep\n- name: {OURS}\n  newTag: x\n",
    ],
)
@pytest.mark.parametrize("awk", AWKS)
def test_a_file_that_people_have_changed_is_changed_in_one_place(
    gitea: GiteaStandIn,
    stored: Stored,
    clone: Clone,
    runner: Runner,
    images: str,
    awk: str,
) -> None:
    place = runner.root / "bin" / "awk"
    place.unlink()
    place.symlink_to(str(shutil.which(awk)))
    before = f"resources:\n- deployments.yaml\nimages:\n{images}"
    commit = clone.push(FileTree({KUSTOMIZATION_PATH: File(before.encode())}))
    one = replace(DESCRIPTOR, containers=DESCRIPTOR.containers[:1])
    workflow = with_objects(BARE, one, CONTEXT).text(WORKFLOW_PATH)
    assert runner.run(workflow, commit, only=["commit-tags"]), runner.printed
    after = yaml.safe_load(gitea.git(stored, "show", f"main:{KUSTOMIZATION_PATH}"))
    expected = yaml.safe_load(before)
    for each in expected["images"]:
        if each["name"] == OURS:
            each.pop("digest", None)
            each["newTag"] = commit
    assert after == expected


@pytest.mark.parametrize("images", ["images: []\n", "", f"images:\n- name: {OTHER}\n  newTag: x\n"])
def test_a_file_that_names_no_such_image_is_left_and_told(
    gitea: GiteaStandIn, stored: Stored, clone: Clone, runner: Runner, images: str
) -> None:
    before = f"resources: [deployments.yaml]\n{images}"
    commit = clone.push(FileTree({KUSTOMIZATION_PATH: File(before.encode())}))
    assert not runner.run(WORKFLOW, commit, only=["commit-tags"])
    assert f"names no image {OURS}" in runner.printed[-1]
    assert gitea.git(stored, "rev-parse", "main") == commit
