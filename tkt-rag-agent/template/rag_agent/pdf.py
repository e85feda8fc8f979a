"""PDFs, read in a child process: a hostile one can use up its own limits and nothing else.

Run as `python -m rag_agent.pdf FILE PAGES CHARACTERS` this module is that child; it prints JSON.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rag_agent.errors import UnreadableError

_MEMORY = 2**30  # bytes of address space for the child
_CODES = {
    "encrypted": "The PDF is protected by a password; save it without one.",
    "pages": "The PDF has more than {limits.pages:,} pages.",
    "characters": "The PDF holds more than {limits.characters:,} characters of text.",
    "damaged": "The PDF is damaged and cannot be read.",
}


@dataclass(frozen=True)
class Limits:
    """What one file may cost: pages, characters of text, seconds."""

    pages: int
    characters: int
    seconds: float


@dataclass(frozen=True)
class PdfText:
    title: str
    pages: tuple[str, ...]


def read_pdf(path: Path, limits: Limits) -> PdfText:
    """The text of every page. Raises UnreadableError, with the reason, when there is none."""
    command = [sys.executable, "-m", "rag_agent.pdf", str(path.resolve())]
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
            f"The PDF could not be read within {limits.seconds:g} seconds."
        ) from error
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise UnreadableError("The PDF needs more memory than one file may use.") from None
    if code := answer.get("problem"):
        raise UnreadableError(_CODES[code].format(limits=limits))
    return PdfText(answer["title"], tuple(answer["pages"]))


def _extract(path: str, most_pages: int, most_characters: int) -> dict[str, object]:
    from pypdf import PdfReader  # noqa: PLC0415 - only the child needs it
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        reader = PdfReader(path)
        # Many PDFs are encrypted with an empty password, and open with it.
        if reader.is_encrypted and not reader.decrypt(""):
            return {"problem": "encrypted"}
        if len(reader.pages) > most_pages:
            return {"problem": "pages"}
        pages: list[str] = []
        for page in reader.pages:
            pages.append(page.extract_text())
            if sum(map(len, pages)) > most_characters:
                return {"problem": "characters"}
        title = reader.metadata.title if reader.metadata else ""
    except PyPdfError:
        return {"problem": "damaged"}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError):
        # The parser trusts the structure of the file in places; a broken one ends up here.
        return {"problem": "damaged"}
    return {"title": str(title or ""), "pages": pages}


def _main() -> None:
    import logging  # noqa: PLC0415 - only the child needs these two
    import resource  # noqa: PLC0415

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()
    path, pages, characters = sys.argv[1:]
    answer = _extract(path, int(pages), int(characters))
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
