"""From a question to an answer with citations, as a stream of events."""

import logging
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rag_agent.errors import InputError, ModelError
from rag_agent.identity import Caller
from rag_agent.index import Index
from rag_agent.memory import Memory, checked_id
from rag_agent.metrics import Metrics
from rag_agent.prompting import (
    CitationFilter,
    Turn,
    answer_prompt,
    condense_prompt,
    within_budget,
)
from rag_agent.retrieval import Passage, Retrieval, retrieve
from rag_agent.settings import Settings
from rag_agent.tracing import Trace, Tracer
from rag_agent.writing import Usage, Writer

Status = Literal["answered", "no_model", "nothing_found", "model_failed"]
LONGEST_QUESTION = 4000
_LONGEST_STANDALONE = 500
_log = logging.getLogger(__name__)

NOTHING_FOUND = "The documents that you may read hold nothing on this question."
STILL_READING = "Nothing was found yet: {} still being read. Ask again in a moment."
NO_DOCUMENTS = "There are no documents yet that you may read. Add some, then ask again."


@dataclass(frozen=True)
class Question:
    """What somebody asks. `history` given here takes the place of the remembered conversation."""

    text: str
    caller: Caller
    conversation: str = ""
    history: tuple[Turn, ...] | None = None
    wishes: str = ""


@dataclass(frozen=True)
class Found:
    """The first event: which passages the answer will rest on."""

    conversation: str
    asked: str  # the question as it was searched for
    retrieval: Retrieval


@dataclass(frozen=True)
class Delta:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True)
class Answer:
    """The last event. `message` says in a sentence what a status other than answered means."""

    conversation: str
    status: Status
    text: str
    message: str
    citations: tuple[Passage, ...]
    passages: tuple[Passage, ...]
    retrieval: str
    notes: tuple[str, ...]
    usage: Usage | None
    problem_kind: str = ""


Event = Found | Delta | Answer


