"""Pages of deployments under odd circumstances: hostile texts, silence outside, many at once."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import A_MOMENT, a_deployment, a_release
from tests.edges.web.conftest import Reader, a_reader
from tests.stage import a_stage
from tests.stand_ins import push
from thinkube_catalog.domain.deployments import (
    Deployment,
    Run,
    RunKind,
    RunState,
    State,
)
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.gitops import LogLine
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations import deploy, watch
from thinkube_catalog.operations.deploy import DeploymentRequest
from thinkube_catalog.operations.rollout import repository_of
from thinkube_catalog.web import code
from thinkube_catalog.web.trees import differences

PAGE = "/deployments/legal-qa"
PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title><script>alert(1)</script>",
    "</pre></code><iframe src=//elsewhere.example>",
    "{{ 7 * 7 }}{% raw %}",
    "\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07\x1b[31mred",
    "]]><!--<script>",
)
FORBIDDEN = ("<script>alert", "<img src=x", "<svg onload", "<iframe", 'href="javascript')


def deployed(reader: Reader, name: str = "legal-qa", greeting: str = "hi") -> Deployment:
    platform = reader.stage.platform
    deploy.request(platform, DeploymentRequest("tkt-chat", name, {"greeting": greeting}))
    return platform.deployments.get(name)


def recorded(reader: Reader, deployment: Deployment) -> None:
    """Put a record there without deploying anything."""
    deployments = reader.stage.platform.deployments
    run = Run(f"run-{deployment.id}", deployment.id, deployment.name, RunKind.DEPLOY, A_MOMENT)
    begun = deployments.begin(run, deployment)
    deployments.save_run(replace(begun, state=RunState.SUCCEEDED, ended_at=A_MOMENT))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_text_of_an_application_becomes_more_than_text(
    reader: Reader, payload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = reader.stage.platform
    with reader.stage.shelf.change() as world:
        world.broken.add("legal-qa")
    known = deployed(reader, greeting=payload)
    push(reader.stage.shelf, "legal-qa", payload)
    head = platform.forge.head(repository_of(platform, "legal-qa"))
    assert head is not None
    monkeypatch.setattr(
        type(platform.engine),
        "logs",
        lambda *_, **__: [LogLine(A_MOMENT, "web", payload, "1")],
    )
    hostile = replace(
        known,
        url=f"javascript:{payload}",
        clone_url=payload,
        answers={**known.answers, "author_name": payload, "greeting": payload},
        release=a_release(version=payload),
        problems=(Problem(payload, payload, None, payload, payload),),
        state=State.FAILED,
    )
    platform.deployments.save(hostile)
    given = quote(payload, safe="")
    for address in (
        *(PAGE, f"{PAGE}?container={given}", f"{PAGE}/remove", "/deployments", "/map"),
        *(f"{PAGE}/history/{head.id}", f"{PAGE}/history/{known.commit}?back=true"),
        *(f"/deployments?q={given}&owner={given}", f"/deployments/{given}"),
    ):
        page = reader.get(address).text
        assert not [each for each in FORBIDDEN if each in page], address
        assert "49" not in re.findall(r">(49)<", page), address


@given(st.text(), st.text())
def test_any_two_texts_have_a_difference_that_is_shown_whole(old: str, new: str) -> None:
    before, after = FileTree({"a.py": File(old.encode("utf-8", "replace"))}), FileTree({})
    trees = (before, FileTree({"a.py": File(new.encode("utf-8", "replace"))}), after)
    for first, second in ((0, 1), (1, 0), (0, 2), (2, 1)):
        for change in differences(trees[first], trees[second]):
            for hunk in change.hunks:
                texts = [line.text for line in hunk]
                shown = code.coloured_lines(texts, change.path)
                assert len(shown) == len(texts)
                assert [unescape(re.sub("<[^>]*>", "", html)) for html in shown] == texts


def test_a_difference_is_coloured_line_by_line() -> None:
    shown = code.coloured_lines(['"""one', 'two"""', "import json", "", "<b>"], "a.py")
    assert len(shown) == 5
    assert all(html.count("<span") == html.count("</span") for html in shown)
    assert 'class="kn"' in shown[2]
    assert "&lt;" in shown[4]


def test_what_failed_before_is_told_no_more_once_a_push_is_healthy(reader: Reader) -> None:
    with reader.stage.shelf.change() as world:
        world.broken.add("legal-qa")
    deployed(reader)
    assert "Why it is not well" in reader.get(PAGE).text
    with reader.stage.shelf.change() as world:
        world.broken.clear()
    push(reader.stage.shelf, "legal-qa", "mended")
    for _ in range(3):
        watch.observe(reader.stage.platform)
    page = reader.get(PAGE).text
    assert "Why it is not well" not in page
    assert "Roll-out succeeded" in page
    assert 'class="callout bad-callout' not in page


def test_logs_are_shown_without_what_only_terminals_understand(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(reader)
    said = "\x1b[31mred\x1b[0m \x07and\x00 plain" + "x" * 10_000
    engine = type(reader.stage.platform.engine)
    monkeypatch.setattr(engine, "logs", lambda *_, **__: [LogLine(A_MOMENT, "web", said, "1")])
    log = reader.get(PAGE).text.split('id="log"')[1].partition("</section>")[0]
    assert "red and plain" in log
    assert "\x1b" not in log
    assert len(log) < 6_000


def test_a_silent_forge_leaves_the_rest_of_the_page(reader: Reader) -> None:
    deployed(reader)
    page = ""
    for silent in range(1, 4):
        with reader.stage.shelf.change() as world:
            world.forge_down = silent
        page += reader.get(PAGE).text
    assert "The history cannot be read now: the forge did not answer" in page
    assert page.count('id="pipeline"') == 3


def test_lists_are_paged_by_name_and_each_deployment_stands_on_one_page(reader: Reader) -> None:
    for number in range(120):
        name = f"app-{number:03}"
        recorded(reader, a_deployment(id=name, name=name, state=State.HEALTHY))
    seen: list[str] = []
    address = "/deployments?state=healthy"
    while address:
        page = reader.get(address).text
        seen += re.findall(r'<th scope="row"><a href="/deployments/([^"]+)"', page)
        following = re.search(r'href="(/deployments\?[^"]*after=[^"]*)"', page)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == [f"app-{number:03}" for number in range(120)]


def test_only_a_newer_release_puts_a_deployment_out_of_date(reader: Reader) -> None:
    for name, version in (("old", "v0.9.0"), ("new", "v1.0.0"), ("ahead", "v1.0.0-2-gabcdef0")):
        recorded(reader, a_deployment(id=name, name=name, release=a_release(version=version)))
    reader.get("/templates/tkt-chat")  # so that the newest release is known
    page = reader.get("/deployments?outdated=1").text
    assert re.findall(r'<th scope="row"><a href="/deployments/([^"]+)"', page) == ["old"]


def test_bulk_removal_takes_repositories_only_where_that_was_chosen(reader: Reader) -> None:
    for name in ("one", "two"):
        deployed(reader, name)
    sent: dict[str, str | list[str]] = {"name": "one", "action": "remove", "confirmed": "true"}
    reader.send("/deployments", {**sent, "key": "a"})
    assert set(reader.stage.world.repositories) == {
        "thinkube-deployments/one",
        "thinkube-deployments/two",
    }
    reader.send("/deployments", {**sent, "name": "two", "key": "b", "repository": "true"})
    assert set(reader.stage.world.repositories) == {"thinkube-deployments/one"}


def test_a_run_under_way_offers_nothing_that_would_be_refused() -> None:
    reader = a_reader(a_stage(carried_out=False))
    deployed(reader)
    page = reader.get(PAGE).text
    assert f'action="{PAGE}/cancel"' in page
    assert f'href="{PAGE}/remove"' not in page
    assert 'id="roll-back"' not in page
