"""The pieces of HTML and Markdown that the page shows. All text in them comes from strangers."""

import re
from collections.abc import Sequence
from html import escape

from rag_agent.answering import Answer
from rag_agent.index import Document
from rag_agent.ingestion import FileProgress, Ingestion
from rag_agent.retrieval import Passage

_STATES = {
    "waiting": "waiting",
    "reading": "being read",
    "writing": "being indexed",
    "added": "added",
    "unchanged": "already there, unchanged",
    "failed": "not added",
}


def header(title: str) -> str:
    return f"<header id='top'><h1>{escape(title)}</h1></header>"


def status(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    return _panel("".join(f"<p class='note'>{escape(note)}</p>" for note in notes))


def _panel(content: str) -> str:
    """What changes while one looks at it; the page hides places that hold none."""
    return f"<div class='panel' role='status'>{content}</div>"


def searching() -> str:
    return _panel("<p class='quiet'>Looking through the documents…</p>")


def removed(name: str) -> str:
    return _panel(f"<p class='quiet'>{escape(name)} was removed.</p>")


def documents(found: Sequence[Document]) -> str:
    if not found:
        return "<h2>Documents</h2><p class='quiet'>None yet. Add some below.</p>"
    rows = "".join(
        f"<li><span class='name'>{escape(document.name)}</span> "
        f"<span class='quiet'>{document.chunks} passages{_readers(document)}</span></li>"
        for document in found
    )
    return f"<h2>Documents <span class='quiet'>({len(found)})</span></h2><ul>{rows}</ul>"


def _readers(document: Document) -> str:
    return "" if "everyone" in document.acl else f" · for {escape(', '.join(document.acl))}"


def progress(job: Ingestion) -> str:
    percent = round(job.share * 100)
    rows = "".join(_file(file) for file in job.files)
    done = "" if job.is_over else f"<progress max='100' value='{percent}'>{percent} %</progress>"
    return _panel(f"{done}<ul class='files'>{rows}</ul>")


def _file(file: FileProgress) -> str:
    share = f" {file.chunks_done} of {file.chunks} passages" if file.state == "writing" else ""
    problem = f" <span class='problem'>{escape(file.problem)}</span>" if file.problem else ""
    return (
        f"<li class='{file.state}'><span class='name'>{escape(file.name)}</span> "
        f"<span class='quiet'>{_STATES[file.state]}{share}</span>{problem}</li>"
    )


def passages(found: Sequence[Passage], cited: Sequence[Passage], notes: Sequence[str] = ()) -> str:
    """The passages, those that the answer cites first and marked."""
    if not found:
        return status(notes)
    numbers = {passage.number for passage in cited}
    ordered = sorted(found, key=lambda passage: (passage.number not in numbers, passage.number))
    items = "".join(_passage(passage, passage.number in numbers) for passage in ordered)
    return f"{status(notes)}<div class='panel'><h2>Passages</h2>{items}</div>"


def _passage(passage: Passage, is_cited: bool) -> str:
    match = passage.match
    places = [match.document.name, match.heading, f"page {match.page}" if match.page else ""]
    where = " · ".join(escape(place) for place in places if place)
    mark = "<span class='cited'>cited</span>" if is_cited else ""
    measure = f"{passage.coverage:.0%} of the words"
    if passage.similarity is not None:
        measure += f", similarity {passage.similarity:.2f}"
    return (
        f"<details class='passage'><summary><b>[{passage.number}]</b> {where} {mark}"
        f"<span class='quiet'>{measure}</span></summary>"
        f"<blockquote>{escape(match.text)}</blockquote></details>"
    )


def answer(finished: Answer) -> str:
    """The finished reply in the conversation: the text, or the reason why there is none."""
    if finished.status == "answered":
        return answer_text(finished.text)
    parts = [answer_text(finished.text), plain(finished.message)]
    for passage in finished.passages[:3]:
        match = passage.match
        start = " ".join(match.text.split())
        short = f"{start[:280].rsplit(' ', 1)[0]} …" if len(start) > 280 else start  # noqa: PLR2004
        parts.append(f"**[{passage.number}] {plain(match.document.name)}**: {plain(short)}")
    return "\n\n".join(part for part in parts if part)


def answer_text(text: str) -> str:
    """A model's Markdown, without images and links: neither may reach outside by itself."""
    without_tags = text.replace("<", "&lt;")
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", without_tags)


def plain(text: str) -> str:
    """Text whose marks mean nothing in Markdown."""
    return re.sub(
        r"([\\`*_{}\[\]()#+\-.!|>~$])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;")
    )
