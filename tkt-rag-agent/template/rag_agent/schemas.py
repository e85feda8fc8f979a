"""What goes over the wire, in JSON."""

from typing import Self

from pydantic import BaseModel, Field

from rag_agent.answering import LONGEST_QUESTION, Answer, Status
from rag_agent.index import Document
from rag_agent.ingestion import FileState, Ingestion
from rag_agent.retrieval import Passage


class AskBody(BaseModel):
    """A question. Keep `conversation_id` from the first answer to ask follow-up questions."""

    question: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    conversation_id: str = Field("", max_length=100)
    stream: bool = Field(default=False, description="Server-sent events instead of one document.")


class CitationOut(BaseModel):
    """A passage and where it stands. `number` is the [number] in the answer's text."""

    number: int
    document_id: str
    document: str
    title: str
    page: int | None
    section: str
    position: int
    text: str
    score: float
    coverage: float
    similarity: float | None

    @classmethod
    def of(cls, passage: Passage) -> Self:
        match = passage.match
        return cls(
            number=passage.number,
            document_id=match.document.document_id,
            document=match.document.name,
            title=match.document.title,
            page=match.page,
            section=match.heading,
            position=match.position,
            text=match.text,
            score=round(passage.score, 5),
            coverage=round(passage.coverage, 3),
            similarity=None if passage.similarity is None else round(passage.similarity, 4),
        )


class UsageOut(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerOut(BaseModel):
    """`message` explains every status but `answered`; `citations` are those in the text."""

    conversation_id: str
    status: Status
    answer: str
    message: str
    citations: list[CitationOut]
    passages: list[CitationOut]
    retrieval: str
    notes: list[str]
    usage: UsageOut | None

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(
            conversation_id=answer.conversation,
            status=answer.status,
            answer=answer.text,
            message=answer.message,
            citations=[CitationOut.of(passage) for passage in answer.citations],
            passages=[CitationOut.of(passage) for passage in answer.passages],
            retrieval=answer.retrieval,
            notes=list(answer.notes),
            usage=usage_of(answer),
        )


class DocumentOut(BaseModel):
    document_id: str
    name: str
    title: str
    owner: str
    acl: list[str]
    chunks: int
    ingested_at: str

    @classmethod
    def of(cls, document: Document) -> Self:
        return cls(
            document_id=document.document_id,
            name=document.name,
            title=document.title,
            owner=document.owner,
            acl=list(document.acl),
            chunks=document.chunks,
            ingested_at=document.ingested_at,
        )


class FileOut(BaseModel):
    name: str
    state: FileState
    document_id: str
    chunks: int
    chunks_done: int
    problem: str


class IngestionOut(BaseModel):
    """How far an upload has come; `done` when no file is waiting or being worked on."""

    ingestion_id: str
    done: bool
    share: float
    files: list[FileOut]

    @classmethod
    def of(cls, job: Ingestion) -> Self:
        return cls(
            ingestion_id=job.ingestion_id,
            done=job.is_over,
            share=round(job.share, 3),
            files=[
                FileOut(
                    name=file.name,
                    state=file.state,
                    document_id=file.document_id,
                    chunks=file.chunks,
                    chunks_done=file.chunks_done,
                    problem=file.problem,
                )
                for file in job.files
            ],
        )


def usage_of(answer: Answer) -> UsageOut | None:
    used = answer.usage
    if used is None:
        return None
    return UsageOut(
        prompt_tokens=used.prompt,
        completion_tokens=used.completion,
        total_tokens=used.prompt + used.completion,
    )
