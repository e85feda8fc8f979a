"""PDF and HTML, read in a child process: a hostile file can use up its own limits and nothing else.

Run as `python -m rag_agent.extraction pdf|html FILE PAGES CHARACTERS` this module is that child; it
prints JSON.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rag_agent.errors import UnreadableError

_MEMORY = 640 * 2**20  # bytes of address space for the child
_HEADING = "\x00"
_HEADING_END = "\x01"
_REASONS = {
    "encrypted": "The PDF is protected by a password; save it without one.",
    "pages": "The PDF has more than {limits.pages:,} pages.",
    "characters": "The file holds more than {limits.characters:,} characters of text.",
    "damaged": "The PDF is damaged and cannot be read.",
    "nested": "The HTML is nested too deeply.",
}


@dataclass(frozen=True)
class Limits:
    """What one file may cost: pages, characters of text, seconds."""

    pages: int
    characters: int
    seconds: float


@dataclass(frozen=True)
class Section:
    text: str
    page: int | None = None  # counted from 1
    heading: str = ""


@dataclass(frozen=True)
class Reading:
    title: str
    sections: tuple[Section, ...]


def extract(kind: Literal["pdf", "html"], path: Path, limits: Limits) -> Reading:
    """The text of the file. Raises UnreadableError, with the reason, when there is none."""
    command = [sys.executable, "-m", "rag_agent.extraction", kind, str(path.resolve())]
    command += [str(limits.pages), str(limits.characters)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, on a path of our own
            command,
            cwd=Path(__file__).parents[1],
            capture_output=True,
            timeout=limits.seconds,
            check=False,
            env={"PYTHONIOENCODING": "utf-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableError(
            f"The file could not be read within {limits.seconds:g} seconds."
        ) from error
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise UnreadableError("The file needs more memory than one file may use.") from None
    if reason := answer.get("reason"):
        raise UnreadableError(_REASONS[reason].format(limits=limits))
    return Reading(answer["title"], tuple(Section(*section) for section in answer["sections"]))


class _StopError(Exception):
    """Ends the child's work; its text is a key of _REASONS."""


def _read_pdf(path: str, most_pages: int, most_characters: int) -> dict[str, Any]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        # Many PDFs are encrypted with an empty password, and open with it.
        if reader.is_encrypted and not reader.decrypt(""):
            raise _StopError("encrypted")
        if len(reader.pages) > most_pages:
            raise _StopError("pages")
        sections: list[tuple[str, int, str]] = []
        for number, page in enumerate(reader.pages, start=1):
            sections.append((page.extract_text(), number, ""))
            _count((text for text, _, _ in sections), most_characters)
        title = reader.metadata.title if reader.metadata else ""
    except (
        PyPdfError,
        # The parser trusts the structure of the file in places; a broken one ends up here.
        ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError,
    ) as error:  # fmt: skip
        raise _StopError("damaged") from error
    return {"title": str(title or ""), "sections": sections}


def _read_html(path: str, _: int, most_characters: int) -> dict[str, Any]:
    from bs4 import BeautifulSoup

    try:
        page = BeautifulSoup(Path(path).read_bytes(), "html.parser")
        title = page.title.get_text(" ", strip=True) if page.title else ""
        for element in page(["script", "style", "noscript", "template", "svg", "head", "iframe"]):
            element.decompose()
        for element in page(["h1", "h2", "h3", "h4", "h5", "h6"]):
            heading = " ".join(element.get_text(" ").split())
            element.replace_with(f"\n{_HEADING}{heading}{_HEADING_END}\n")
        for element in page(["p", "div", "li", "tr", "br", "pre", "section", "blockquote"]):
            element.insert_after("\n\n" if element.name in {"p", "pre", "section"} else "\n")
        first, *others = page.get_text("").split(_HEADING)
    except RecursionError as error:
        raise _StopError("nested") from error
    sections = [(first, None, "")]
    for part in others:
        heading, _end, body = part.partition(_HEADING_END)
        sections.append((body, None, heading))
    _count((text for text, _, _ in sections), most_characters)
    return {"title": title, "sections": sections}


def _count(texts: Any, most: int) -> None:
    if sum(map(len, texts)) > most:
        raise _StopError("characters")


def _main() -> None:
    import logging
    import resource
    import warnings

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()
    warnings.simplefilter("ignore")
    kind, path, pages, characters = sys.argv[1:]
    reader = {"pdf": _read_pdf, "html": _read_html}[kind]
    try:
        answer = reader(path, int(pages), int(characters))
    except _StopError as stop:
        answer = {"reason": str(stop)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
