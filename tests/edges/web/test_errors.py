"""Errors: pages for people, problem documents for programs."""

from __future__ import annotations

import pytest

from tests.edges.web.conftest import Reader


@pytest.mark.parametrize("address", ["/nothing", "/templates/tkt-none", "/static/0/x.css"])
def test_what_is_not_there_is_a_page_that_leads_on(reader: Reader, address: str) -> None:
    answer = reader.get(address)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "To all templates" in answer.text


def test_an_unknown_template_names_near_ones(reader: Reader) -> None:
    assert "did you mean tkt-chat?" in reader.get("/templates/tkt-caht").text


def test_programs_still_get_problem_documents(reader: Reader) -> None:
    for address in ("/api/v1/templates/tkt-none", "/api/v1/nothing"):
        answer = reader.get(address)
        assert answer.headers["content-type"] == "application/problem+json"


def test_folders_of_the_service_cannot_be_reached_as_templates(reader: Reader) -> None:
    for address in ("/templates/..%2f..", "/templates/~", "/templates/%2e%2e", "/templates/."):
        assert reader.get(address).status_code == 404
