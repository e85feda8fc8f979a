"""Whether an account can log in to a registry, as each kind of registry says it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.faulty import Faulty, FaultyHandler, Reply, serving
from thinkube_catalog.adapters.registry import check_registry
from thinkube_catalog.domain.checks import Check


@dataclass(kw_only=True)
class Registry(Faulty):
    """A registry with one account. `realm` is where it sends people for a token, if anywhere."""

    realm: str = ""
    status: int = 200


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    with serving(made, _Handler):
        yield made


class _Handler(FaultyHandler):
    stand_in: Registry

    def answer(self) -> None:
        good = "Basic " + base64.b64encode(b"puller:canary-word").decode()
        known = self.headers.get("Authorization") == good
        if self.path.startswith("/token?service=images"):
            self.send(Reply(200 if known else 401, {"token": "t"}))
        elif self.path != "/v2/":
            self.send(Reply(404))
        elif self.stand_in.realm:
            asked = f'Bearer realm="{self.stand_in.realm}",service="images"'
            self.send(Reply(401, None, headers={"WWW-Authenticate": asked}))
        else:
            self.send(Reply(self.stand_in.status if known else 401))


def look(url: str, token: str = "canary-word") -> Check:  # noqa: S107 (made up)
    return check_registry("image pulls", url, "puller", token, "set another")


@pytest.mark.parametrize("has_realm", [True, False])
def test_an_account_that_logs_in_is_good_and_another_is_told(
    registry: Registry, has_realm: bool
) -> None:
    registry.realm = f"{registry.url}/token" if has_realm else ""
    assert (look(registry.url).good, look(registry.url).warning) == (True, False)
    check = look(registry.url, "wrong-word")
    assert (check.good, check.mend) == (False, "set another")
    assert "does not accept puller" in check.message
    assert "wrong-word" not in check.message


def test_what_is_no_registry_is_told(registry: Registry) -> None:
    registry.status = 404
    assert "not as a registry" in look(registry.url).message


def test_one_that_does_not_answer_is_a_warning() -> None:
    assert look("https://127.0.0.1:9").warning
