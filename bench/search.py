"""Searching the catalogue at 10, 1,000 and 10,000 templates, and reading one that large."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from timeit import repeat

from bench.rows import Row
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry
from thinkube_catalog.domain.repositories import parse_repositories

SIZES = (10, 1_000, 10_000)
QUERIES = {
    "a word": "agent",
    "one letter, as typed first": "t",
    "two words": "rag agent",
    "a typo": "langchian",
}
_TOPICS = [
    "rag",
    "agent",
    "chat",
    "vector",
    "search",
    "inference",
    "vllm",
    "gpu",
    "tuning",
    "lora",
    "gateway",
    "langchain",
    "qdrant",
    "gradio",
    "fastapi",
    "react",
    "docling",
    "pdf",
    "embeddings",
    "rerank",
    "diffusion",
    "speech",
    "notebook",
    "kafka",
    "batch",
    "monitor",
]
_SYLLABLES = [
    "ka",
    "ro",
    "mi",
    "tel",
    "vor",
    "san",
    "dex",
    "pli",
    "qua",
    "zen",
    "fi",
    "lo",
    "bur",
    "nam",
    "tri",
    "wex",
]
_WORDS_EACH = 18
_ROUNDS = 5


def measure() -> list[Row]:
    """Return a row for each size and query, and one for reading the largest catalogue."""
    rows = [row for size in SIZES for row in _searching(written(size), size)]
    text = written(SIZES[-1])
    reading = _seconds(lambda: Catalog(parse_repositories(text).value.entries).index)
    by_hand = _seconds(lambda: json.loads(text))
    note = "checks every field and builds the index; done once per change of the file"
    return [*rows, Row(f"read {SIZES[-1]:,} templates", reading, by_hand, "json.loads alone", note)]


def _searching(text: str, size: int) -> list[Row]:
    entries = parse_repositories(text).value.entries
    index = Catalog(entries).index
    note = "the scan has no ranking, no typos, no counts"
    return [
        Row(
            f"search {size:,} templates: {name}",
            _seconds(lambda query=query: index.search(query)),  # type: ignore[misc] # bound early
            _seconds(lambda query=query: _scan(entries, query)),  # type: ignore[misc] # as above
            "a scan of every name, description and tag for every word",
            note,
        )
        for name, query in QUERIES.items()
    ]


def _scan(entries: tuple[CatalogEntry, ...], query: str) -> list[CatalogEntry]:
    words = query.lower().split()
    return [
        entry
        for entry in entries
        if all(
            word in entry.name.lower() or word in entry.description.lower() or word in entry.tags
            for word in words
        )
    ]


def written(size: int) -> str:
    chance = random.Random(1)  # noqa: S311 (the same catalogue in each run)
    rare = ["".join(chance.choices(_SYLLABLES, k=3)) for _ in range(6_000)]
    words = [*_TOPICS, *rare]
    entries = [
        {
            "name": f"tkt-{chance.choice(_TOPICS)}-{chance.choice(words)}-{place}",
            "description": " ".join(chance.choices(words, k=_WORDS_EACH)),
            "type": "application_template",
            "category": chance.choice(("agents", "inference", "training")),
            "tags": chance.sample(_TOPICS, 5),
            "github_url": f"https://git.example.org/acme/t{place}",
        }
        for place in range(size)
    ]
    return json.dumps({"repositories": entries})


def _seconds(task: Callable[[], object]) -> float:
    """Return the best of five rounds, per run."""
    return min(repeat(task, number=1, repeat=_ROUNDS))
