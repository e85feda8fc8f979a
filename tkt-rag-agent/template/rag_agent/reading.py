"""From a file's bytes to its text, in sections that know their page or heading.

Files come from strangers. PDF and HTML are read in a child process with limits, and whatever
cannot be read raises UnreadableError with the reason.
"""

import re
import unicodedata
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from rag_agent.errors import UnreadableError
from rag_agent.extraction import Limits, Reading, Section, extract

MARKDOWN = frozenset({".md", ".markdown"})
HTML = frozenset({".html", ".htm", ".xhtml"})
TEXT = frozenset({".txt", ".text", ""})
SUFFIXES = MARKDOWN | HTML | TEXT | {".pdf"}
# Encodings that are guessed apart with certainty. The other one-byte code pages of Latin scripts
# are not among them: guessing between those spoils more accents than it saves.
_OLDER_ENCODINGS = ["cp1252", "cp1251", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]
_LONGEST_NAME = 200
_LONGEST_HEADING = 100


def safe_name(name: str) -> str:
    """The bare name of a file that somebody sent: no folders, no control characters.

    Raises UnreadableError when nothing is left of it.
    """
    bare = PureWindowsPath(PurePosixPath(name).name).name
    shown = "".join(c for c in unicodedata.normalize("NFC", bare) if c.isprintable()).strip()
    if not shown.strip(". "):
        raise UnreadableError("The file has no usable name.")
    if len(shown) > _LONGEST_NAME:
        raise UnreadableError(f"The file's name is longer than {_LONGEST_NAME} characters.")
    return shown


def read(path: Path, name: str, limits: Limits) -> Reading:
    """Read the file at `path`, which its sender called `name`.

    Raises UnreadableError when the type is not taken, the file is damaged, encrypted, empty or
    over a limit.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix[1:].isdigit():
        suffix = ""  # LICENSE-2.0 is text, and 0 no type
    if suffix not in SUFFIXES:
        raise UnreadableError(f"{suffix} files are not read; send PDF, TXT, Markdown or HTML.")
    if path.stat().st_size == 0:
        raise UnreadableError("The file is empty.")
    reading = _read_as(suffix, path, limits)
    kept = tuple(section for section in reading.sections if section.text.strip())
    if not kept:
        hint = " Is it a scan without recognised text?" if suffix == ".pdf" else ""
        raise UnreadableError(f"There is no text in the file.{hint}")
    if sum(len(section.text) for section in kept) > limits.characters:
        raise UnreadableError(f"The file holds more than {limits.characters:,} characters of text.")
    return Reading(reading.title.strip() or PurePosixPath(name).stem, kept)


def _read_as(suffix: str, path: Path, limits: Limits) -> Reading:
    if suffix == ".pdf" or suffix in HTML:
        found = extract("pdf" if suffix == ".pdf" else "html", path, limits)
        tidied = (replace(part, text=_tidy(part.text)) for part in found.sections)
        return Reading(found.title, tuple(tidied))
    text = _decode(path.read_bytes())
    return _read_markdown(text) if suffix in MARKDOWN else _read_text(text)


def _decode(raw: bytes) -> str:
    """Text in UTF-8 or UTF-16 by its mark, else UTF-8, else the likeliest older encoding."""
    marks = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
    encoding = next((name for mark, name in marks.items() if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = _guess(raw)
    if "\x00" in text:
        raise UnreadableError("The file is not text (it holds zero bytes).")
    return _tidy(text)


def _guess(raw: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(raw[:200_000], cp_isolation=_OLDER_ENCODINGS).best()
    if best is None or b"\x00" in raw:
        raise UnreadableError("The file is not text in any known encoding; save it as UTF-8.")
    return raw.decode(best.encoding, errors="replace")


def _tidy(text: str) -> str:
    """One kind of line end, no control characters, no lone surrogates."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    clean = "".join(c for c in lines if c in "\n\t" or not unicodedata.category(c).startswith("C"))
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", clean))


def _read_text(text: str) -> Reading:
    """Plain text: a short line that stands alone, numbered or in capitals, is a heading."""
    sections: list[Section] = []
    heading, body = "", [""]
    for paragraph in re.split(r"\n\s*\n", text):
        if _is_heading(paragraph):
            sections.append(Section("\n\n".join(body), heading=heading))
            heading, body = paragraph.strip(), []
        else:
            body.append(paragraph)
    sections.append(Section("\n\n".join(body), heading=heading))
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return Reading(first if len(first) <= _LONGEST_HEADING else "", tuple(sections))


def _is_heading(paragraph: str) -> bool:
    line = paragraph.strip()
    if "\n" in line or not 0 < len(line) <= _LONGEST_HEADING or not re.search(r"[^\W\d_]", line):
        return False
    numbered = re.match(r"(section |article |§ ?)?\d+(\.\d+)*[.)]?\s+\S", line, re.IGNORECASE)
    return bool(numbered) or (line.isupper() and len(line.split()) > 1)


def _read_markdown(text: str) -> Reading:
    """Headings with number signs start sections; those inside code fences do not."""
    sections: list[Section] = []
    heading, title, fence, body = "", "", "", list[str]()
    for line in text.splitlines():
        if mark := re.match(r"\s*(```|~~~)", line):
            fence = "" if fence == mark[1] else fence or mark[1]
        found = None if fence else re.match(r"(#{1,6})\s+(.*?)\s*#*$", line)
        if found is None:
            body.append(line)
            continue
        sections.append(Section("\n".join(body), heading=heading))
        heading, body = found[2], []
        title = title or (heading if len(found[1]) == 1 else "")
    sections.append(Section("\n".join(body), heading=heading))
    return Reading(title, tuple(sections))
