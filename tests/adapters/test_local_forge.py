"""The forge in a folder, beside the git program that people use on it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import A_MOMENT
from thinkube_catalog.adapters.git.layout import make_bare
from thinkube_catalog.adapters.git.objects import open_repository, tree_id, write_tree
from thinkube_catalog.adapters.git.references import read_reference
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.forge import (
    ForgeUnavailableError,
    Repository,
    RepositoryTakenError,
    Signature,
)
from thinkube_catalog.domain.rendering import File, FileTree

CHAT = Repository("thinkube-deployments", "chat")
US = Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT)
LATER = Signature(US.name, US.email, A_MOMENT + timedelta(hours=1))
PERSON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
    "GIT_ALLOW_PROTOCOL": "file",
}


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=PERSON,
        check=check,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def a_tree(text: str) -> FileTree:
    return FileTree({"app.py": File(text.encode()), "lib/x.sh": File(b"x", executable=True)})


@pytest.fixture
def forge(tmp_path: Path) -> LocalForge:
    return LocalForge(tmp_path / "forge")


@pytest.fixture
def location(forge: LocalForge) -> Path:
    return Path(forge.ensure_repository(CHAT, "deployment 1"))


@pytest.fixture
def clone(forge: LocalForge, location: Path, tmp_path: Path) -> Path:
    forge.publish(CHAT, a_tree("1"), "First", US)
    git(tmp_path, "clone", "--quiet", str(location), "clone")
    return tmp_path / "clone"


def push_a_change(clone: Path, text: str) -> str:
    (clone / "app.py").write_text(text)
    git(clone, "commit", "--quiet", "--all", "--message", f"Write {text}")
    return git(clone, "push", "--quiet", check=False)


def test_people_clone_and_push_by_path(forge: LocalForge, clone: Path) -> None:
    assert git(clone, "branch", "--show-current").strip() == "main"
    assert push_a_change(clone, "mine") == ""
    head = forge.head(CHAT)
    assert head is not None
    assert (head.author, head.message) == ("Somebody", "Write mine")
    assert forge.files(CHAT, head.id).text("app.py") == "mine"


def test_the_ids_are_those_that_git_computes(
    forge: LocalForge, clone: Path, tmp_path: Path
) -> None:
    by_hand = tmp_path / "by-hand"
    by_hand.mkdir()
    git(by_hand, "init", "--quiet")
    for name, file in a_tree("1").items():
        (by_hand / name).parent.mkdir(exist_ok=True)
        (by_hand / name).write_bytes(file.content)
        (by_hand / name).chmod(0o755 if file.executable else 0o644)
    git(by_hand, "add", "--all")
    tree = git(by_hand, "write-tree").strip()
    assert git(clone, "rev-parse", "HEAD^{tree}").strip() == tree


def test_a_push_cannot_rewrite_or_delete_the_history(forge: LocalForge, clone: Path) -> None:
    push_a_change(clone, "mine")
    before = forge.head(CHAT)
    git(clone, "commit", "--quiet", "--amend", "--message", "Rewritten")
    assert "denying non-fast-forward refs/heads/main" in git(clone, "push", "--force", check=False)
    assert "denying ref deletion" in git(clone, "push", "origin", ":main", check=False)
    assert forge.head(CHAT) == before


def test_a_push_with_a_forbidden_tree_is_refused(forge: LocalForge, clone: Path) -> None:
    blob = git(clone, "rev-parse", "HEAD:app.py").strip()
    listing = f"100644 blob {blob}\t.git\n"
    tree = subprocess.run(
        ["git", "mktree"],
        cwd=clone,
        env=PERSON,
        input=listing,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.strip()
    commit = git(clone, "commit-tree", tree, "-p", "HEAD", "-m", "Hostile").strip()
    assert "hasDotgit" in git(clone, "push", "origin", f"{commit}:main", check=False)
    head = forge.head(CHAT)
    assert head is not None
    assert head.id != commit


def test_a_tree_with_a_submodule_is_refused_by_name(forge: LocalForge, clone: Path) -> None:
    commit = git(clone, "rev-parse", "HEAD").strip()
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{commit},vendor/thing")
    git(clone, "commit", "--quiet", "--message", "Add a submodule")
    git(clone, "push", "--quiet")
    head = forge.head(CHAT)
    assert head is not None
    with pytest.raises(InvalidError, match="vendor/thing: is a submodule"):
        forge.files(CHAT, head.id)


def test_packed_references_and_objects_are_read_and_moved(
    forge: LocalForge, clone: Path, location: Path
) -> None:
    push_a_change(clone, "mine")
    before = forge.head(CHAT)
    git(location, "gc", "--quiet", "--prune=now")
    assert not (location / "refs/heads/main").exists()
    assert forge.head(CHAT) == before
    after = forge.publish(CHAT, a_tree("2"), "Second", LATER, tag="v1.0.0")
    git(location, "pack-refs", "--all")
    assert forge.head(CHAT) == after
    assert forge.publish(CHAT, a_tree("2"), "Second", LATER, tag="v1.0.0") == after
    assert git(location, "describe", "--tags").strip() == "v1.0.0"


def test_publications_and_pushes_at_the_same_time_lose_nothing(
    forge: LocalForge, clone: Path, location: Path
) -> None:
    pushed: list[str] = []

    def push_some() -> None:
        for number in range(3):
            while push_a_change(clone, f"theirs {number}"):
                git(clone, "fetch", "--quiet")
                git(clone, "reset", "--quiet", "--hard", "origin/main")
            pushed.append(git(clone, "rev-parse", "HEAD").strip())

    ours: list[str] = []
    thread = threading.Thread(target=push_some)
    thread.start()
    while thread.is_alive():
        message = f"ours {len(ours)}"
        ours.append(forge.publish(CHAT, a_tree(message), message, LATER).id)
        thread.join(0.05 * (1 + len(ours) % 8))  # so that a push has a chance
    history = {commit.id for commit in forge.history(CHAT, limit=10_000)}
    assert len(pushed) == 3
    assert history.issuperset(ours)
    assert history.issuperset(pushed)
    git(location, "fsck", "--strict", "--no-dangling")


def test_a_repository_that_somebody_put_there_is_left_alone(
    forge: LocalForge, tmp_path: Path
) -> None:
    git(
        tmp_path, "init", "--quiet", "--bare", str(tmp_path / "forge/thinkube-deployments/chat.git")
    )
    with pytest.raises(RepositoryTakenError):
        forge.ensure_repository(CHAT, "deployment 1")


def test_a_lock_that_a_killed_publication_left_frees_itself_at_the_next_look(
    forge: LocalForge, clone: Path, location: Path
) -> None:
    staged = location / "staged" / "refs%2Fheads%2Fmain"
    staged.parent.mkdir(exist_ok=True)
    staged.write_text("0" * 40)
    (location / "refs/heads/main.lock").hardlink_to(staged)
    assert "main.lock" in push_a_change(clone, "mine")
    forge.head(CHAT)
    assert git(clone, "push", "--quiet") == ""


def test_a_lock_of_git_itself_is_respected_and_named(
    forge: LocalForge, clone: Path, location: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thinkube_catalog.adapters.git.references.PUSH_SECONDS", 0.05)
    (location / "refs/heads/main.lock").touch()
    with pytest.raises(ForgeUnavailableError, match=r"main\.lock"):
        forge.publish(CHAT, a_tree("2"), "Second", LATER)
    assert (location / "refs/heads/main.lock").exists()
    (location / "refs/heads/main.lock").unlink()
    forge.publish(CHAT, a_tree("2"), "Second", LATER)


def test_a_damaged_branch_is_reported_not_overwritten(forge: LocalForge, location: Path) -> None:
    forge.publish(CHAT, a_tree("1"), "First", US)
    (location / "refs/heads/main").write_text("")
    with pytest.raises(ForgeUnavailableError, match="damaged"):
        forge.head(CHAT)
    with pytest.raises(ForgeUnavailableError, match="damaged"):
        forge.publish(CHAT, a_tree("2"), "Second", LATER)


def test_no_hook_and_no_setting_of_a_person_takes_part(
    forge: LocalForge, location: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Wrong\n[core]\n\tautocrlf = true\n")
    monkeypatch.setenv("HOME", str(home))
    commit = forge.publish(CHAT, FileTree({"a": File(b"one\r\ntwo\n")}), "First", US)
    assert commit.author == "Thinkube Catalog"
    assert forge.files(CHAT, commit.id)["a"].content == b"one\r\ntwo\n"
    assert not (location / "hooks").exists()


def test_a_reference_moves_only_from_what_was_expected(forge: LocalForge, location: Path) -> None:
    first = forge.publish(CHAT, a_tree("1"), "First", US)
    assert read_reference(location, "refs/heads/main") == first.id
    assert read_reference(location, "refs/heads/other") is None


@settings(max_examples=60, deadline=None)
@given(
    files=st.dictionaries(
        st.lists(st.sampled_from(["a", "a.b", "a-b", "ab", "ä", "a0"]), min_size=1, max_size=3).map(
            "/".join
        ),
        st.builds(File, st.binary(max_size=9), executable=st.booleans()),
        max_size=8,
    ).filter(lambda files: not any(two.startswith(f"{one}/") for one in files for two in files))
)
def test_a_trees_id_is_computed_as_git_does(files: dict[str, File]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_bare(Path(folder) / "x.git")
        written = write_tree(open_repository(Path(folder) / "x.git"), FileTree(files))
    assert tree_id(FileTree(files)) == written
