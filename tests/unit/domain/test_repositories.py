"""`repositories.json`: both generations are read, and every problem is named with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, TemplateNotFoundError
from thinkube_catalog.domain.repositories import (
    Repositories,
    RepositoriesInvalidError,
    parse_repositories,
)


def written(*entries: dict[str, Any], **changes: Any) -> str:
    return json.dumps({"version": "1.0.0", "repositories": list(entries), **changes}, indent=1)


def an_entry(**changes: Any) -> dict[str, Any]:
    entry = {
        "name": "notes-rag",
        "org": "acme",
        "full_name": "acme/notes-rag",
        "description": "Searches notes",
        "type": "application_template",
        "category": "templates",
        "deployment_type": "app",
        "github_url": "https://git.example.org/acme/notes-rag/",
        "ssh_url": "git@git.example.org:acme/notes-rag.git",
        "clone_for_development": True,
        "_source": "platform",
    }
    return {name: value for name, value in {**entry, **changes}.items() if value is not None}


def read(*entries: dict[str, Any], **changes: Any) -> Repositories:
    return parse_repositories(written(*entries, **changes), "repositories.json").value


def warnings(*entries: dict[str, Any], **changes: Any) -> list[str]:
    parsed = parse_repositories(written(*entries, **changes), "repositories.json")
    return [str(each) for each in parsed.warnings]


def problems(*entries: dict[str, Any], **changes: Any) -> list[str]:
    with pytest.raises(RepositoriesInvalidError) as caught:
        read(*entries, **changes)
    return [str(each) for each in caught.value.problems]


def test_an_entry_of_thinkube_reads_without_a_word() -> None:
    assert warnings(an_entry(), categories={"templates": "Templates"}) == []
    assert read(an_entry()).entries == (
        CatalogEntry(
            name="notes-rag",
            location="https://git.example.org/acme/notes-rag",
            description="Searches notes",
            category="templates",
            org="acme",
            unknown={
                "full_name": "acme/notes-rag",
                "clone_for_development": True,
                "_source": "platform",
            },
        ),
    )


def test_an_older_entry_without_deployment_type_is_an_app() -> None:
    assert read(an_entry(deployment_type=None)).entries[0].deployment_type == "app"


def test_other_repositories_are_kept_and_not_deployable() -> None:
    (entry,) = read(an_entry(type="vscode_extension", github_url=None, ssh_url=None)).entries
    assert not entry.deployable
    assert not entry.listed


def test_components_are_deployable_and_not_listed() -> None:
    (entry,) = read(an_entry(deployment_type="component", fixed_name="vllm")).entries
    assert entry.deployable
    assert not entry.listed


def test_every_problem_is_named_at_once_with_its_line() -> None:
    found = problems(
        an_entry(name="a/b", github_url="ext::sh -c x"),
        an_entry(name=None, deployment_type="server"),
        an_entry(github_url=None, ssh_url=None),
        an_entry(tags="rag"),
    )
    assert found == [
        (
            "repositories.json:5: repositories[0].name: 'a/b' is not a usable name "
            "(use letters, digits, dots and hyphens, for example tkt-rag-agent)"
        ),
        (
            "repositories.json:12: repositories[0].github_url: 'ext::sh -c x' is not a usable "
            "github_url (use an https:// or ssh:// address)"
        ),
        (
            "repositories.json:17: repositories[1].name: repositories[1].name is missing "
            "(use letters, digits, dots and hyphens, for example tkt-rag-agent)"
        ),
        (
            "repositories.json:23: repositories[1].deployment_type: 'server' is no deployment_type "
            "that exists (use one of app, knative, component)"
        ),
        (
            "repositories.json:29: repositories[2].github_url: nothing says where the template is "
            "(give github_url, or source for a folder beside this file)"
        ),
        "repositories.json:52: repositories[3].tags: tags must be a list, not 'rag'",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "--upload-pack=x",
        "ext::sh -c x",
        "https://git.example.org/a b",
        "https://x\ny",
        "/etc",
        "fd::3",
    ],
)
def test_addresses_that_git_should_not_be_given_are_refused(address: str) -> None:
    assert problems(an_entry(github_url=address))


def test_unknown_keys_are_kept_and_warned_about() -> None:
    assert warnings(an_entry(descripton="x", description=None)) == [
        (
            "repositories.json:15: repositories[0].descripton: the key 'descripton' means nothing "
            "here (did you mean description?)"
        ),
    ]
    assert read(an_entry(colour="red")).entries[0].unknown["colour"] == "red"


def test_a_second_entry_of_a_name_takes_the_place_of_the_first() -> None:
    entries = read(an_entry(), an_entry(name="b"), an_entry(description="New")).entries
    assert [(each.name, each.description) for each in entries] == [
        ("notes-rag", "New"),
        ("b", "Searches notes"),
    ]


def test_a_file_without_repositories_is_a_problem() -> None:
    with pytest.raises(RepositoriesInvalidError, match="repositories is missing"):
        parse_repositories("{}")


NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(first=NAMES, later=NAMES)
def test_merging_keeps_the_order_and_replaces_in_place(first: list[str], later: list[str]) -> None:
    merged = a_catalog("platform", first).merged_with(a_catalog("user", later))
    names = [entry.name for entry in merged.entries]
    assert names == [*first, *(name for name in later if name not in first)]
    assert {entry.name for entry in merged.entries if entry.origin == "user"} == set(later)


def a_catalog(origin: str, names: list[str]) -> Catalog:
    return Catalog(entries=tuple(CatalogEntry(name, "x", origin=origin) for name in names))


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    catalog = a_catalog("platform", ["tkt-rag-agent", "tkt-chat"])
    with pytest.raises(TemplateNotFoundError, match="did you mean tkt-rag-agent"):
        catalog.entry("tkt-rag-agnet")
