"""Search: a ranked, typo-tolerant index of what the catalog offers, with counts by facet.

Ranking, best first: the whole name; names that begin with the query; all words found as they are;
words that begin with what was typed; words that are a typo away. Then by where the words stand
(name, title, tags, category, description), then by name. The same query always ranks the same.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import takewhile
from typing import Generic, Protocol, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

_WORD = re.compile(r"[^\W_]+")
_PREFIX = "tkt-"  # nearly every template's name begins so; nobody types it
_MOST_WORDS = 8
_LONGEST_QUERY = 200
_MOST_TYPOS = 30  # words of the vocabulary that one mistyped word may stand for
_SHORTEST_TYPO = 3
_TWO_EDITS = 7  # from this length on, two edits are forgiven instead of one


class Findable(Protocol):
    """What is searched: one thing that is offered."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


Item = TypeVar("Item", bound=Findable)
Spans = tuple[tuple[int, int], ...]


class Quality(IntEnum):
    """How well something matches; smaller is better."""

    NAME = 0
    NAME_PREFIX = 1
    WORD = 2
    WORD_PREFIX = 3
    TYPO = 4


@dataclass(frozen=True)
class Hit(Generic[Item]):
    item: Item
    quality: Quality


@dataclass(frozen=True)
class Results(Generic[Item]):
    """Everything found, best first, and how many of them there are by category and tag.

    A category's count ignores the category that was asked for, so that others can be chosen
    instead; a tag's count is of what remains when that tag is asked for too.
    """

    hits: tuple[Hit[Item], ...]
    categories: Mapping[str, int]
    tags: Mapping[str, int]


_NAME_WEIGHT = 16
_FIELD_WEIGHTS = (("title", 8), ("tags", 6), ("category", 4), ("description", 1))


class SearchIndex(Generic[Item]):
    """Built once per catalogue, then only read; safe to share between threads."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)
        self._names = [_fold(item.name) for item in self._items]
        self._short = [name.removeprefix(_PREFIX) for name in self._names]
        # For each word, the items that it occurs in, and the weight of the best place in each.
        postings: dict[str, dict[int, int]] = {}
        for position, item in enumerate(self._items):
            for word, weight in _weighted_words(item):
                weights = postings.setdefault(word, {})
                weights[position] = max(weight, weights.get(position, 0))
        self._postings = postings
        self._vocabulary = sorted(postings)
        self._by_name = sorted(range(len(self._items)), key=lambda each: self._names[each])

    def search(
        self,
        query: str = "",
        tags: Collection[str] = (),
        category: str = "",
    ) -> Results[Item]:
        """Find what matches every word of the query, and has the category and all the tags."""
        ranked = self._ranked(query[:_LONGEST_QUERY])
        if tags:
            wanted = set(tags)
            ranked = [each for each in ranked if wanted.issubset(self._items[each[0]].tags)]
        categories = Counter(self._items[position].category for position, _ in ranked)
        if category:
            ranked = [each for each in ranked if self._items[each[0]].category == category]
        counted = Counter(tag for position, _ in ranked for tag in self._items[position].tags)
        hits = tuple(Hit(self._items[position], quality) for position, quality in ranked)
        return Results(hits, _ordered(categories), _ordered(counted))

    def _ranked(self, query: str) -> list[tuple[int, Quality]]:
        words = words_of(query)
        if not words:
            return [(position, Quality.WORD) for position in self._by_name] if _blank(query) else []
        scores = self._scores(words)
        whole = "-".join(words)
        found = []
        for position, (quality, weight) in scores.items():
            best = self._name_quality(position, whole, quality)
            found.append((best, -weight, self._names[position], position))
        found.sort()
        return [(position, quality) for quality, _, _, position in found]

    def _name_quality(self, position: int, whole: str, quality: Quality) -> Quality:
        name, short = self._names[position], self._short[position]
        joined = whole.replace("-", "")
        if whole in (name, short) or joined == short.replace("-", ""):
            return Quality.NAME
        if name.startswith(whole) or short.replace("-", "").startswith(joined):
            return Quality.NAME_PREFIX
        return quality

    def _scores(self, words: Sequence[str]) -> dict[int, tuple[Quality, int]]:
        """Score the items that match every word: the worst word's quality, the sum of weights."""
        scores: dict[int, tuple[Quality, int]] | None = None
        for word in words:
            matches = self._matches(word)
            if scores is None:
                scores = matches
            else:
                scores = {
                    position: (max(quality, scores[position][0]), weight + scores[position][1])
                    for position, (quality, weight) in matches.items()
                    if position in scores
                }
            if not scores:
                return {}
        return scores or {}

    def _matches(self, word: str) -> dict[int, tuple[Quality, int]]:
        found: dict[int, tuple[Quality, int]] = {}
        self._add(found, (word,), Quality.WORD)
        self._add(found, self._beginning_with(word), Quality.WORD_PREFIX)
        if not found:
            self._add(found, self._near(word), Quality.TYPO)
        return found

    def _add(
        self,
        found: dict[int, tuple[Quality, int]],
        words: Collection[str],
        quality: Quality,
    ) -> None:
        for word in words:
            for position, weight in self._postings.get(word, {}).items():
                old = found.get(position)
                if old is None or (quality, -weight) < (old[0], -old[1]):
                    found[position] = (quality, weight)

    def _beginning_with(self, beginning: str) -> list[str]:
        start = bisect_left(self._vocabulary, beginning)
        rest = (self._vocabulary[each] for each in range(start, len(self._vocabulary)))
        return [
            word
            for word in takewhile(lambda each: each.startswith(beginning), rest)
            if word != beginning
        ]

    def _near(self, word: str) -> list[str]:
        """Return the words at most one edit away, two for long ones; swaps count as one."""
        if len(word) < _SHORTEST_TYPO:
            return []
        most = 1 if len(word) < _TWO_EDITS else 2
        found = process.extract(
            word, self._vocabulary, scorer=OSA.distance, score_cutoff=most, limit=_MOST_TYPOS
        )
        if not found:
            return []
        nearest = min(distance for _, distance, _ in found)
        return sorted(near for near, distance, _ in found if distance == nearest)


