"""The forge in Gitea beside what Gitea, and people in it, do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders import A_MOMENT
from tests.gitea_stand_in import GiteaStandIn, Stored
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.adapters.gitea.publishing import MARKER
from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.forge import (
    ForgeRefusedError,
    ForgeUnavailableError,
    Repository,
    RepositoryMovedError,
    RepositoryNotFoundError,
    RepositoryTakenError,
    Signature,
    TagMovedError,
)
from thinkube_catalog.domain.rendering import File, FileTree

CHAT = Repository("thinkube-deployments", "chat")
US = Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT)
LATER = Signature(US.name, US.email, A_MOMENT + timedelta(hours=1))


def a_tree(text: str) -> FileTree:
    return FileTree({"app.py": File(text.encode())})


def stored(gitea: GiteaStandIn, repository: Repository = CHAT) -> Stored:
    found = gitea.find(repository.owner, repository.name)
    assert found is not None
    return found


def push_by_hand(gitea: GiteaStandIn, folder: Path, text: str, *, force: bool = False) -> str:
    """Change the program as a person does, with a clone of their own; return the commit."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "Somebody",
        "GIT_CONFIG_KEY_1": "user.email",
        "GIT_CONFIG_VALUE_1": "somebody@example.org",
    }

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=30
        ).stdout.strip()

    folder.mkdir()
    git("clone", "--quiet", f"http://somebody:the-token@127.0.0.1:{gitea.port}/{CHAT}.git", ".")
    (folder / "app.py").write_text(text)
    git("add", "--all")
    git("commit", "--quiet", "--message", f"Write {text}", *(["--amend"] if force else []))
    git("push", "--quiet", *(["--force"] if force else []), "origin", "HEAD:main")
    return git("rev-parse", "HEAD")


# Repositories and their owners


def test_a_new_repository_is_private_empty_and_protected_once_it_has_a_branch(
    forge: GiteaForge, gitea: GiteaStandIn
) -> None:
    assert forge.ensure_repository(CHAT, "deployment 1") == f"{gitea.url}/{CHAT}.git"
    assert stored(gitea).private
    assert stored(gitea).branch_protections == []
    forge.publish(CHAT, a_tree("1"), "First", US, tag="v1.0.0")
    (rule,) = stored(gitea).branch_protections
    assert (rule["rule_name"], rule["enable_push"]) == ("main", True)
    assert stored(gitea).tag_protections == [
        {"name_pattern": "v*", "whitelist_usernames": ["catalog"]}
    ]


def test_the_address_is_the_configured_one_not_what_the_server_thinks(
    forge: GiteaForge,
) -> None:
    assert "another-name.invalid" not in forge.ensure_repository(CHAT, "deployment 1")


def test_a_repository_of_somebody_else_is_left_alone(
    forge: GiteaForge, gitea: GiteaStandIn
) -> None:
    gitea.make(CHAT.owner, CHAT.name, "Mine")
    with pytest.raises(RepositoryTakenError):
        forge.ensure_repository(CHAT, "deployment 1")
    with pytest.raises(RepositoryTakenError):
        forge.remove_repository(CHAT, "deployment 1")
    assert stored(gitea).description == "Mine"
    assert gitea.git(stored(gitea), "for-each-ref") == ""


