"""Runs an evaluation set through the real index and pipeline, and counts."""

import io
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from langchain_core.messages import BaseMessage

from eval.questions import Case, Corpus
from rag_agent.answering import Answer, Question
from rag_agent.errors import IndexUnavailableError
from rag_agent.identity import Caller
from rag_agent.retrieval import Passage, retrieve
from rag_agent.services import Services
from rag_agent.settings import Settings
from rag_agent.words import coverage
from rag_agent.writing import Piece, Writer

ONE_PERSON = Caller(may_write=True)


@dataclass(frozen=True)
class Figures:
    """All between 0 and 1. `hit_at` counts questions whose passage is among the first k;
    `refused` those without an answer that got none. Grounded is the share of an answer's words that
    stand in the passages it cites; `right_source` the share of answers that cite the passage that
    was expected."""

    questions: int
    hit_at: dict[int, float]
    mean_reciprocal_rank: float
    refused: float
    grounded: float
    right_source: float
    missed: tuple[str, ...]


class Quoting:
    """Stands in for a model where none is configured: quotes the sentence of the first passage
    that shares most words with the question. It measures the pipeline, not a model."""

    def write(self, prompt: Sequence[BaseMessage]) -> Iterator[Piece]:
        text = str(prompt[-1].content)
        question = text.rsplit("Question:", 1)[-1]
        passages = re.findall(r'<passage number="(\d+)"[^>]*>\n(.*?)\n</passage>', text, re.DOTALL)
        number, body = passages[0]
        sentences = re.split(r"(?<=[.;:])\s+", " ".join(body.split()))
        best = max(sentences, key=lambda sentence: coverage(question, sentence, "english"))
        yield Piece(f"{best} [{number}]")


def measure(corpus: Corpus, settings: Settings, writer: Writer | None) -> Figures:
    """Index the corpus in memory and ask every question. Without a writer, Quoting answers."""
    with _running(corpus, settings, writer or Quoting()) as services:
        ranks = {case: _rank(case, services) for case in corpus.cases if case.expected}
        answers = {case: _answer(case, services) for case in corpus.cases}
    findable = len(ranks)
    unanswerable = [case for case in corpus.cases if not case.expected]
    refused = sum(answers[case].status == "nothing_found" for case in unanswerable)
    written = [case for case in ranks if answers[case].status == "answered"]
    right = sum(
        any(_holds(passage, case) for passage in answers[case].citations) for case in written
    )
    grounded = sum(_grounded(answers[case]) for case in written)
    return Figures(
        questions=len(corpus.cases),
        hit_at={
            k: sum(rank is not None and rank <= k for rank in ranks.values()) / findable
            for k in (1, 3, 5)
        },
        mean_reciprocal_rank=sum(1 / rank for rank in ranks.values() if rank) / findable,
        refused=refused / len(unanswerable),
        grounded=grounded / max(1, len(written)),
        right_source=right / max(1, len(written)),
        missed=tuple(case.question for case, rank in ranks.items() if rank is None),
    )


@contextmanager
def _running(corpus: Corpus, settings: Settings, writer: Writer) -> Iterator[Services]:
    with tempfile.TemporaryDirectory() as folder:
        here = {"data_dir": Path(folder), "qdrant_url": ":memory:"}
        services = Services(settings.model_copy(update=here), writer)
        services.start()
        try:
            _wait_for_index(services)
            files = [(name, io.BytesIO(text.encode())) for name, text in corpus.documents.items()]
            job = services.ingestions.start(files, ["everyone"], ONE_PERSON)
            while not services.ingestions.get(job.ingestion_id, ONE_PERSON).is_over:
                time.sleep(0.05)
            yield services
        finally:
            services.close()


def _wait_for_index(services: Services) -> None:
    for _ in range(600):
        try:
            services.index()
        except IndexUnavailableError:
            time.sleep(0.05)
        else:
            return
    services.index()


def _rank(case: Case, services: Services) -> int | None:
    found = retrieve(case.question, ONE_PERSON, services.index(), services.settings)
    return next((p.number for p in found.passages if _holds(p, case)), None)


def _answer(case: Case, services: Services) -> Answer:
    *_, last = services.agent.ask(Question(case.question, ONE_PERSON, history=()))
    assert isinstance(last, Answer)
    return last


def _holds(passage: Passage, case: Case) -> bool:
    text = " ".join(f"{passage.match.heading} {passage.match.text}".split())
    return passage.match.document.name == case.document and case.expected in text


def _grounded(answer: Answer) -> float:
    cited = " ".join(passage.match.text for passage in answer.citations)
    return coverage(re.sub(r"\[\d+\]", "", answer.text), cited, "english")