def words_of(text: str) -> list[str]:
    """Return the words of a query, folded, each once."""
    found = dict.fromkeys(_fold(match.group()) for match in _WORD.finditer(text))
    return list(found)[:_MOST_WORDS]


def highlights(text: str, query: str) -> Spans:
    """Return start and end of each part of `text` that a query found, in order."""
    wanted = words_of(query[:_LONGEST_QUERY])
    spans = []
    for match in _WORD.finditer(text) if wanted else ():
        end = _highlighted(_fold(match.group()), match.group(), wanted)
        if end:
            spans.append((match.start(), match.start() + end))
    return tuple(spans)


def _highlighted(folded: str, written: str, wanted: Sequence[str]) -> int:
    """Return how many characters of a word to highlight; 0 for none."""
    lengths = [len(each) for each in wanted if folded.startswith(each)]
    if lengths:
        return max(lengths) if len(folded) == len(written) else len(written)
    return len(written) if any(_is_typo(each, folded) for each in wanted) else 0


def _is_typo(typed: str, word: str) -> bool:
    if len(typed) < _SHORTEST_TYPO:
        return False
    most = 1 if len(typed) < _TWO_EDITS else 2
    return OSA.distance(typed, word, score_cutoff=most) <= most


def _weighted_words(item: Findable) -> list[tuple[str, int]]:
    name = _words(item.name)
    short = [word for word in name if f"{word}-" != _PREFIX]
    found = [(word, _NAME_WEIGHT) for word in name]
    if len(short) > 1:
        found.append(("".join(short), _NAME_WEIGHT))  # for those who type no separator
    for field, weight in _FIELD_WEIGHTS:
        value = getattr(item, field)
        text = value if isinstance(value, str) else " ".join(value)
        found += [(word, weight) for word in _words(text)]
    return found


def _words(text: str) -> list[str]:
    return [_fold(word) for word in _WORD.findall(text)]


@lru_cache(maxsize=65_536)
def _fold(text: str) -> str:
    """Fold case and accents, so that they make no difference."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in apart if not unicodedata.combining(each))


def _blank(query: str) -> bool:
    return not query.strip()


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Order by count, then by name; nameless ones are not counted."""
    return dict(sorted(((k, n) for k, n in counts.items() if k), key=lambda kv: (-kv[1], kv[0])))
