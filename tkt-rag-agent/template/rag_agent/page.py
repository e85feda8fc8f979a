"""The chat page: add documents, ask, read the answer and the passages it rests on."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from rag_agent import panels
from rag_agent.answering import Answer, Delta, Found, Question, no_model
from rag_agent.errors import AgentError
from rag_agent.identity import Caller, caller_of, readers
from rag_agent.services import Services

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
import gradio as gr

_CSS = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_POLL_SECONDS = 0.25
_FORGET = (600, 3600)  # seconds: how often files left by the page are looked for, and their age
Messages = list[dict[str, Any]]


def mount_page(app: FastAPI, services: Services) -> FastAPI:
    """Put the page at / of the application."""
    fonts = ["system-ui", "sans-serif"]  # named, so that no font is fetched from elsewhere
    theme = gr.themes.Soft(font=fonts, font_mono=["ui-monospace", "monospace"])
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        _blocks(services),
        path="/",
        root_path=services.settings.root_path or None,
        max_file_size=int(services.settings.max_file_mb * 2**20),
        show_error=True,
        theme=theme,
        css=_CSS,
        footer_links=[],
        ssr_mode=False,
    )
    return mounted


def _blocks(services: Services) -> Any:
    page = _Page(services)
    title = services.settings.assistant_title
    with gr.Blocks(title=title, delete_cache=_FORGET, fill_width=True) as blocks:
        conversation = gr.State("")
        gr.HTML(panels.header(title))
        status = gr.HTML(elem_id="status")
        with gr.Row(elem_id="columns"):
            with gr.Column(scale=3, min_width=320):
                chat = gr.Chatbot(
                    elem_id="chat",
                    height="52vh",
                    show_label=False,
                    label="Conversation",
                    placeholder="Ask something about the documents.",
                    buttons=["copy"],
                    feedback_options=None,
                )
                with gr.Row(elem_id="asking"):
                    asked = gr.Textbox(
                        show_label=False,
                        label="Question",
                        placeholder="Your question",
                        elem_id="question",
                        scale=6,
                        min_width=160,
                        autofocus=True,
                        max_lines=6,
                    )
                    send = gr.Button("Ask", variant="primary", scale=1, min_width=80)
                new = gr.Button("New conversation", size="sm", variant="secondary")
                passages = gr.HTML(elem_id="passages")
            with gr.Column(scale=2, min_width=300, elem_id="documents"):
                listing = gr.HTML(elem_id="listing")
                upload = gr.File(
                    label="Add PDF, TXT, Markdown or HTML",
                    file_count="multiple",
                    elem_id="upload",
                    height=190,
                )
                acl = gr.Textbox(
                    label="Who may read them",
                    info="everyone, or user:NAME, group:NAME with commas between",
                    value="everyone",
                    visible=False,
                )
                progress = gr.HTML(elem_id="progress")
                with gr.Row(elem_id="removing"):
                    chosen = gr.Dropdown(
                        label="Remove a document", choices=[], value=None, scale=3, min_width=150
                    )
                    remove = gr.Button("Remove", size="sm", scale=1, min_width=90)

        documents = [status, listing, chosen]
        blocks.load(
            page.opened,
            None,
            [*documents, acl, upload],
            api_visibility="private",
            show_progress="hidden",
        )
        for event in (asked.submit, send.click):
            event(
                page.ask,
                [asked, chat, conversation],
                [asked, chat, conversation, passages],
                show_progress="hidden",  # the passages and the text itself are the progress
                api_visibility="private",
            )
        upload.upload(
            page.add,
            [upload, acl],
            [upload, progress],
            api_visibility="private",
            show_progress="hidden",
        ).then(page.documents, None, documents, api_visibility="private", show_progress="hidden")
        remove.click(page.remove, [chosen], [progress], api_visibility="private").then(
            page.documents, None, documents, api_visibility="private", show_progress="hidden"
        )
        for cleared in (new.click, chat.clear):
            cleared(
                lambda: ([], "", ""),
                None,
                [chat, conversation, passages],
                api_visibility="private",
                show_progress="hidden",
            )
    return blocks


class _Page:
    """What happens on the page. Each call works out anew who is asking."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def opened(self, request: gr.Request) -> tuple[Any, ...]:
        try:
            caller = self._caller(request)
        except AgentError as error:
            raise gr.Error(str(error)) from error
        return (
            *self.documents(request),
            gr.update(visible=bool(caller.user)),
            gr.update(visible=caller.may_write),
        )

    def documents(self, request: gr.Request) -> tuple[Any, ...]:
        """The state of things, the list of documents, and the choice of one to remove."""
        services = self._services
        notes = [] if services.has_writer else [no_model(services.settings)]
        try:
            index = services.index()
            found = index.documents(self._caller(request))
        except AgentError as error:
            return panels.status([str(error), *notes]), "", gr.update(choices=[], value=None)
        choices = [(document.name, document.document_id) for document in found]
        return (
            panels.status([*notes, *index.notes]),
            panels.documents(found),
            gr.update(choices=choices, value=None),
        )

    def ask(
        self, text: str, chat: Messages, conversation: str, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        if not text.strip():
            yield text, chat, conversation, gr.skip()
            return
        reply = {"role": "assistant", "content": "…"}
        chat = [*chat, {"role": "user", "content": panels.plain(text)}, reply]
        yield "", chat, conversation, panels.searching()
        written = ""
        try:
            question = Question(text, self._caller(request), conversation)
            for event in self._services.agent.ask(question):
                match event:
                    case Found():
                        conversation = event.conversation
                        panel = panels.passages(event.retrieval.passages, ())
                    case Delta():
                        written += event.text
                        reply = {"role": "assistant", "content": panels.answer_text(written)}
                    case Answer():
                        reply = {"role": "assistant", "content": panels.answer(event)}
                        panel = panels.passages(event.passages, event.citations, event.notes)
                yield "", [*chat[:-1], reply], conversation, panel
        except AgentError as error:
            reply = {"role": "assistant", "content": panels.plain(str(error))}
            yield text, [*chat[:-1], reply], conversation, ""

    def add(self, paths: list[str] | None, acl: str, request: gr.Request) -> Iterator[Any]:
        """Start an ingestion and follow it to its end."""
        given = [Path(path) for path in paths or []]
        opened = [(path.name, path.open("rb")) for path in given]
        try:
            caller = self._caller(request)
            job = self._services.ingestions.start(opened, readers(acl.split(","), caller), caller)
        except AgentError as error:
            yield gr.update(value=None), panels.status([str(error)])
            return
        finally:
            for _, stream in opened:
                stream.close()
            for path in given:
                path.unlink(missing_ok=True)  # the ingestion has a copy of its own
        while True:
            job = self._services.ingestions.get(job.ingestion_id, caller)
            yield gr.update(value=None), panels.progress(job)
            if job.is_over:
                return
            time.sleep(_POLL_SECONDS)

    def remove(self, document_id: str | None, request: gr.Request) -> str:
        if not document_id:
            return panels.status(["Choose the document to remove."])
        try:
            gone = self._services.index().remove(document_id, self._caller(request))
        except AgentError as error:
            return panels.status([str(error)])
        return panels.removed(gone.name)

    def _caller(self, request: gr.Request) -> Caller:
        assert request.request is not None  # Gradio fills it in for every call from a page
        return caller_of(request.request.headers, self._services.settings)
