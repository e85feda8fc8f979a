"""Errors: pages for people, problem documents for programs."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.edges.web.conftest import Reader
from thinkube_catalog.domain.forge import ForgeUnavailableError
from thinkube_catalog.operations import deploy
from thinkube_catalog.operations.deploy import DeploymentRequest


@pytest.mark.parametrize("address", ["/nothing", "/templates/tkt-none", "/static/0/x.css"])
def test_what_is_not_there_is_a_page_that_leads_on(reader: Reader, address: str) -> None:
    answer = reader.get(address)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "To all templates" in answer.text


PAGE = "/deployments/legal-qa"


def deployed(reader: Reader) -> None:
    asked = DeploymentRequest("tkt-chat", "legal-qa", {"greeting": "hi"})
    deploy.request(reader.stage.platform, asked)


def seen(answer: httpx.Response, status: int) -> str:
    """Return what a person reads first, after checking that it is a page with ways to go on."""
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    links = re.findall(r'<a class="button[^"]*" href="([^"]+)"', answer.text)
    assert "/" in links
    heading = re.search(r"<h1>(.+?)</h1>", answer.text)
    assert heading is not None
    return heading[1]


def test_a_forged_form_is_a_page_that_says_what_to_do(reader: Reader) -> None:
    answer = reader.client.post(f"{PAGE}/retry", data={"csrf": "x"})
    assert seen(answer, 403) == "That is not allowed"
    assert "open the page anew" in answer.text


def test_a_conflict_leads_to_what_it_is_about(reader: Reader) -> None:
    deployed(reader)
    answer = reader.send(f"{PAGE}/retry", {}, page="/deployments")
    assert seen(answer, 409) == "That does not fit what is there"
    assert f'href="{PAGE}">To legal-qa</a>' in answer.text
    assert "http-equiv" not in answer.text


def test_an_impossible_address_lists_what_is_wrong_with_it(reader: Reader) -> None:
    deployed(reader)
    answer = reader.get(f"{PAGE}?container={'x' * 300}")
    assert seen(answer, 422) == "Something has to be mended"
    assert "container" in answer.text


def test_a_bug_has_a_reference_and_no_inner_words(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("canary of the inside")

    monkeypatch.setattr(type(reader.stage.platform.deployments), "summaries", broken)
    answer = reader.get("/deployments?q=x")
    assert seen(answer, 500) == "Something unexpected happened"
    assert 'href="/deployments?q=x">Try again</a>' in answer.text
    assert "canary" not in answer.text
    reference = re.search(r"reference: ([0-9a-f]{12})", answer.text)
    assert reference is not None
    assert reference[1] in caplog.text


def test_what_is_away_is_asked_for_again_by_itself_unless_it_was_sent(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(reader)
    token = re.search(r'name="csrf" value="([^"]+)"', reader.get("/deployments").text)
    assert token is not None

    def away(*_: object, **__: object) -> None:
        raise ForgeUnavailableError("connection refused")

    monkeypatch.setattr(type(reader.stage.platform.forge), "history", away)
    for address in (f"{PAGE}/history/{'a' * 40}",):
        answer = reader.get(address)
        assert seen(answer, 503) == "Something is not available now"
        assert answer.headers["retry-after"] == "5"
        assert '<meta http-equiv="refresh" content="5">' in answer.text
        assert f'href="{address}">Try again</a>' in answer.text
    sent = {"csrf": token[1], "to": "a" * 40, "key": "k"}
    answer = reader.client.post(f"{PAGE}/rollback", data=sent)
    assert seen(answer, 503) == "Something is not available now"
    assert "http-equiv" not in answer.text
    assert "Try again" not in answer.text


def test_an_unknown_template_names_near_ones(reader: Reader) -> None:
    assert "did you mean tkt-chat?" in reader.get("/templates/tkt-caht").text


def test_programs_still_get_problem_documents(reader: Reader) -> None:
    for address in ("/api/v1/templates/tkt-none", "/api/v1/nothing"):
        answer = reader.get(address)
        assert answer.headers["content-type"] == "application/problem+json"


def test_folders_of_the_service_cannot_be_reached_as_templates(reader: Reader) -> None:
    for address in ("/templates/..%2f..", "/templates/~", "/templates/%2e%2e", "/templates/."):
        assert reader.get(address).status_code == 404
