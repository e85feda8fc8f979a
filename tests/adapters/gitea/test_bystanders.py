"""What `tkt doctor` says of the tokens that Argo CD and the cluster read by, and of webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.administered.gitea import Account, AdministeredGitea, Team, Token, administered_gitea
from thinkube_catalog.adapters.gitea import Hook
from thinkube_catalog.adapters.gitea.pulling import check_pulling
from thinkube_catalog.adapters.gitea.reading import check_reading
from thinkube_catalog.adapters.gitea.webhooks import check_webhooks
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.domain.secrets import SecretValue

ORG = "thinkube-deployments"
OURS = ("read:user", "write:organization", "write:repository")
TARGET = "https://catalog.example.org/api/v1/hooks/gitea"


@pytest.fixture
def gitea() -> Iterator[AdministeredGitea]:
    with administered_gitea() as made:
        made.accounts["catalog"] = Account("x", tokens=[Token(1, "t", OURS, "service-token")])
        reader = Account("x", tokens=[Token(2, "t", ("read:repository",), "reading-token")])
        made.accounts["reader"] = reader
        made.found(ORG, "catalog")
        made.repositories[ORG].add("chat")
        made.organisations[ORG].append(Team(9, "readers", {}, {"reader"}))
        yield made


def look(gitea: AdministeredGitea, token: str = "reading-token") -> Check:  # noqa: S107 (made up)
    (check,) = check_reading(gitea.url, token, "service-token", ORG)
    return check


def test_a_token_that_reads_and_no_more_is_good(gitea: AdministeredGitea) -> None:
    before = gitea.state()
    check = look(gitea)
    assert (check.good, check.warning, gitea.state()) == (True, False, before)


def test_one_that_is_not_accepted_is_told_by_its_own_setting(gitea: AdministeredGitea) -> None:
    check = look(gitea, "another")
    assert (check.good, "THINKUBE_GITEA_READ_TOKEN" in check.message) == (False, True)


def test_the_service_s_own_token_is_not_taken_for_it(gitea: AdministeredGitea) -> None:
    (check,) = check_reading(gitea.url, "reading-token", "not accepted", ORG)
    assert (check.good, check.warning) == (True, False)


def test_one_that_writes_is_a_warning(gitea: AdministeredGitea) -> None:
    gitea.accounts["reader"].tokens[0].scopes = ("write:repository",)
    check = look(gitea)
    assert (check.good, check.warning, "write:repository" in check.message) == (True, True, True)


def test_one_without_the_scope_is_told(gitea: AdministeredGitea) -> None:
    gitea.accounts["reader"].tokens[0].scopes = ("read:user",)
    assert "lacks read:repository" in look(gitea).message


def test_one_that_does_not_see_our_repositories_is_told(gitea: AdministeredGitea) -> None:
    gitea.team(ORG, "readers").members.clear()
    check = look(gitea)
    assert (check.good, f"{ORG}/chat" in check.message, "team" in check.mend) == (False, True, True)


# Who pulls


def look_at_puller(gitea: AdministeredGitea, *scopes: str, units: tuple[str, ...] = ()) -> Check:
    account = Account("x", tokens=[Token(3, "t", scopes, "pulling-token")])
    gitea.accounts["puller"] = account
    rights = {"permission": "none", "units_map": dict.fromkeys(units, "read")}
    gitea.organisations[ORG].append(Team(10, "pullers", rights, {"puller"}))
    before = gitea.state()
    check = check_pulling(gitea.url, "puller", "pulling-token", ORG)
    assert gitea.state() == before
    return check


def test_a_token_that_reads_images_and_no_more_is_good(gitea: AdministeredGitea) -> None:
    check = look_at_puller(gitea, "read:package", units=("repo.packages",))
    assert (check.good, check.warning) == (True, False)
    assert check.message == f"puller reads the images of {ORG}, and nothing else"


@pytest.mark.parametrize(
    "scope", ["write:package", "read:repository", "read:organization", "read:user"]
)
def test_one_that_does_more_is_a_warning(gitea: AdministeredGitea, scope: str) -> None:
    check = look_at_puller(gitea, "read:package", scope, units=("repo.packages",))
    assert (check.good, check.warning, scope in check.message) == (True, True, True)


def test_one_that_reads_no_images_is_told(gitea: AdministeredGitea) -> None:
    assert look_at_puller(gitea, "read:repository").message == "the token lacks read:package"
    check = look_at_puller(gitea, "read:package", units=("repo.code",))
    assert (check.good, f"team of {ORG}" in check.mend) == (False, True)


def test_one_that_is_not_accepted_is_told_by_its_setting(gitea: AdministeredGitea) -> None:
    check = check_pulling(gitea.url, "puller", "unknown", ORG)
    assert (check.good, "THINKUBE_PULL_TOKEN" in check.message) == (False, True)
    assert not check_pulling("http://127.0.0.1:9", "puller", "unknown", ORG).good


def test_what_is_not_there_yet_stands_in_no_tokens_way(gitea: AdministeredGitea) -> None:
    look_at_puller(gitea, "read:package")
    check = check_pulling(gitea.url, "puller", "pulling-token", "later")
    assert (check.good, "no later yet" in check.message) == (True, True)


# Webhooks

HOOK = Hook(TARGET, lambda _id: SecretValue("secret"), lambda _secret: "abc")


def test_repositories_that_tell_nobody_of_pushes_are_named(gitea: AdministeredGitea) -> None:
    def checked() -> list[Check]:
        return check_webhooks(gitea.url, "service-token", ORG, [HOOK])

    (check,) = checked()
    assert (check.warning, "chat will not tell" in check.message) == (True, True)
    gitea.hooks["chat"] = [{"active": True, "config": {"url": f"{TARGET}?key=abc"}}]
    (check,) = checked()
    assert (check.good, check.warning) == (True, False)
    gitea.hooks["chat"][0]["config"]["url"] = f"{TARGET}?key=of-another-secret"
    (check,) = checked()
    assert (check.warning, "chat" in check.message, "another secret" in check.message) == (
        *(True, True, True),
    )
    gitea.hooks["chat"] = [{"active": False, "config": {"url": f"{TARGET}?key=abc"}}]
    assert checked()[0].warning
    gitea.repositories[ORG].clear()
    assert checked() == []
