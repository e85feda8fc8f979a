"""What `tkt doctor` says of a Gitea: what is wrong, and who has to do what."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.gitea_stand_in import SCOPES, GiteaStandIn
from thinkube_catalog.adapters.gitea.doctor import BUILD_SCOPES, check_builder, check_gitea
from thinkube_catalog.domain.checks import Check

ORG = "thinkube-deployments"


def look(gitea: GiteaStandIn, token: str = "the-token") -> list[Check]:  # noqa: S107 (of the stand-in)
    return check_gitea(gitea.url, token, (ORG,))


def faults(checks: list[Check]) -> str:
    return "\n".join(
        f"{each.name}: {each.message} -> {each.mend}" for each in checks if not each.good
    )


def test_a_gitea_that_will_do_is_good_and_nothing_is_made(gitea: GiteaStandIn) -> None:
    checks = look(gitea)
    assert faults(checks) == ""
    assert "made when first needed" in checks[-1].message
    assert ORG not in gitea.owners
    assert gitea.repositories == []


def test_an_organisation_of_ours_is_good(gitea: GiteaStandIn) -> None:
    gitea.owners[ORG] = 5
    assert "one of its owners" in look(gitea)[-1].message


def test_a_gitea_that_does_not_answer_is_one_finding() -> None:
    (check,) = check_gitea("http://127.0.0.1:9", "the-token", (ORG,))
    assert not check.good
    assert "THINKUBE_GITEA_URL" in check.mend


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_each_scope_that_is_missing_is_named(gitea: GiteaStandIn, scope: str) -> None:
    gitea.tokens["narrow"] = SCOPES - {scope}
    found = faults(look(gitea, "narrow"))
    assert f"lacks {scope}" in found
    assert "THINKUBE_GITEA_TOKEN" in found


def test_a_token_that_only_reads_is_not_enough(gitea: GiteaStandIn) -> None:
    gitea.tokens["reader"] = frozenset({"read:user", "read:organization", "read:repository"})
    assert "lacks write:organization, write:repository" in faults(look(gitea, "reader"))


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("write:user", "write:user"),
        ("read:issue", "read:issue"),
        ("write:issue", "read:issue"),
        ("read:notification", "read:notification"),
        ("write:package", "read:package"),
    ],
)
def test_each_scope_that_is_too_much_is_named(gitea: GiteaStandIn, scope: str, said: str) -> None:
    gitea.tokens["wide"] = SCOPES | {scope}
    check = next(it for it in look(gitea, "wide") if it.name == "gitea token")
    assert (check.good, check.warning) == (True, True)
    assert check.message.endswith(f": {said}")
    assert "THINKUBE_GITEA_TOKEN" in check.mend
    gitea.tokens["of-the-builder"] = frozenset(BUILD_SCOPES) | {scope}
    assert look_at_builder(gitea).warning is (scope not in BUILD_SCOPES)


def test_a_token_of_an_administrator_is_told(gitea: GiteaStandIn) -> None:
    gitea.is_administrator = True
    check = next(it for it in look(gitea) if it.name == "gitea token")
    assert (check.good, check.warning, "administrator" in check.message) == (True, True, True)


def _no_git(gitea: GiteaStandIn) -> None:
    gitea.http_git_disabled = True


def _no_creation(gitea: GiteaStandIn) -> None:
    gitea.may_make_owners = False


def _not_an_owner(gitea: GiteaStandIn) -> None:
    gitea.owners[ORG], gitea.is_owner = 5, False


def _a_person(gitea: GiteaStandIn) -> None:
    gitea.people.add(ORG)
    gitea.owners[ORG] = 5


def _renamed(gitea: GiteaStandIn) -> None:
    gitea.renamed_owners[ORG] = "elsewhere"


def _old(gitea: GiteaStandIn) -> None:
    gitea.version = "1.22.6"


def _token(gitea: GiteaStandIn) -> None:
    gitea.tokens.clear()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_no_git, "DISABLE_HTTP_GIT"),
        (_no_creation, "may not make organisations"),
        (_not_an_owner, "team Owners"),
        (_a_person, "is a person"),
        (_renamed, "renamed"),
        (_old, "1.24 or newer"),
        (_token, "token is not accepted"),
    ],
)
def test_each_fault_is_told_with_its_mend(
    gitea: GiteaStandIn, spoil: Callable[[GiteaStandIn], None], told: str
) -> None:
    spoil(gitea)
    assert told in faults(look(gitea))


@pytest.mark.parametrize("version", ["12.0.0+gitea-1.22.0", "development", "1.25.4+build"])
def test_forks_and_builds_without_a_number_are_believed(gitea: GiteaStandIn, version: str) -> None:
    gitea.version = version
    assert faults(look(gitea)) == ""


# Who builds


def look_at_builder(gitea: GiteaStandIn, token: str = "of-the-builder") -> Check:  # noqa: S107 (of the stand-in)
    return check_builder(gitea.url, "the-token", "builder", token, ORG)


def test_a_builder_who_will_do_is_good(gitea: GiteaStandIn) -> None:
    gitea.tokens["of-the-builder"] = frozenset(BUILD_SCOPES)
    assert "no repository yet" in look_at_builder(gitea).message
    gitea.make(ORG, "chat")
    assert look_at_builder(gitea).message == "builder pushes images and their tags"


@pytest.mark.parametrize("scope", BUILD_SCOPES)
def test_each_scope_that_the_builder_lacks_is_named(gitea: GiteaStandIn, scope: str) -> None:
    gitea.tokens["of-the-builder"] = frozenset(BUILD_SCOPES) - {scope}
    check = look_at_builder(gitea)
    assert (check.good, check.message) == (False, f"lacks {scope}")
    assert "THINKUBE_BUILD_TOKEN" in check.mend


def test_a_builder_without_rights_or_with_another_token_is_told(gitea: GiteaStandIn) -> None:
    gitea.tokens["of-the-builder"] = frozenset(BUILD_SCOPES)
    gitea.make(ORG, "chat")
    gitea.readers.add("of-the-builder")
    assert f"team of {ORG}" in look_at_builder(gitea).mend
    assert not look_at_builder(gitea, "unknown").good
    assert not check_builder("http://127.0.0.1:9", "t", "builder", "b", ORG).good
