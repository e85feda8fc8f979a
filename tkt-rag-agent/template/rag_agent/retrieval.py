"""From a question to the passages that bear on it, best first, or to none at all.

Word search always takes part. Where the index has embeddings, both rankings are merged by
reciprocal rank fusion (Cormack, Clarke, Buettcher 2009), which needs no common scale of scores.
"""

import logging
from dataclasses import dataclass

from rag_agent.errors import IndexUnavailableError
from rag_agent.identity import Caller
from rag_agent.index import Index, Match
from rag_agent.settings import Settings
from rag_agent.words import coverage

_RANK_CONSTANT = 60  # from the paper
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Passage:
    """A relevant passage. `number` is how an answer cites it, from 1.

    `score` orders the passages; `coverage` is the share of the question's words in it; `similarity`
    is the cosine of the embeddings, None without them.
    """

    number: int
    match: Match
    score: float
    coverage: float
    similarity: float | None


@dataclass(frozen=True)
class Retrieval:
    passages: tuple[Passage, ...]
    kind: str  # "words" or "words and meaning"
    notes: tuple[str, ...]


def retrieve(question: str, caller: Caller, index: Index, settings: Settings) -> Retrieval:
    """The passages that the caller may read and that bear on the question.

    Relevant is what holds enough of the question's words, or is near enough in meaning; the two
    thresholds are settings. Raises IndexUnavailableError.
    """
    wide = settings.top_k * 4
    by_words = index.search_words(question, caller, wide)
    by_meaning, notes = _by_meaning(question, caller, index, wide)
    similar = {match.passage_id: match.score for match in by_meaning}
    merged: list[Passage] = []
    for score, match in _fuse(by_words, by_meaning):
        share = coverage(
            question, f"{match.document.title} {match.heading} {match.text}", index.language
        )
        similarity = similar.get(match.passage_id)
        near = similarity is not None and similarity >= settings.min_similarity
        if near or share >= settings.min_coverage:
            merged.append(Passage(len(merged) + 1, match, score, share, similarity))
        if len(merged) == settings.top_k:
            break
    kind = "words and meaning" if by_meaning else "words"
    return Retrieval(tuple(merged), kind, index.notes + notes)


def _by_meaning(
    question: str, caller: Caller, index: Index, limit: int
) -> tuple[list[Match], tuple[str, ...]]:
    try:
        return index.search_meaning(question, caller, limit), ()
    except IndexUnavailableError as error:
        # Words have just been searched, so Qdrant is there: it is the embeddings that are not.
        _log.warning("search by meaning failed: %s", error)
        return [], ("The embedding model did not answer: documents were found by words only.",)


def _fuse(*rankings: list[Match]) -> list[tuple[float, Match]]:
    scores: dict[str, float] = {}
    matches: dict[str, Match] = {}
    for ranking in rankings:
        for rank, match in enumerate(ranking, start=1):
            matches.setdefault(match.passage_id, match)
            scores[match.passage_id] = scores.get(match.passage_id, 0) + 1 / (_RANK_CONSTANT + rank)
    # sorted() is stable: equal scores keep the order of the word search.
    ordered = sorted(scores, key=lambda passage_id: -scores[passage_id])
    return [(scores[passage_id], matches[passage_id]) for passage_id in ordered]
