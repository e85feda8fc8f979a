"""What every forge promises (`domain/forge.py`)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import A_MOMENT
from tests.gitea_stand_in import gitea_stand_in
from thinkube_catalog.adapters.gitea import Care, GiteaForge, Hook
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.forge import (
    Change,
    Commit,
    CommitNotFoundError,
    Forge,
    Proposal,
    ProposalMovedError,
    Repository,
    RepositoryNotFoundError,
    RepositoryTakenError,
    RolloutState,
    Signature,
    TagMovedError,
)
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.domain.vetting import path_problems

CHAT = Repository("thinkube-deployments", "chat")
US = Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT)
SOMEBODY = Signature("Somebody", "somebody@example.org", A_MOMENT + timedelta(minutes=1))
LATER = replace(US, at=A_MOMENT + timedelta(hours=1))


def tree(**texts: str) -> FileTree:
    return FileTree({name: File(text.encode()) for name, text in texts.items()})


FIRST, SECOND, THEIRS = tree(app="1"), tree(app="2"), tree(app="theirs")


def a_care() -> Care:
    hook = Hook("http://127.0.0.1:9/hook", lambda _id: SecretValue("s" * 40), lambda _s: "k")
    return Care((hook,), {"BUILD_TOKEN": SecretValue("of-the-builder")})


@pytest.fixture
def memory(tmp_path: Path) -> Forge:
    return MemoryForge()


@pytest.fixture
def local(tmp_path: Path) -> Forge:
    return LocalForge(tmp_path / "forge")


@pytest.fixture
def gitea(tmp_path: Path) -> Iterator[Forge]:
    with gitea_stand_in(tmp_path / "gitea") as server:
        forge = GiteaForge(tmp_path / "mirrors", server.url, "the-token", care=a_care())
        yield forge
        forge.close()


@pytest.fixture
def live_gitea(tmp_path: Path) -> Iterator[Forge]:
    """A real one, of which the organisation `thinkube-deployments` is ours to empty."""
    url, token = (os.environ[f"THINKUBE_TEST_GITEA_{name}"] for name in ("URL", "TOKEN"))
    place = f"{url}/api/v1/repos/{CHAT}"
    httpx.delete(place, headers={"Authorization": f"token {token}"}, timeout=30)
    forge = GiteaForge(tmp_path / "mirrors", url, token, care=a_care())
    yield forge
    forge.close()


@pytest.fixture(
    params=["memory", "local", "gitea", pytest.param("live_gitea", marks=pytest.mark.live)]
)
def forge(request: pytest.FixtureRequest) -> Forge:
    chosen: Forge = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def chat(forge: Forge) -> Repository:
    forge.ensure_repository(CHAT, "deployment 1")
    return CHAT


def test_ensuring_a_repository_twice_makes_it_once(forge: Forge) -> None:
    location = forge.ensure_repository(CHAT, "deployment 1")
    assert forge.ensure_repository(CHAT, "deployment 1") == location


def test_a_repository_made_for_another_is_left_alone(forge: Forge, chat: Repository) -> None:
    forge.publish(chat, FIRST, "First", US)
    with pytest.raises(RepositoryTakenError):
        forge.ensure_repository(chat, "deployment 2")
    with pytest.raises(RepositoryTakenError):
        forge.remove_repository(chat, "deployment 2")
    assert len(forge.history(chat)) == 1


@pytest.mark.parametrize(
    "repository",
    [
        Repository("..", "chat"),
        Repository("owner", "../chat"),
        Repository("owner", ""),
        Repository("owner", "-chat"),
        Repository("owner", "chat.git"),
        Repository("owner", "chat\n"),
        Repository("owner/other", "chat"),
        Repository("owner", "a..b"),
        Repository("оwner", "chat"),  # noqa: RUF001 - begins with a Cyrillic letter
        Repository(".aside", "chat"),
        Repository("owner", "chat.lock"),
        Repository("owner", "a" * 101),
    ],
)
def test_a_name_that_is_not_plain_is_refused(forge: Forge, repository: Repository) -> None:
    with pytest.raises(InvalidError):
        forge.ensure_repository(repository, "deployment 1")


def test_a_new_repository_has_no_head_and_no_history(forge: Forge, chat: Repository) -> None:
    assert forge.head(chat) is None
    assert list(forge.history(chat)) == []


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


def test_an_unknown_commit_is_said_to_be_unknown(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "First", US)
    for wrong in ("0" * 40, "main", "HEAD", commit.id[:12], "--all", ""):
        with pytest.raises(CommitNotFoundError):
            forge.files(chat, wrong)


def test_an_unknown_repository_is_said_to_be_unknown(forge: Forge) -> None:
    for call in (
        lambda: forge.head(CHAT),
        lambda: forge.history(CHAT),
        lambda: forge.files(CHAT, "0" * 40),
        lambda: forge.publish(CHAT, FIRST, "First", US),
    ):
        with pytest.raises(RepositoryNotFoundError):
            call()


def test_a_removed_repository_is_gone_and_its_name_free(forge: Forge, chat: Repository) -> None:
    forge.publish(chat, FIRST, "First", US)
    forge.remove_repository(chat, "deployment 1")
    forge.remove_repository(chat, "deployment 1")
    with pytest.raises(RepositoryNotFoundError):
        forge.head(chat)
    forge.ensure_repository(chat, "deployment 2")
    assert forge.head(chat) is None


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


def test_connecting_twice_and_disconnecting_twice_leaves_the_repository(
    forge: Forge, chat: Repository
) -> None:
    forge.connect(chat, "deployment 1")
    commit = forge.publish(chat, FIRST, "First", US)
    forge.connect(chat, "deployment 1")
    forge.disconnect(chat, "deployment 1")
    forge.disconnect(chat, "deployment 1")
    assert forge.head(chat) == commit


def test_only_whose_it_is_connects_a_repository(forge: Forge, chat: Repository) -> None:
    with pytest.raises(RepositoryTakenError):
        forge.connect(chat, "deployment 2")
    forge.disconnect(chat, "deployment 2")
    with pytest.raises(RepositoryNotFoundError):
        forge.connect(Repository(CHAT.owner, "nowhere"), "deployment 1")
    forge.disconnect(Repository(CHAT.owner, "nowhere"), "deployment 1")


def test_nothing_is_built_for_a_commit_by_itself(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "First", US)
    assert forge.build(chat, commit.id) is None
    assert forge.build(chat, "0" * 40) is None
    assert forge.build(Repository(CHAT.owner, "nowhere"), commit.id) is None


def test_how_a_deployment_stands_is_no_build_of_its_commit(forge: Forge, chat: Repository) -> None:
    commit = forge.publish(chat, FIRST, "First", US)
    for state in RolloutState:
        forge.show_rollout(chat, commit.id, state, f"it is {state}")
        forge.show_rollout(chat, commit.id, state, f"it is {state}")
    assert forge.build(chat, commit.id) is None


def test_a_repository_ensured_by_many_at_once_belongs_to_one(forge: Forge) -> None:
    def ensure(marker: str) -> str:
        try:
            forge.ensure_repository(CHAT, marker)
        except RepositoryTakenError:
            return ""
        return marker

    with ThreadPoolExecutor(4) as threads:
        owners = [one for one in threads.map(ensure, "abcdefgh") if one]
    assert len(owners) == 1
    forge.ensure_repository(CHAT, owners[0])


BRANCH = "catalog/upgrade-v1.1.0"
UPGRADE = Change(SECOND, "Upgrade to v1.1.0\n\nRun: 7", LATER, "What changed")
MERGED = Change(SECOND, "Accept v1.1.0", LATER)


@pytest.fixture
def first(forge: Forge, chat: Repository) -> Commit:
    return forge.publish(chat, FIRST, "First", US)


@pytest.fixture
def proposal(forge: Forge, first: Commit) -> Proposal:
    return forge.propose(CHAT, UPGRADE, BRANCH, first.id)


def pushed(forge: Forge, proposal: Proposal, files: FileTree) -> Proposal:
    """Do what a person does with `git push` to the branch."""
    change = Change(files, "Settled by hand", SOMEBODY)
    return forge.propose(CHAT, change, proposal.branch, proposal.base, proposal.head)


def test_a_proposal_leaves_main_as_it_is_and_says_what_it_would_bring(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    assert forge.head(CHAT) == first
    assert list(forge.history(CHAT)) == [first]
    assert (proposal.branch, proposal.base, proposal.open) == (BRANCH, first.id, True)
    assert [each.message for each in proposal.commits] == ["Upgrade to v1.1.0\n\nRun: 7"]
    assert forge.files(CHAT, proposal.head) == SECOND
    assert list(forge.proposals(CHAT, "catalog/")) == [proposal]
    assert list(forge.proposals(CHAT, "catalog/upgrade-v2")) == []


def test_proposing_again_changes_nothing(forge: Forge, first: Commit, proposal: Proposal) -> None:
    assert forge.propose(CHAT, UPGRADE, BRANCH, first.id) == proposal
    assert forge.propose(CHAT, UPGRADE, BRANCH, first.id, proposal.head) == proposal
    worded = replace(UPGRADE, message="Upgrade, in other words")
    assert forge.propose(CHAT, worded, BRANCH, first.id, proposal.head) == proposal


def test_a_branch_that_holds_something_else_is_left_alone(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    theirs = pushed(forge, proposal, THEIRS)
    for head in ("", proposal.head):
        with pytest.raises(ProposalMovedError):
            forge.propose(CHAT, replace(UPGRADE, files=tree(app="3")), BRANCH, first.id, head)
    assert list(forge.proposals(CHAT, "catalog/")) == [theirs]
    assert [each.author for each in theirs.commits] == ["Somebody", "Thinkube Catalog"]


def test_a_proposal_follows_main(forge: Forge, proposal: Proposal) -> None:
    moved = forge.publish(CHAT, THEIRS, "A change", SOMEBODY)
    assert forge.proposals(CHAT, BRANCH)[0].base == proposal.base
    both = tree(app="2", more="theirs")
    again = forge.propose(CHAT, replace(UPGRADE, files=both), BRANCH, moved.id, proposal.head)
    assert again.base == moved.id
    assert len(again.commits) == 2
    assert forge.files(CHAT, again.head) == both
    assert forge.head(CHAT) == moved


def test_an_accepted_proposal_is_one_commit_on_top_of_main(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    commit = forge.accept(CHAT, proposal, MERGED, first.id)
    assert forge.head(CHAT) == commit
    assert [each.id for each in forge.history(CHAT)] == [commit.id, first.id]
    assert forge.files(CHAT, commit.id) == SECOND
    assert list(forge.proposals(CHAT, "catalog/")) == []


def test_accepting_again_returns_the_same_commit(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    commit = forge.accept(CHAT, proposal, MERGED, first.id)
    on_top = forge.publish(CHAT, THEIRS, "A change", SOMEBODY)
    assert forge.accept(CHAT, proposal, MERGED, first.id) == commit
    assert forge.head(CHAT) == on_top


def test_nothing_is_accepted_once_main_has_moved(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    moved = forge.publish(CHAT, THEIRS, "A change", SOMEBODY)
    with pytest.raises(ProposalMovedError):
        forge.accept(CHAT, proposal, MERGED, first.id)
    assert forge.head(CHAT) == moved
    assert forge.proposals(CHAT, BRANCH)[0].head == proposal.head


def test_nothing_is_accepted_or_withdrawn_once_somebody_has_pushed_to_the_branch(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    theirs = pushed(forge, proposal, THEIRS)
    with pytest.raises(ProposalMovedError):
        forge.accept(CHAT, proposal, MERGED, first.id)
    with pytest.raises(ProposalMovedError):
        forge.withdraw(CHAT, proposal)
    assert forge.head(CHAT) == first
    assert list(forge.proposals(CHAT, "catalog/")) == [theirs]
    settled = forge.accept(CHAT, theirs, replace(MERGED, files=THEIRS), first.id)
    assert forge.files(CHAT, settled.id) == THEIRS


def test_a_withdrawn_proposal_is_gone_and_its_branch_free(
    forge: Forge, first: Commit, proposal: Proposal
) -> None:
    forge.withdraw(CHAT, proposal)
    forge.withdraw(CHAT, proposal)
    assert list(forge.proposals(CHAT, "catalog/")) == []
    other = replace(UPGRADE, files=THEIRS)
    assert forge.files(CHAT, forge.propose(CHAT, other, BRANCH, first.id).head) == THEIRS


def test_several_proposals_stand_side_by_side(forge: Forge, first: Commit) -> None:
    for version in ("v1.2.0", "v1.1.0"):
        forge.propose(CHAT, UPGRADE, f"catalog/upgrade-{version}", first.id)
    branches = [each.branch for each in forge.proposals(CHAT, "catalog/upgrade-")]
    assert branches == ["catalog/upgrade-v1.1.0", "catalog/upgrade-v1.2.0"]


def test_what_cannot_be_published_or_named_is_not_proposed(forge: Forge, first: Commit) -> None:
    bad = replace(UPGRADE, files=tree(**{".git/config": "x"}))
    with pytest.raises(InvalidError):
        forge.propose(CHAT, bad, BRANCH, first.id)
    for branch in ("main", "", "-x", "a//b", "a/../b", "x.lock", "a b", "a/.b"):
        with pytest.raises(InvalidError):
            forge.propose(CHAT, UPGRADE, branch, first.id)
    with pytest.raises(CommitNotFoundError):
        forge.propose(CHAT, UPGRADE, BRANCH, "0" * 40)
    assert list(forge.proposals(CHAT, "")) == []


def test_proposals_at_the_same_time_are_one_or_refused(forge: Forge, first: Commit) -> None:
    def propose(number: int) -> str:
        change = replace(UPGRADE, files=tree(app=str(number)))
        try:
            return forge.propose(CHAT, change, BRANCH, first.id).head
        except ProposalMovedError:
            return ""

    with ThreadPoolExecutor(4) as threads:
        made = [one for one in threads.map(propose, range(6)) if one]
    assert made == [forge.proposals(CHAT, BRANCH)[0].head]


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
