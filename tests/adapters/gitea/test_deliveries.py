"""A push that Gitea delivers is seen at once, however seldom heads are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.gitea.test_gitea_forge import CHAT, US, a_tree, push_by_hand, stored
from tests.deliveries import a_push, signed
from tests.edges.asgi import served
from tests.edges.platform import a_scene
from tests.gitea_stand_in import GiteaStandIn
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.gitea import Care, GiteaForge, Hook, heads
from thinkube_catalog.domain.forge import DeliveryRefusedError, Repository
from thinkube_catalog.domain.secrets import SecretValue


def secret_of(repository: int) -> SecretValue:
    return SecretValue(f"canary-of-repository-{repository}")


@pytest.fixture
def pushed() -> list[Repository]:
    return []


@pytest.fixture
def told(
    gitea: GiteaStandIn, tmp_path: Path, pushed: list[Repository], monkeypatch: pytest.MonkeyPatch
) -> Iterator[GiteaForge]:
    """A forge whose service is served, and which looks for pushes by itself once an hour."""
    monkeypatch.setattr(heads, "INTERVAL", 3600.0)
    forges: list[GiteaForge] = []

    class Late:
        """The app is served before the forge can know its address."""

        def receive(self, headers: Mapping[str, str], body: bytes) -> Repository | None:
            return forges[0].receive(headers, body)

    scene = a_scene(tmp_path / "scene", deliveries=Late(), pushed=pushed.append)
    with served(scene.app) as address:
        hook = Hook(f"{address}/api/v1/hooks/gitea", secret_of, lambda _secret: "key")
        forge = GiteaForge(
            tmp_path / "mirrors",
            gitea.url,
            "the-token",
            care=Care((hook,)),
            signed_by=lambda id_: [secret_of(id_)],
        )
        forges.append(forge)
        yield forge
        forge.close()


def test_a_push_is_seen_because_it_is_told(
    gitea: GiteaStandIn, told: GiteaForge, tmp_path: Path, pushed: list[Repository]
) -> None:
    told.ensure_repository(CHAT, "deployment 1")
    told.connect(CHAT, "deployment 1")
    first = told.publish(CHAT, a_tree("1"), "First", US)
    wait_until(lambda: len(gitea.delivered) == 1, "our own push is told")
    assert told.head(CHAT) == first
    theirs = push_by_hand(gitea, tmp_path / "clone", "2")
    wait_until(lambda: len(gitea.delivered) == 2, "the push is told")
    assert [answer for _, answer in gitea.delivered] == [204, 204]
    head = told.head(CHAT)
    assert head is not None
    assert head.id == theirs
    assert pushed == [CHAT, CHAT]


def test_without_being_told_an_hour_would_pass(
    gitea: GiteaStandIn, told: GiteaForge, tmp_path: Path
) -> None:
    told.ensure_repository(CHAT, "deployment 1")
    first = told.publish(CHAT, a_tree("1"), "First", US)
    push_by_hand(gitea, tmp_path / "clone", "2")
    assert told.head(CHAT) == first


def test_a_delivery_of_a_repository_that_nobody_asks_for_costs_no_question(
    gitea: GiteaStandIn, told: GiteaForge
) -> None:
    told.ensure_repository(CHAT, "deployment 1")
    id_ = stored(gitea).id
    gitea.requests.clear()
    body, headers = signed(a_push(id_, str(CHAT)), secret_of(id_).reveal())
    assert told.receive(headers, body) == CHAT
    assert gitea.requests == []


def test_a_forge_that_fails_while_it_is_asked_is_asked_again_later(
    gitea: GiteaStandIn, told: GiteaForge
) -> None:
    told.ensure_repository(CHAT, "deployment 1")
    told.publish(CHAT, a_tree("1"), "First", US)
    id_ = stored(gitea).id
    gitea.fault("500", "GET .*git/refs/heads", times=100)
    body, headers = signed(a_push(id_, str(CHAT)), secret_of(id_).reveal())
    assert told.receive(headers, body) == CHAT


def test_the_secret_of_one_repository_signs_for_no_other(told: GiteaForge) -> None:
    body, headers = signed(a_push(7), secret_of(8).reveal())
    with pytest.raises(DeliveryRefusedError):
        told.receive(headers, body)


def a_test_delivery(id_: int) -> dict[str, Any]:
    """What somebody has asked for: a push that changes nothing."""
    return {**a_push(id_), "before": "1" * 40}


def noted(told: GiteaForge, id_: int, content: object, secret: str) -> str:
    """Deliver, and return what is noted for the repository then."""
    body, headers = signed(content, secret, **{"x-gitea-delivery": "the-delivery"})
    with suppress(DeliveryRefusedError):
        told.receive(headers, body)
    return told.arrivals.last(id_)


def test_a_test_delivery_is_noted_for_who_asked_for_it(told: GiteaForge) -> None:
    assert noted(told, 7, a_test_delivery(7), secret_of(7).reveal()) == "the-delivery"
    assert told.arrivals.last(8) == ""


def test_neither_a_push_nor_what_is_not_signed_is_noted(told: GiteaForge) -> None:
    assert noted(told, 7, a_push(7), secret_of(7).reveal()) == ""
    assert noted(told, 7, a_test_delivery(7), secret_of(8).reveal()) == ""
    nothing = {**a_push(7), "before": "", "after": ""}
    assert noted(told, 7, nothing, secret_of(7).reveal()) == ""