@dataclass(frozen=True)
class Agent:
    """Everything that an answer needs. Without a writer it finds passages and says so."""

    settings: Settings
    index: Callable[[], Index]
    writer: Writer | None
    memory: Memory
    tracer: Tracer
    metrics: Metrics
    files_waiting: Callable[[Caller], int]

    def ask(self, question: Question) -> Iterator[Event]:
        """Found, then Deltas, then one Answer.

        Raises InputError for a question that cannot be asked and IndexUnavailableError; trouble
        with the model is part of the Answer, since the passages are of use without it.
        """
        text = question.text.strip()
        if not text or len(text) > LONGEST_QUESTION:
            raise InputError(f"A question has 1 to {LONGEST_QUESTION} characters.")
        conversation = checked_id(question.conversation or uuid.uuid4().hex)
        trace = self.tracer.start(text, question.caller.user, conversation)
        answer: Answer | None = None
        try:
            history = self._history(question, conversation)
            asked, retrieval = self._find(text, history, question.caller, trace)
            yield Found(conversation, asked, retrieval)
            if retrieval.passages:
                answer = yield from self._write(question, conversation, history, retrieval, trace)
            else:
                message = self._found_nothing(question.caller)
                answer = _unwritten(conversation, "nothing_found", message, retrieval)
            if question.history is None:
                self.memory.remember(question.caller, conversation, Turn(text, answer.text))
            self.metrics.answers.labels(answer.status).inc()
            yield answer
        finally:
            _end(trace, answer)

    def _found_nothing(self, caller: Caller) -> str:
        if waiting := self.files_waiting(caller):
            return STILL_READING.format("1 file is" if waiting == 1 else f"{waiting} files are")
        return NOTHING_FOUND if self.index().documents(caller) else NO_DOCUMENTS

    def _history(self, question: Question, conversation: str) -> Sequence[Turn]:
        turns = self.settings.memory_turns
        if question.history is not None:
            return question.history[-turns:] if turns else ()
        return self.memory.recall(question.caller, conversation, turns)

    def _find(
        self, text: str, history: Sequence[Turn], caller: Caller, trace: Trace
    ) -> tuple[str, Retrieval]:
        asked = self._standalone(text, history, trace) if history else text
        step = trace.step("retrieval", "retriever", asked)
        started = time.perf_counter()
        found = retrieve(asked, caller, self.index(), self.settings)
        if history and not found.passages:
            # A short follow-up may carry no word of its subject: take the question before it.
            asked = f"{history[-1].question}\n{text}"
            found = retrieve(asked, caller, self.index(), self.settings)
        self.metrics.retrieval_seconds.observe(time.perf_counter() - started)
        if found.passages:
            self.metrics.best_coverage.observe(max(p.coverage for p in found.passages))
            similar = [p.similarity for p in found.passages if p.similarity is not None]
            if similar:
                self.metrics.best_similarity.observe(max(similar))
        step.end([_cited(passage) for passage in found.passages])
        return asked, found

    def _standalone(self, text: str, history: Sequence[Turn], trace: Trace) -> str:
        writer = self.writer
        if writer is None:
            return text
        prompt = condense_prompt(text, history)
        step = trace.step("condense", "generation", [m.model_dump() for m in prompt])
        try:
            rewritten = "".join(piece.text for piece in writer.write(prompt)).strip()
        except ModelError as error:
            step.end("", problem=str(error))
            self.metrics.model_errors.labels(error.kind).inc()
            return text
        step.end(rewritten)
        return rewritten if 0 < len(rewritten) <= _LONGEST_STANDALONE else text

    def _write(
        self,
        question: Question,
        conversation: str,
        history: Sequence[Turn],
        retrieval: Retrieval,
        trace: Trace,
    ) -> Generator[Delta, None, Answer]:
        """Stream the answer; the generator's return value is the Answer."""
        writer = self.writer
        if writer is None:
            message = f"{no_model(self.settings)} These passages were found:"
            return _unwritten(conversation, "no_model", message, retrieval)
        used = within_budget(retrieval.passages, self.settings.passage_budget)
        prompt = answer_prompt(question.text.strip(), used, history, question.wishes)
        step = trace.step("generation", "generation", [m.model_dump() for m in prompt])
        citations = CitationFilter(passage.number for passage in used)
        text, usage, problem = "", None, None
        started, first = time.perf_counter(), True
        try:
            for piece in writer.write(prompt):
                usage = piece.usage or usage
                if first and piece.text:
                    self.metrics.first_word_seconds.observe(time.perf_counter() - started)
                    first = False
                if ready := citations.feed(piece.text):
                    text += ready
                    yield Delta(ready)
        except ModelError as error:
            self.metrics.model_errors.labels(error.kind).inc()
            problem = error
        if ready := citations.rest():
            text += ready
            yield Delta(ready)
        step.end(text, usage, str(problem or ""))
        if problem is None and not text.strip():
            problem = ModelError("empty", "The model endpoint sent an empty answer.")
            self.metrics.model_errors.labels(problem.kind).inc()
        if usage:
            self.metrics.tokens.labels("prompt").inc(usage.prompt)
            self.metrics.tokens.labels("completion").inc(usage.completion)
        return Answer(
            conversation=conversation,
            status="model_failed" if problem else "answered",
            text=text,
            message=f"{problem} These passages were found:" if problem else "",
            citations=tuple(p for p in used if p.number in citations.cited),
            passages=retrieval.passages,
            retrieval=retrieval.kind,
            notes=retrieval.notes,
            usage=usage,
            problem_kind=problem.kind if problem else "",
        )


def no_model(settings: Settings) -> str:
    """Why there is no written answer, and what to do about it."""
    missing = " and ".join(settings.missing_for_model)
    return (
        f"No model endpoint is configured, so there is no written answer. Set {missing} "
        "(and LLM_API_KEY where the endpoint wants one)."
    )


def _unwritten(conversation: str, status: Status, message: str, retrieval: Retrieval) -> Answer:
    return Answer(
        conversation, status, "", message, (), retrieval.passages, retrieval.kind,
        retrieval.notes, None,
    )  # fmt: skip


def _cited(passage: Passage) -> dict[str, object]:
    match = passage.match
    return {
        "document": match.document.name,
        "position": match.position,
        "score": passage.score,
        "coverage": passage.coverage,
        "similarity": passage.similarity,
        "text": match.text,
    }


def _end(trace: Trace, answer: Answer | None) -> None:
    if answer is None:
        trace.end("", {}, "The answer was not finished.")
        return
    scores = {"passages": float(len(answer.passages)), "citations": float(len(answer.citations))}
    if answer.passages:
        scores["coverage"] = max(passage.coverage for passage in answer.passages)
    problem = answer.message if answer.status == "model_failed" else ""
    trace.end(answer.text or answer.message, scores, problem)
