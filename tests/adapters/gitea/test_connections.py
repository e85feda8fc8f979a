"""What stands beside a repository: webhooks and secrets, once each, and gone when released."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.gitea.test_faults import KINDS, make_again
from tests.adapters.gitea.test_gitea_forge import CHAT, US, a_tree, stored
from tests.gitea_stand_in import GiteaStandIn
from thinkube_catalog.adapters.gitea import Care, GiteaForge, Hook
from thinkube_catalog.domain.forge import ForgeRefusedError
from thinkube_catalog.domain.secrets import SecretValue

OURS = "http://catalog.example/api/v1/hooks/gitea"
ARGOCD = "http://argocd.example/api/webhook"
HOOKS, SECRET = r"POST .*/hooks$", r"PUT .*/actions/secrets"
SECRETS = {"BUILD_USER": SecretValue("builder"), "BUILD_TOKEN": SecretValue("canary-token")}


def a_hook(url: str, key: str = "first") -> Hook:
    return Hook(
        url, lambda id_: SecretValue(f"canary-{key}-{id_}"), lambda each: each.reveal()[:12]
    )


def a_care(*urls: str, key: str = "first") -> Care:
    return Care(tuple(a_hook(url, key) for url in urls or (OURS, ARGOCD)), SECRETS)


Make = Callable[[Care], GiteaForge]


@pytest.fixture
def caring(gitea: GiteaStandIn, tmp_path: Path) -> Iterator[Make]:
    """Make a forge as an installation with this care has one."""
    made: list[GiteaForge] = []

    def make(care: Care) -> GiteaForge:
        root = tmp_path / f"mirrors-{len(made)}"
        made.append(GiteaForge(root, gitea.url, "the-token", seconds=10, care=care))
        return made[-1]

    yield make
    for forge in made:
        forge.close()


def connected(forge: GiteaForge) -> None:
    forge.ensure_repository(CHAT, "deployment 1")
    forge.connect(CHAT, "deployment 1")


def hooks(gitea: GiteaStandIn) -> list[dict[str, Any]]:
    return sorted(stored(gitea).hooks, key=lambda it: it["config"]["url"])


def test_each_webhook_is_whole_and_signed(gitea: GiteaStandIn, caring: Make) -> None:
    connected(caring(a_care()))
    argocd, ours = hooks(gitea)
    assert ours["config"]["url"].partition("?")[0] == OURS
    assert argocd["config"]["url"].partition("?")[0] == ARGOCD
    for hook in (argocd, ours):
        assert (hook["type"], hook["active"], hook["events"]) == ("gitea", True, ["push"])
        assert hook["config"]["content_type"] == "json"
        assert hook["config"]["secret"] == f"canary-first-{stored(gitea).id}"
        assert hook["branch_filter"] == "main"


def test_secrets_are_there_before_the_first_push(gitea: GiteaStandIn, caring: Make) -> None:
    connected(caring(a_care()))
    assert stored(gitea).secrets == {"BUILD_USER": "builder", "BUILD_TOKEN": "canary-token"}
    assert gitea.git(stored(gitea), "for-each-ref") == ""


def test_what_somebody_has_changed_at_a_webhook_is_put_right(
    gitea: GiteaStandIn, caring: Make
) -> None:
    connected(caring(a_care(OURS)))
    (hook,) = hooks(gitea)
    hook |= {"active": False, "events": ["issues"], "branch_filter": "other"}
    connected(caring(a_care(OURS)))
    (again,) = hooks(gitea)
    assert again["id"] == hook["id"]
    assert (again["active"], again["events"], again["branch_filter"]) == (True, ["push"], "main")


def test_webhooks_that_are_there_twice_become_one(gitea: GiteaStandIn, caring: Make) -> None:
    connected(caring(a_care(OURS)))
    (hook,) = hooks(gitea)
    for number in range(7):  # more than a page
        stored(gitea).hooks.append({**hook, "id": 1000 + number})
    connected(caring(a_care(OURS)))
    assert len(hooks(gitea)) == 1


def test_another_key_makes_a_new_webhook_and_then_deletes_the_old_one(
    gitea: GiteaStandIn, caring: Make
) -> None:
    connected(caring(a_care(OURS)))
    gitea.requests.clear()
    connected(caring(a_care(OURS, key="second")))
    (hook,) = hooks(gitea)
    assert hook["config"]["secret"] == f"canary-second-{stored(gitea).id}"
    changes = [each.split()[0] for each in gitea.requests if "/hooks" in each and "GET" not in each]
    assert changes == ["POST", "DELETE"]


def test_webhooks_of_others_are_left_alone(gitea: GiteaStandIn, caring: Make) -> None:
    forge = caring(a_care(OURS))
    forge.ensure_repository(CHAT, "deployment 1")
    theirs = [
        {"id": 901, "type": "gitea", "config": {"url": "http://else.example/hook"}},
        {"id": 902, "type": "gogs", "config": {"url": OURS}},
        {"id": 903, "type": "gitea", "config": {"url": f"{OURS}/other"}},
    ]
    whole = {"active": True, "events": ["push"], "branch_filter": "", "authorization_header": ""}
    stored(gitea).hooks += [{**whole, **each} for each in theirs]
    stored(gitea).secrets["THEIRS"] = "theirs"
    forge.connect(CHAT, "deployment 1")
    forge.disconnect(CHAT, "deployment 1")
    assert [each["id"] for each in stored(gitea).hooks] == [901, 902, 903]
    assert stored(gitea).secrets == {"THEIRS": "theirs"}


def test_disconnecting_leaves_nothing_of_ours(gitea: GiteaStandIn, caring: Make) -> None:
    forge = caring(a_care())
    connected(forge)
    stored(gitea).hooks.pop()  # one is gone already
    forge.disconnect(CHAT, "deployment 1")
    assert (stored(gitea).hooks, stored(gitea).secrets) == ([], {})
    forge.disconnect(CHAT, "deployment 1")
    gitea.repositories.clear()
    forge.disconnect(CHAT, "deployment 1")


def test_a_repository_of_others_keeps_its_webhooks(gitea: GiteaStandIn, caring: Make) -> None:
    forge = caring(a_care())
    connected(forge)
    caring(a_care()).disconnect(CHAT, "deployment 2")
    assert len(hooks(gitea)) == 2


def test_where_webhooks_are_switched_off_pushes_are_looked_for(
    gitea: GiteaStandIn, caring: Make, caplog: pytest.LogCaptureFixture
) -> None:
    gitea.webhooks_disabled = True
    forge = caring(a_care())
    connected(forge)
    assert "are not told, but looked for" in caplog.text
    assert stored(gitea).secrets != {}
    commit = forge.publish(CHAT, a_tree("1"), "First", US)
    assert forge.head(CHAT) == commit


def test_a_secret_that_is_refused_is_told_without_its_value(
    gitea: GiteaStandIn, caring: Make
) -> None:
    forge = caring(Care((), {"GITEA_X": SecretValue("canary-refused")}))
    forge.ensure_repository(CHAT, "deployment 1")
    with pytest.raises(Exception, match="GITEA_X") as refused:
        forge.connect(CHAT, "deployment 1")
    assert "canary-refused" not in str(refused.value)


def test_a_token_that_may_not_is_told(gitea: GiteaStandIn, caring: Make) -> None:
    forge = caring(a_care())
    forge.ensure_repository(CHAT, "deployment 1")
    gitea.tokens["the-token"] = frozenset({"read:repository"})
    with pytest.raises(ForgeRefusedError):
        forge.connect(CHAT, "deployment 1")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [HOOKS, SECRET, r"GET .*/hooks"])
def test_each_is_there_once_whatever_happens_on_the_way(
    gitea: GiteaStandIn, caring: Make, kind: str, at: str
) -> None:
    forge = caring(a_care())
    forge.ensure_repository(CHAT, "deployment 1")
    fault = gitea.fault(kind, at)
    make_again(lambda: forge.connect(CHAT, "deployment 1"))
    assert fault.fired == 1
    assert len(hooks(gitea)) == 2
    assert len(stored(gitea).secrets) == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [r"DELETE .*/hooks/", r"DELETE .*/actions/secrets"])
def test_all_are_gone_whatever_happens_on_the_way(
    gitea: GiteaStandIn, caring: Make, kind: str, at: str
) -> None:
    forge = caring(a_care())
    connected(forge)
    fault = gitea.fault(kind, at)
    make_again(lambda: forge.disconnect(CHAT, "deployment 1"))
    assert fault.fired == 1
    assert (stored(gitea).hooks, stored(gitea).secrets) == ([], {})
