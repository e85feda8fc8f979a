"""Search: a ranked, typo-tolerant index of what the catalog offers, with counts by facet.

Ranking, best first: the whole name; names that begin with the query; all words found as they are;
words that begin with what was typed; words that are a typo away. Then by where the words stand
(name, title, tags, category, description), then by name. The same query always ranks the same.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import chain
from typing import Generic, Protocol, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

_WORD = re.compile(r"[^\W_]+")
_PREFIX = "tkt-"  # nearly every template's name begins so; nobody types it
_MOST_WORDS = 8
_LONGEST_QUERY = 200
_MOST_TYPOS = 30  # words of the vocabulary that one mistyped word may stand for
_SHORTEST_TYPO = 3
_LAST = chr(0x10FFFF)  # sorts behind every text that continues
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
class Results(Generic[Item]):
    """Everything found, best first, and how many of them there are by category and tag.

    A category's count ignores the category that was asked for, so that others can be chosen
    instead; a tag's count is of what remains when that tag is asked for too.
    """

    items: tuple[Item, ...]
    categories: Mapping[str, int]
    tags: Mapping[str, int]


_NAME_WEIGHT = 16
_FIELD_WEIGHTS = (("title", 8), ("tags", 6), ("category", 4), ("description", 1))

# A score is one number, for speed: the quality, then the weight that is missing to the best.
# Smaller is better. A rank adds the place among the names, so that nothing is left to chance.
_QUALITY_BIT = 16
_RANK_BIT = 24
_NOTHING = 1 << 62


class SearchIndex(Generic[Item]):
    """Built once per catalogue, then only read; safe to share between threads."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(sorted(items, key=lambda item: (_fold(item.name), item.name)))
        names = [_fold(item.name) for item in self._items]
        self._names = _Beginnings(names)
        self._short = _Beginnings([_joined(name.removeprefix(_PREFIX)) for name in names])
        self._categories = [item.category for item in self._items]
        self._tags = [item.tags for item in self._items]
        # For each word, the items that it occurs in, and what is missing to the best place.
        postings: dict[str, dict[int, int]] = {}
        for position, item in enumerate(self._items):
            for word, weight in _weighted_words(item):
                losses = postings.setdefault(word, {})
                losses[position] = min(_NAME_WEIGHT - weight, losses.get(position, _NAME_WEIGHT))
        self._postings = postings
        self._vocabulary = sorted(postings)
        self._all = self._results(range(len(self._items)), (), "")

    def __len__(self) -> int:
        return len(self._items)

    def search(
        self,
        query: str = "",
        tags: Collection[str] = (),
        category: str = "",
    ) -> Results[Item]:
        """Find what matches every word of the query, and has the category and all the tags."""
        query = query[:_LONGEST_QUERY].strip()
        if not query and not tags and not category:
            return self._all
        ranked = self._ranked(query) if query else range(len(self._items))
        return self._results(ranked, tags, category)

    def _results(
        self,
        ranked: Sequence[int],
        tags: Collection[str],
        category: str,
    ) -> Results[Item]:
        if tags:
            wanted = set(tags)
            ranked = [each for each in ranked if wanted.issubset(self._tags[each])]
        categories = Counter(map(self._categories.__getitem__, ranked))
        if category:
            ranked = [each for each in ranked if self._categories[each] == category]
        counted = Counter(chain.from_iterable(map(self._tags.__getitem__, ranked)))
        items = tuple(map(self._items.__getitem__, ranked))
        return Results(items, _ordered(categories), _ordered(counted))

    def _ranked(self, query: str) -> Sequence[int]:
        words = words_of(query)
        scores = self._scores(words) if words else {}
        whole = "-".join(words)
        for quality, positions in self._by_name(whole):
            for position in positions:
                score = scores.get(position)
                if score is not None:
                    loss = score & ((1 << _QUALITY_BIT) - 1)
                    scores[position] = (quality << _QUALITY_BIT) + loss
        ranks = sorted((score << _RANK_BIT) + position for position, score in scores.items())
        return [rank & ((1 << _RANK_BIT) - 1) for rank in ranks]

    def _by_name(self, whole: str) -> Iterator[tuple[Quality, Iterable[int]]]:
        """Yield what the name alone decides, the best last, so that it stands."""
        if not whole:
            return
        joined = _joined(whole)
        yield Quality.NAME_PREFIX, self._short.beginning_with(joined)
        yield Quality.NAME_PREFIX, self._names.beginning_with(whole)
        yield Quality.NAME, self._short.equal_to(joined)
        yield Quality.NAME, self._names.equal_to(whole)

    def _scores(self, words: Sequence[str]) -> dict[int, int]:
        """Score what matches every word: by its worst word, then by the sum of losses."""
        first, *others = words
        scores = self._matches(first)
        for word in others:
            matches = self._matches(word) if scores else {}
            scores = {
                position: _combined(score, matches[position])
                for position, score in scores.items()
                if position in matches
            }
        return scores

    def _matches(self, word: str) -> dict[int, int]:
        found: dict[int, int] = {}
        self._add(found, self._beginning_with(word), Quality.WORD_PREFIX)
        self._add(found, (word,), Quality.WORD)
        if not found:
            self._add(found, self._near(word), Quality.TYPO)
        return found

    def _add(self, found: dict[int, int], words: Iterable[str], quality: Quality) -> None:
        base = quality << _QUALITY_BIT
        for word in words:
            for position, loss in self._postings.get(word, {}).items():
                score = base + loss
                if score < found.get(position, _NOTHING):
                    found[position] = score

    def _beginning_with(self, beginning: str) -> list[str]:
        start = bisect_right(self._vocabulary, beginning)
        end = bisect_left(self._vocabulary, beginning + _LAST, start)
        return self._vocabulary[start:end]

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


class _Beginnings:
    """Texts by position, found by how they begin."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._positions = sorted(range(len(texts)), key=texts.__getitem__)
        self._texts = [texts[each] for each in self._positions]

    def beginning_with(self, beginning: str) -> Sequence[int]:
        start = bisect_left(self._texts, beginning)
        return self._positions[start : bisect_left(self._texts, beginning + _LAST, start)]

    def equal_to(self, text: str) -> Sequence[int]:
        start = bisect_left(self._texts, text)
        return self._positions[start : bisect_right(self._texts, text, start)]


def _combined(score: int, other: int) -> int:
    losses = (score & ((1 << _QUALITY_BIT) - 1)) + (other & ((1 << _QUALITY_BIT) - 1))
    return (max(score >> _QUALITY_BIT, other >> _QUALITY_BIT) << _QUALITY_BIT) + losses


def _joined(name: str) -> str:
    return "".join(_WORD.findall(name))


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


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Order by count, then by name; nameless ones are not counted."""
    return dict(sorted(((k, n) for k, n in counts.items() if k), key=lambda kv: (-kv[1], kv[0])))