def test_the_marker_outlives_another_description_and_a_lost_marker_comes_back(
    forge: GiteaForge, gitea: GiteaStandIn, make_forge: Callable[[str], GiteaForge]
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    forge.publish(CHAT, a_tree("1"), "First", US)
    ours = stored(gitea).description
    stored(gitea).description = "Our chat"
    make_forge("second").ensure_repository(CHAT, "deployment 1")
    with pytest.raises(RepositoryTakenError):
        make_forge("third").ensure_repository(CHAT, "deployment 2")
    stored(gitea).description = ours
    gitea.git(stored(gitea), "update-ref", "-d", MARKER)
    make_forge("fourth").ensure_repository(CHAT, "deployment 1")
    assert gitea.git(stored(gitea), "for-each-ref", MARKER) != ""


def test_a_copy_of_our_repository_is_not_ours(forge: GiteaForge, gitea: GiteaStandIn) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    forge.publish(CHAT, a_tree("1"), "First", US)
    copy = gitea.make(CHAT.owner, "copy", "A copy")
    gitea.git(stored(gitea), "push", "--quiet", "--mirror", str(gitea.path(copy)))
    assert gitea.git(copy, "for-each-ref", MARKER) != ""
    with pytest.raises(RepositoryTakenError):
        forge.remove_repository(Repository(CHAT.owner, "copy"), "deployment 1")


def test_a_renamed_repository_is_not_followed_and_its_new_name_is_told(
    forge: GiteaForge, gitea: GiteaStandIn
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    forge.publish(CHAT, a_tree("1"), "First", US)
    ours = stored(gitea)
    gitea.rename(ours, CHAT.owner, "talk")
    for call in (
        lambda: forge.ensure_repository(CHAT, "deployment 1"),
        lambda: forge.publish(CHAT, a_tree("2"), "Second", LATER),
        lambda: forge.history(CHAT),
    ):
        with pytest.raises(RepositoryMovedError, match="thinkube-deployments/talk"):
            call()
    forge.remove_repository(CHAT, "deployment 1")
    assert ours in gitea.repositories


def test_a_name_that_a_transfer_has_freed_can_be_used_again(
    forge: GiteaForge, gitea: GiteaStandIn
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    gitea.rename(stored(gitea), "somebody", "chat")
    forge.ensure_repository(CHAT, "deployment 2")
    assert forge.head(CHAT) is None
    assert len(gitea.repositories) == 2


def test_a_renamed_organisation_is_not_followed(forge: GiteaForge, gitea: GiteaStandIn) -> None:
    gitea.owners["elsewhere"] = 77
    gitea.renamed_owners[CHAT.owner] = "elsewhere"
    with pytest.raises(RepositoryMovedError, match="elsewhere/chat"):
        forge.ensure_repository(CHAT, "deployment 1")
    assert gitea.repositories == []


@pytest.mark.parametrize("owner", ["api", "person"])
def test_a_reserved_name_and_a_person_are_no_organisations(
    forge: GiteaForge, gitea: GiteaStandIn, owner: str
) -> None:
    with pytest.raises(InvalidError, match=r"person, not|refuses the name"):
        forge.ensure_repository(Repository(owner, "chat"), "deployment 1")
    assert gitea.repositories == []


def test_a_name_that_gitea_reserves_is_refused(forge: GiteaForge, gitea: GiteaStandIn) -> None:
    with pytest.raises(InvalidError, match="refuses the name of the repository"):
        forge.ensure_repository(Repository(CHAT.owner, "feed.rss"), "deployment 1")


def test_who_may_not_make_organisations_is_told_whom_to_ask(
    forge: GiteaForge, gitea: GiteaStandIn
) -> None:
    gitea.may_make_owners = False
    with pytest.raises(ForgeRefusedError, match="have an administrator make the organisation"):
        forge.ensure_repository(CHAT, "deployment 1")


def test_who_may_not_delete_is_told_what_is_needed(forge: GiteaForge, gitea: GiteaStandIn) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    gitea.is_owner = False
    with pytest.raises(ForgeRefusedError, match="team Owners"):
        forge.remove_repository(CHAT, "deployment 1")


def test_a_token_that_is_not_accepted_is_said_so(forge: GiteaForge, gitea: GiteaStandIn) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    gitea.tokens.clear()
    with pytest.raises(ForgeRefusedError, match="THINKUBE_GITEA_TOKEN"):
        forge.head(CHAT)
    with pytest.raises(ForgeRefusedError, match="THINKUBE_GITEA_TOKEN"):
        forge.publish(CHAT, a_tree("1"), "First", US)


def test_an_archived_repository_refuses_a_publication(
    forge: GiteaForge, gitea: GiteaStandIn
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    stored(gitea).archived = True
    with pytest.raises(ForgeRefusedError):
        forge.publish(CHAT, a_tree("1"), "First", US)


def test_a_repository_is_marked_by_its_first_publication_whoever_makes_it(
    make_forge: Callable[[str], GiteaForge], gitea: GiteaStandIn
) -> None:
    first, second = make_forge("first"), make_forge("second")
    for machine in (first, second):
        machine.ensure_repository(CHAT, "deployment 1")
    commit = first.publish(CHAT, a_tree("1"), "First", US)
    marker = gitea.git(stored(gitea), "rev-parse", MARKER)
    assert second.publish(CHAT, a_tree("1"), "First", US) == commit
    assert gitea.git(stored(gitea), "rev-parse", MARKER) == marker
    text = gitea.git(stored(gitea), "cat-file", "blob", MARKER)
    assert text == f"Repository {stored(gitea).id} belongs to Thinkube Catalog, as deployment 1"


def test_a_record_without_files_that_a_killed_gitea_left_is_made_anew(
    make_forge: Callable[[str], GiteaForge], gitea: GiteaStandIn
) -> None:
    make_forge("killed").ensure_repository(CHAT, "deployment 1")
    wreck = stored(gitea)
    wreck.wrecked, wreck.updated_at = True, wreck.updated_at - 3600
    make_forge("next").ensure_repository(CHAT, "deployment 1")
    assert stored(gitea).id != wreck.id
    assert len(gitea.repositories) == 1


@pytest.mark.parametrize("why", ["fresh", "somebody's", "with commits"])
def test_what_cannot_be_read_is_not_deleted_unless_it_is_ours_and_empty(
    forge: GiteaForge, make_forge: Callable[[str], GiteaForge], gitea: GiteaStandIn, why: str
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    if why == "with commits":
        forge.publish(CHAT, a_tree("1"), "First", US)
    kept = stored(gitea)
    kept.wrecked, kept.updated_at = True, kept.updated_at - (0 if why == "fresh" else 3600)
    kept.description = "Mine" if why == "somebody's" else kept.description
    with pytest.raises(ForgeUnavailableError):
        make_forge("next").ensure_repository(CHAT, "deployment 1")
    assert stored(gitea) is kept


# Publications beside others


def test_a_push_of_a_person_is_seen_and_stays_below_the_next_publication(
    forge: GiteaForge, gitea: GiteaStandIn, tmp_path: Path
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    ours = forge.publish(CHAT, a_tree("1"), "First", US)
    assert forge.head(CHAT) == ours
    theirs = push_by_hand(gitea, tmp_path / "clone", "theirs")
    wait_until(lambda: _id(forge) == theirs, "the push is seen")
    assert forge.files(CHAT, theirs).text("app.py") == "theirs"
    assert forge.publish(CHAT, a_tree("1"), "First", US) == ours
    assert _id(forge) == theirs
    new = forge.publish(CHAT, a_tree("2"), "Second", LATER)
    assert [each.id for each in forge.history(CHAT)] == [new.id, theirs, ours.id]


def test_a_person_cannot_rewrite_the_history(
    forge: GiteaForge, gitea: GiteaStandIn, tmp_path: Path
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    ours = forge.publish(CHAT, a_tree("1"), "First", US)
    with pytest.raises(subprocess.CalledProcessError):
        push_by_hand(gitea, tmp_path / "clone", "rewritten", force=True)
    assert _id(forge) == ours.id


def test_two_machines_that_publish_at_once_lose_nothing(
    make_forge: Callable[[str], GiteaForge],
) -> None:
    machines = [make_forge(str(number)) for number in range(3)]
    machines[0].ensure_repository(CHAT, "deployment 1")

    def publish(number: int) -> str:
        forge = machines[number % 3]
        return forge.publish(CHAT, a_tree(str(number)), f"Change {number}", US).id

    with ThreadPoolExecutor(3) as threads:
        made = list(threads.map(publish, range(6)))
    assert {each.id for each in machines[0].history(CHAT)} == set(made)
    assert len(machines[1].history(CHAT)) == 6


def test_machines_that_make_one_repository_at_once_make_it_once(
    make_forge: Callable[[str], GiteaForge], gitea: GiteaStandIn
) -> None:
    machines = [make_forge(str(number)) for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        made = set(threads.map(lambda it: it.ensure_repository(CHAT, "deployment 1"), machines))
    assert len(made) == 1
    assert len(gitea.repositories) == 1


def test_a_tag_made_by_somebody_is_not_moved(forge: GiteaForge, gitea: GiteaStandIn) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    first = forge.publish(CHAT, a_tree("1"), "First", US)
    gitea.git(
        stored(gitea),
        *("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"),
        *("tag", "-a", "-m", "Annotated", "v1.0.0", first.id),
    )
    with pytest.raises(TagMovedError):
        forge.publish(CHAT, a_tree("2"), "Second", LATER, tag="v1.0.0")
    assert forge.publish(CHAT, a_tree("1"), "First", US, tag="v1.0.0") == first


def test_another_branch_pushed_first_does_not_stay_the_default(
    forge: GiteaForge, gitea: GiteaStandIn
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    stored(gitea).default_branch = "theirs"
    forge.publish(CHAT, a_tree("1"), "First", US)
    assert stored(gitea).default_branch == "main"


def test_a_repository_made_anew_under_the_name_is_not_taken_for_the_old_one(
    forge: GiteaForge, gitea: GiteaStandIn
) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    old = forge.publish(CHAT, a_tree("1"), "First", US)
    gitea.repositories.remove(stored(gitea))
    gitea.make(CHAT.owner, CHAT.name, "Mine")
    with pytest.raises(RepositoryTakenError):
        forge.ensure_repository(CHAT, "deployment 1")
    with pytest.raises(Exception, match="has no commit"):
        forge.files(CHAT, old.id)


# Secrets


def test_the_token_stays_out_of_files_addresses_and_errors(
    forge: GiteaForge, gitea: GiteaStandIn, tmp_path: Path
) -> None:
    address = forge.ensure_repository(CHAT, "deployment 1")
    forge.publish(CHAT, a_tree("1"), "First", US)
    gitea.repositories.clear()
    with pytest.raises(RepositoryNotFoundError) as refused:
        forge.publish(CHAT, a_tree("2"), "Second", LATER)
    assert "the-token" not in address + str(refused.value)
    files = [path for path in (tmp_path / "mirrors").rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"the-token" in path.read_bytes()] == []


def _id(forge: GiteaForge) -> str | None:
    head = forge.head(CHAT)
    return None if head is None else head.id
