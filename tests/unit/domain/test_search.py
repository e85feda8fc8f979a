"""Search: what people type finds what they mean, in an order that does not change."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.domain.catalog import CatalogEntry
from thinkube_catalog.domain.search import SearchIndex, highlights


def an_entry(name: str, description: str = "", *tags: str, category: str = "") -> CatalogEntry:
    return CatalogEntry(name, "x", description=description, tags=tags, category=category)


ENTRIES = (
    an_entry("tkt-rag-agent", "Answers questions on documents", "rag", "qdrant", category="agents"),
    an_entry("tkt-rag", "Retrieval without an agent", "rag", category="agents"),
    an_entry("tkt-langchain-agent", "An agent with tools", "agent", "tools", category="agents"),
    an_entry("tkt-vllm-gradio", "Serves a model, with a chat page", "gpu", category="inference"),
    an_entry("tkt-text-embeddings", "Vectors for retrieval", "gpu", category="inference"),
    an_entry("tkt-fine-tuning", "Trains adapters; unlike rag", "gpu", category="training"),
    an_entry("tkt-café", "Menus in Zürich", category="applications"),
)
INDEX = SearchIndex(ENTRIES)


def found(query: str, *tags: str, category: str = "") -> list[str]:
    results = INDEX.search(query, tags, category)
    return [entry.name.removeprefix("tkt-") for entry in results.items]


def test_nothing_typed_lists_everything_by_name() -> None:
    assert found("") == found("   ") == sorted(each.name[4:] for each in ENTRIES)


def test_the_exact_name_comes_before_names_that_begin_so_and_both_before_words() -> None:
    assert found("rag") == ["rag", "rag-agent", "fine-tuning"]


@pytest.mark.parametrize("query", ["tkt-rag-agent", "rag agent", "RAG-Agent", "ragagent"])
def test_a_name_is_found_however_it_is_separated(query: str) -> None:
    assert found(query)[0] == "rag-agent"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("langchian", "langchain-agent"),
        ("embedings", "text-embeddings"),
        ("vlm", "vllm-gradio"),
        ("retreival", "rag"),
        ("fine tunning", "fine-tuning"),
        ("qdrnt", "rag-agent"),
    ],
)
def test_typos_find_what_was_meant(query: str, name: str) -> None:
    assert name in found(query)


def test_a_typo_is_not_looked_for_where_the_word_exists() -> None:
    assert found("page") == ["vllm-gradio"]


@pytest.mark.parametrize("query", ["r", "ra", "emb", "fine tu", "langch", "gra"])
def test_the_beginning_of_a_word_is_enough(query: str) -> None:
    assert found(query)


def test_every_word_has_to_match() -> None:
    assert found("agent tools") == ["langchain-agent"]
    assert found("agent whatever") == []


def test_accents_and_case_make_no_difference() -> None:
    assert found("CAFE") == found("café") == found("zurich") == ["café"]


def test_marks_that_are_no_words_find_nothing() -> None:
    assert found("!!!") == []


def test_filters_narrow_and_counts_say_what_else_there_is() -> None:
    results = INDEX.search("", ["gpu"], "inference")
    assert [entry.name for entry in results.items] == ["tkt-text-embeddings", "tkt-vllm-gradio"]
    assert results.categories == {"inference": 2, "training": 1}
    assert results.tags == {"gpu": 2}


def test_counts_are_of_everything_found_most_frequent_first() -> None:
    assert list(INDEX.search().tags.items()) == [
        ("gpu", 3),
        ("rag", 2),
        ("agent", 1),
        ("qdrant", 1),
        ("tools", 1),
    ]


def test_highlights_mark_the_part_that_was_typed_and_whole_words_for_typos() -> None:
    assert highlights("tkt-rag-agent", "rag ag") == ((4, 7), (8, 10))
    assert highlights("Serves embeddings", "embedings") == ((7, 17),)
    assert highlights("Zürich", "zur") == ((0, 3),)
    assert highlights("anything", "") == ()


TYPED = st.text(alphabet=string.ascii_letters + string.digits + " -äßİ�", max_size=40)


@given(query=TYPED)
def test_whatever_is_typed_ranks_the_same_each_time_and_names_each_template_once(
    query: str,
) -> None:
    names = found(query)
    assert names == found(query)
    assert len(set(names)) == len(names)


@given(query=TYPED, text=TYPED)
def test_highlights_lie_inside_the_text_and_in_order(query: str, text: str) -> None:
    ends = [0, *(place for span in highlights(text, query) for place in span), len(text)]
    assert ends == sorted(ends)


@given(names=st.lists(st.from_regex(r"[a-z]{1,8}(-[a-z]{1,8}){0,2}", fullmatch=True), unique=True))
def test_every_template_is_the_first_hit_for_its_own_name(names: list[str]) -> None:
    index = SearchIndex([an_entry(name) for name in names])
    for name in names:
        best = index.search(name).items[0].name
        assert best.replace("-", "") == name.replace("-", "")
