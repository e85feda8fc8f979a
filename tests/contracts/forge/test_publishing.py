"""What every forge promises of publications: one commit, once, on top of what others pushed."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import A_MOMENT
from tests.contracts.forge.samples import CHAT, FIRST, LATER, SECOND, SOMEBODY, THEIRS, US, tree
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.forge import Forge, Repository, Signature, TagMovedError
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.vetting import path_problems


def test_what_is_published_is_the_head_and_can_be_read(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "Render chat 1.0\n\nWith two answers.", US)
    assert forge.head(chat) == commit
    assert forge.files(chat, commit.id) == FIRST
    assert (commit.message, commit.author) == (
        "Render chat 1.0\n\nWith two answers.",
        "Thinkube Catalog",
    )
    assert commit.at == A_MOMENT


def test_publishing_again_changes_nothing(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "First", US)
    assert forge.publish(chat, FIRST, "First", US) == commit
    assert forge.publish(chat, FIRST, "With other words", LATER) == commit
    assert list(forge.history(chat)) == [commit]


def test_a_publication_replaces_the_tree_and_keeps_the_history(
    forge: Forge, chat: Repository
) -> None:
    first = forge.publish(chat, tree(app="1", old="x"), "First", US)
    second = forge.publish(chat, tree(app="2", new="y"), "Second", LATER)
    assert list(forge.files(chat, second.id)) == ["app", "new"]
    assert list(forge.files(chat, first.id)) == ["app", "old"]
    assert list(forge.history(chat)) == [second, first]
    assert list(forge.history(chat, limit=1)) == [second]


def test_going_back_is_a_new_commit(forge: Forge, chat: Repository) -> None:
    first = forge.publish(chat, FIRST, "First", US)
    forge.publish(chat, SECOND, "Second", LATER)
    back = forge.publish(chat, forge.files(chat, first.id), "Back to the first", LATER)
    assert back.id != first.id
    assert len(forge.history(chat)) == 3
    assert forge.files(chat, back.id) == FIRST


def test_going_back_with_the_very_same_words_is_a_new_commit_too(
    forge: Forge, chat: Repository
) -> None:
    for files in (FIRST, SECOND, FIRST):
        forge.publish(chat, files, "Same", US)
    assert len(forge.history(chat)) == 3


def test_repeating_a_publication_leaves_what_others_pushed_on_top(
    forge: Forge, chat: Repository
) -> None:
    ours = forge.publish(chat, FIRST, "Render", US)
    theirs = forge.publish(chat, THEIRS, "A change", SOMEBODY)
    assert forge.publish(chat, FIRST, "Render", US) == ours
    assert forge.head(chat) == theirs


def test_a_new_publication_comes_on_top_of_what_others_pushed(
    forge: Forge, chat: Repository
) -> None:
    forge.publish(chat, FIRST, "Render", US)
    forge.publish(chat, THEIRS, "A change", SOMEBODY)
    new = forge.publish(chat, FIRST, "Render", LATER)
    assert forge.head(chat) == new
    assert len(forge.history(chat)) == 3


def test_the_same_publications_give_the_same_ids_elsewhere(tmp_path: Path, forge: Forge) -> None:
    # The ids of the one in memory are its own; those of all others are Git's.
    other = MemoryForge() if isinstance(forge, MemoryForge) else LocalForge(tmp_path / "other")
    ids = []
    for each in (forge, other):
        each.ensure_repository(CHAT, "deployment 1")
        ids.append(
            [each.publish(CHAT, FIRST, "First", US).id, each.publish(CHAT, SECOND, "2", LATER).id]
        )
    assert ids[0] == ids[1]


def test_a_tag_is_made_once_and_never_moves(forge: Forge, chat: Repository) -> None:
    first = forge.publish(chat, FIRST, "First", US, tag="v1.0.0")
    with pytest.raises(TagMovedError):
        forge.publish(chat, SECOND, "Second", LATER, tag="v1.0.0")
    assert forge.head(chat) == first
    assert forge.publish(chat, FIRST, "First", US, tag="v1.0.0") == first
    assert forge.publish(chat, SECOND, "Second", LATER, tag="v1.1.0").id != first.id


def test_a_published_tree_can_be_tagged_later(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "First", US)
    assert forge.publish(chat, FIRST, "Release", LATER, tag="v1.0.0") == commit
    with pytest.raises(TagMovedError):
        forge.publish(chat, SECOND, "Second", LATER, tag="v1.0.0")


@pytest.mark.parametrize(
    "tag", ["-v1", "v1/../x", "v1..2", "v 1", "v1\n", "v1.lock", "@{1}", "v1:x"]
)
def test_a_tag_that_is_not_plain_is_refused(forge: Forge, chat: Repository, tag: str) -> None:
    with pytest.raises(InvalidError):
        forge.publish(chat, FIRST, "First", US, tag=tag)
    assert forge.head(chat) is None


def test_every_unusable_path_is_listed_and_nothing_is_published(
    forge: Forge, chat: Repository
) -> None:
    bad = [
        ".git/config",
        "a/../b",
        "/etc/passwd",
        "x\ny",
        "app/main.py",
        "sub/.GIT/hooks/x",
        "\udc80",
    ]
    files = FileTree({path: File(b"") for path in [*bad, "app", "fine"]})
    with pytest.raises(InvalidError) as refused:
        forge.publish(chat, files, "First", US)
    assert len({problem.file for problem in refused.value.problems}) == len(bad)
    assert forge.head(chat) is None


def test_what_would_break_a_commit_is_taken_out_of_names(forge: Forge, chat: Repository) -> None:
    signature = Signature("A\nparent <b>\0", "", A_MOMENT)
    commit = forge.publish(chat, FIRST, "Fi\0rst", signature)
    assert commit.author == "Aparent b"
    assert commit.message == "First"
    assert forge.publish(chat, FIRST, "Fi\0rst", signature) == commit


def test_publications_at_the_same_time_all_end_up_in_the_history(
    forge: Forge, chat: Repository
) -> None:
    trees = [tree(app=str(number)) for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        commits = list(
            threads.map(lambda files: forge.publish(chat, files, files.text("app"), US), trees)
        )
    assert {commit.id for commit in forge.history(chat)} == {commit.id for commit in commits}
    assert len(forge.history(chat)) == len(trees)


_names = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="/"
    ),
    min_size=1,
    max_size=12,
)


_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)
_files = st.builds(File, st.binary(max_size=60), executable=st.booleans()) | st.builds(
    File, _names.map(str.encode), link=st.just(value=True)
)


def _is_publishable(files: dict[str, File]) -> bool:
    nested = any(one != other and other.startswith(one + "/") for one in files for other in files)
    return not nested and not path_problems(files)


@settings(max_examples=60, deadline=None)
@given(files=st.dictionaries(_paths, _files, max_size=6).filter(_is_publishable))
@pytest.mark.parametrize("kind", ["memory", "local"])
def test_every_publishable_tree_is_read_back_as_it_was(kind: str, files: dict[str, File]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        forge: Forge = MemoryForge() if kind == "memory" else LocalForge(Path(folder))
        forge.ensure_repository(CHAT, "deployment 1")
        commit = forge.publish(CHAT, FileTree(files), "Any", US)
        assert forge.files(CHAT, commit.id) == FileTree(files)
        assert forge.head(CHAT) == commit
