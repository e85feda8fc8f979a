"""Several deployments at once, in a browser without scripts."""

from __future__ import annotations

import re
from typing import NoReturn

import pytest

from tests.builders import a_deployment, a_release
from tests.edges.web.conftest import Reader
from tests.edges.web.test_living_with_deployments import deployed, recorded
from thinkube_catalog.domain.deployments import State
from thinkube_catalog.web.routes import bulk

MANY = [f"app-{number:03}" for number in range(150)]


def hidden(page: str, name: str) -> list[str]:
    """Return the values of the hidden fields of that name."""
    return re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)


def test_the_plan_of_an_upgrade_lists_all_and_merges_nothing(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in MANY:
        release = a_release(version="v0.9.0")
        recorded(reader, a_deployment(id=name, name=name, release=release, state=State.HEALTHY))
    reader.get("/templates/tkt-chat")  # so that the newest release is known
    monkeypatch.setattr(type(reader.stage.platform.renderer), "render", _render_nothing)
    monkeypatch.setattr(type(reader.stage.platform.forge), "files", _read_nothing)
    page = reader.send("/deployments", {"name": MANY, "action": "upgrade"}).text
    assert page.count("v0.9.0 to v1.0.0") == len(MANY)
    assert hidden(page, "name") == MANY
    for name in MANY:
        assert f'href="/deployments/{name}/upgrade"' in page
        assert f'data-summary="/deployments/{name}/upgrade/summary"' in page


def test_what_is_chosen_twice_is_done_once(reader: Reader) -> None:
    deployed(reader, "one")
    page = reader.send("/deployments", {"name": ["one", "one"], "action": "remove"}).text
    assert "Remove 1 deployment<" in page


def test_more_than_can_be_done_at_once_are_refused_and_none_is_left_out(reader: Reader) -> None:
    deployed(reader, "one")
    names = ["one", *(f"app-{number}" for number in range(bulk.MOST_AT_ONCE))]
    sent: dict[str, str | list[str]] = {"name": names, "action": "remove", "confirmed": "true"}
    answer = reader.send("/deployments", {**sent, "key": "k"})
    assert answer.status_code == 422
    assert "201 are chosen" in answer.text
    assert "choose at most 200 at once" in answer.text
    assert [each.name for each in reader.stage.platform.deployments.page()] == ["one"]


def test_what_takes_long_goes_on_page_by_page_until_all_are_asked_for(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PATIENCE_SECONDS", 0.0)
    names = ["one", "three", "two"]
    for name in names:
        deployed(reader, name)
    sent: dict[str, str | list[str]] = {"name": names, "action": "remove", "confirmed": "true"}
    page = reader.send("/deployments", {**sent, "key": "k", "repository": "true"}).text
    assert (page.count("under way<"), page.count("not asked for yet")) == (1, 2)
    assert "Go on with 2 more" in page
    while left := hidden(page, "name"):
        fields = {name: hidden(page, name)[0] for name in ("action", "confirmed", "key")}
        assert hidden(page, "repository") == ["true"]
        assert hidden(page, "volumes") == []
        page = reader.send("/deployments", {**fields, "name": left, "repository": "true"}).text
    assert "Each of these has been asked for" in page
    assert list(reader.stage.platform.deployments.page()) == []
    assert reader.stage.world.repositories == {}


def test_a_summary_says_why_there_is_nothing_to_upgrade(reader: Reader) -> None:
    deployed(reader, "one")
    page = reader.get("/deployments/one/upgrade/summary").text
    assert "one has v1.0.0 already" in page
    assert hidden(page, "name") == []
    assert "there is no deployment" in reader.get("/deployments/gone/upgrade/summary").text


def _render_nothing(*_: object, **__: object) -> NoReturn:
    raise AssertionError("rendered, so that the page took its time")


def _read_nothing(*_: object, **__: object) -> NoReturn:
    raise AssertionError("read from the forge, so that the page took its time")
