"""The agent as an OpenAI-compatible model: any client of that API can talk to it.

Citations and passages stand in the extension field `rag` of a reply, and of the last chunk of a
stream. Conversations are the client's: it sends the earlier messages itself.
"""

import json
import time
import uuid
from collections.abc import Iterator
from itertools import chain
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from rag_agent.answering import Answer, Delta, Event, Question
from rag_agent.api import Who, Work, finished
from rag_agent.errors import InputError
from rag_agent.identity import Caller
from rag_agent.prompting import Turn
from rag_agent.schemas import AnswerOut, CitationOut, usage_of

router = APIRouter(prefix="/v1", tags=["openai"])
_LONGEST_WISHES = 4000
_STATUS = {"denied": 502, "busy": 503, "timeout": 504}


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    include_usage: bool = False


class CompletionBody(BaseModel):
    """The parts of a chat completion request that mean something here; others are ignored."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[Message] = Field(min_length=1, max_length=500)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None


class UnknownModelError(InputError):
    """The request names another model."""


@router.get("/models")
def models(work: Work) -> dict[str, Any]:
    """The one model that this application is."""
    model = {"id": work.settings.app_name, "object": "model", "created": 0, "owned_by": "rag-agent"}
    return {"object": "list", "data": [model]}


@router.post("/chat/completions")
def chat_completions(body: CompletionBody, who: Who, work: Work) -> Response:
    """Answer the last user message from the documents that the caller may read."""
    if body.model != work.settings.app_name:
        raise UnknownModelError(
            f"The model {body.model} does not exist; this is {work.settings.app_name}."
        )
    events = work.agent.ask(_question(body.messages, who))
    reply = _Reply(body.model)
    if not body.stream:
        answer = finished(events)
        if answer.status == "model_failed":
            return _failure(answer)
        return JSONResponse(reply.whole(answer))
    begun = _begun(events)
    if isinstance(begun[-1], Answer) and begun[-1].status == "model_failed":
        # Nothing has been sent yet, so the client gets a real error.
        return _failure(begun[-1])
    usage = bool(body.stream_options and body.stream_options.include_usage)
    return StreamingResponse(
        reply.chunks(chain(begun, events), with_usage=usage),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _question(messages: list[Message], who: Caller) -> Question:
    spoken = [message for message in messages if message.role in ("user", "assistant")]
    if not spoken or spoken[-1].role != "user":
        raise InputError("The last message must be the user's question.")
    wishes = "\n".join(m.text for m in messages if m.role in ("system", "developer"))
    turns: list[Turn] = []
    for message in spoken[:-1]:
        if message.role == "user":
            turns.append(Turn(message.text, ""))
        elif turns:
            turns[-1] = Turn(turns[-1].question, message.text)
    return Question(spoken[-1].text, who, history=tuple(turns), wishes=wishes[:_LONGEST_WISHES])


def _begun(events: Iterator[Event]) -> list[Event]:
    """The events up to and with the first that has text or ends the answer."""
    begun: list[Event] = []
    for event in events:
        begun.append(event)
        if isinstance(event, (Delta, Answer)):
            break
    return begun


def shown(answer: Answer) -> str:
    """The text of a reply that has no written answer: the reason, and the passages."""
    if not answer.passages:
        return answer.message
    quoted = [f"[{p.number}] {p.match.document.name}: {p.match.text}" for p in answer.passages]
    return "\n\n".join([answer.message, *quoted])


class _Reply:
    """One completion's envelope."""

    def __init__(self, model: str) -> None:
        self._same = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, answer: Answer) -> dict[str, Any]:
        message = {"role": "assistant", "content": answer.text or shown(answer), "refusal": None}
        used = usage_of(answer)
        return {
            **self._same,
            "object": "chat.completion",
            "choices": [
                {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
            ],
            "usage": used.model_dump() if used else None,
            "rag": _extension(answer),
        }

    def chunks(self, events: Iterator[Event], *, with_usage: bool) -> Iterator[str]:
        yield self._chunk({"role": "assistant", "content": ""})
        for event in events:
            if isinstance(event, Delta):
                yield self._chunk({"content": event.text})
            elif isinstance(event, Answer):
                yield from self._end(event, with_usage=with_usage)
        yield "data: [DONE]\n\n"

    def _end(self, answer: Answer, *, with_usage: bool) -> Iterator[str]:
        if answer.status == "model_failed":
            yield _sent({"error": _error(answer.message, "model_failed", answer.problem_kind)})
            return
        if not answer.text:
            yield self._chunk({"content": shown(answer)})
        yield self._chunk({}, finish="stop", rag=_extension(answer))
        if with_usage:
            used = usage_of(answer)
            yield _sent(
                {
                    **self._same,
                    "object": "chat.completion.chunk",
                    "choices": [],
                    "usage": used.model_dump() if used else None,
                }
            )

    def _chunk(self, delta: dict[str, str], finish: str | None = None, **more: object) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _sent({**self._same, "object": "chat.completion.chunk", "choices": [choice], **more})


def _extension(answer: Answer) -> dict[str, Any]:
    whole = AnswerOut.of(answer).model_dump()
    return {key: whole[key] for key in ("status", "message", "citations", "passages", "notes")}


def _failure(answer: Answer) -> JSONResponse:
    error = _error(answer.message, "model_failed", answer.problem_kind)
    passages = [CitationOut.of(passage).model_dump() for passage in answer.passages]
    return JSONResponse(
        {"error": error, "rag": {"passages": passages}},
        _STATUS.get(answer.problem_kind, 502),
        # The endpoint has been tried again already; clients need not do it once more.
        headers={"x-should-retry": "false"},
    )


def _error(message: str, kind: str, code: str) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": None, "code": code}


def _sent(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content)}\n\n"
