"""The JSON API: documents, ingestions, questions, and what operators look at."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse

from rag_agent.answering import Answer, Delta, Event, Found, Question
from rag_agent.errors import IndexUnavailableError
from rag_agent.identity import Caller, caller_of, readers
from rag_agent.schemas import AnswerOut, AskBody, CitationOut, DocumentOut, IngestionOut
from rag_agent.services import Services

router = APIRouter()


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def caller(request: Request) -> Caller:
    return caller_of(request.headers, services_of(request).settings)


Who = Annotated[Caller, Depends(caller)]
Work = Annotated[Services, Depends(services_of)]


@router.get("/health", tags=["operation"])
async def health(request: Request) -> dict[str, str]:
    """The process is up. Answers at once and asks nothing else."""
    return {"status": "healthy", "component": request.app.state.services.settings.app_name}


@router.get("/ready", tags=["operation"])
def ready(work: Work) -> JSONResponse:
    """The index answers: 200; otherwise 503 with the reason. Notes say what works less well."""
    notes = [] if work.settings.model_is_configured else ["No model endpoint is configured."]
    try:
        index = work.index()
        index.check()
    except IndexUnavailableError as error:
        return JSONResponse({"status": "not ready", "reason": str(error), "notes": notes}, 503)
    return JSONResponse({"status": "ready", "notes": [*notes, *index.notes]})


@router.get("/metrics", tags=["operation"])
def metrics(work: Work) -> Response:
    """Figures for Prometheus."""
    return Response(work.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.post("/api/documents", status_code=202, tags=["documents"])
def add_documents(
    who: Who,
    work: Work,
    files: Annotated[list[UploadFile], File(description="PDF, TXT, Markdown or HTML.")],
    acl: Annotated[
        list[str] | None, Form(description="Readers: everyone, user:NAME, group:NAME.")
    ] = None,
) -> IngestionOut:
    """Take files in, in the background. The same file again changes nothing; a changed one
    replaces its earlier version."""
    named = [name for entry in acl or [] for name in entry.split(",")]
    streams = [(file.filename or "", file.file) for file in files]
    return IngestionOut.of(work.ingestions.start(streams, readers(named, who), who))


@router.get("/api/documents", tags=["documents"])
def list_documents(who: Who, work: Work) -> list[DocumentOut]:
    """The documents that you may read."""
    return [DocumentOut.of(document) for document in work.index().documents(who)]


@router.delete("/api/documents/{document_id}", tags=["documents"])
def remove_document(document_id: str, who: Who, work: Work) -> DocumentOut:
    """Remove a document of yours with all its passages."""
    return DocumentOut.of(work.index().remove(document_id, who))


@router.get("/api/ingestions/{ingestion_id}", tags=["documents"])
def ingestion(ingestion_id: str, who: Who, work: Work) -> IngestionOut:
    """How far an upload has come, and what was wrong with which file."""
    return IngestionOut.of(work.ingestions.get(ingestion_id, who))


@router.post("/api/ask", tags=["questions"], response_model=AnswerOut)
def ask(body: AskBody, request: Request, who: Who, work: Work) -> Response:
    """Ask a question. With `stream`, or `Accept: text/event-stream`, the answer comes as events:
    `found` (the passages), `delta` (text) and `answer` (the whole)."""
    events = work.agent.ask(Question(body.question, who, body.conversation_id))
    if body.stream or "text/event-stream" in request.headers.get("accept", ""):
        # The first event is made before the reply starts, so that its errors are real errors.
        first = next(events)
        return StreamingResponse(
            map(_sent, chain([first], events)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
    return JSONResponse(AnswerOut.of(finished(events)).model_dump())


@router.delete("/api/conversations/{conversation_id}", tags=["questions"])
def forget(conversation_id: str, who: Who, work: Work) -> dict[str, int]:
    """Forget a conversation of yours."""
    return {"turns_forgotten": work.memory.forget(who, conversation_id)}


def finished(events: Iterator[Event]) -> Answer:
    """Run an answer to its end."""
    *_, last = events
    assert isinstance(last, Answer)  # Agent.ask promises it
    return last


def _sent(event: Event) -> str:
    match event:
        case Found():
            passages = [CitationOut.of(p).model_dump() for p in event.retrieval.passages]
            content = {"conversation_id": event.conversation, "asked": event.asked}
            return _line("found", {**content, "passages": passages})
        case Delta():
            return _line("delta", {"text": event.text})
        case Answer():
            return _line("answer", AnswerOut.of(event).model_dump())


def _line(name: str, content: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"
