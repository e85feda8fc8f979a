import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from rag_agent.chunking import chunks_of
from rag_agent.errors import UnreadableError
from rag_agent.extraction import Limits, Reading
from rag_agent.reading import read, safe_name
from tests.builders import HANDBOOK, a_pdf

LIMITS = Limits(pages=20, characters=100_000, seconds=5)


def reading_of(folder: Path, name: str, content: bytes | str, limits: Limits = LIMITS) -> Reading:
    path = folder / "upload"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, name, limits)


def test_a_pdf_is_read_by_page(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "a.PDF", a_pdf("First page", "Second page", title="Rules"))
    assert reading.title == "Rules"
    assert [(s.page, s.text.strip()) for s in reading.sections] == [
        (1, "First page"),
        (2, "Second page"),
    ]


def test_markdown_is_read_by_heading(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "a.md", HANDBOOK)
    assert reading.title == "Handbook"
    assert [section.heading for section in reading.sections] == ["Holidays", "Travel"]


def test_a_heading_inside_a_code_fence_is_code(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "a.md", "# One\n```\n# no heading\n```\ntext\n")
    assert [section.heading for section in reading.sections] == ["One"]


def test_html_loses_everything_that_is_not_text(tmp_path: Path) -> None:
    page = (
        "<html><head><title>Rules</title><style>p{}</style></head><body><script>steal()</script>"
        "<h2>Travel</h2><p>By <b>train</b>.</p><noscript>no</noscript></body></html>"
    )
    reading = reading_of(tmp_path, "a.html", page)
    assert reading.title == "Rules"
    assert [(s.heading, s.text.strip()) for s in reading.sections] == [("Travel", "By train.")]


def test_numbered_lines_of_plain_text_are_headings(tmp_path: Path) -> None:
    text = "THE RULES\n\nIntro here.\n\n  2. Basic Permissions.\n\nYou may.\n"
    reading = reading_of(tmp_path, "LICENSE-2.0", text)
    assert [section.heading for section in reading.sections] == [
        "THE RULES",
        "2. Basic Permissions.",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_understood_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    text = "Die Kündigungsfrist beträgt für Mieter drei Monate, für Vermieter länger. " * 5
    reading = reading_of(tmp_path, "a.txt", text.encode(encoding))
    assert "Kündigungsfrist beträgt" in reading.sections[0].text


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.exe", b"MZ", "not read"),
        ("a.txt", b"", "empty"),
        ("a.txt", b"  \n\n ", "no text"),
        ("a.txt", b"text\x00\x01\x02", "not text"),
        ("a.pdf", b"not a pdf at all", "damaged"),
        ("a.pdf", a_pdf("text")[:300], "damaged"),
        ("a.pdf", a_pdf(""), "scan"),
        ("a.pdf", a_pdf(*["page"] * 21), "more than 20 pages"),
        ("a.txt", b"word " * 30_000, "100,000 characters"),
        ("a.html", b"<div>" * 100_000 + b"x", "within 5|nested"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableError, match=reason):
        reading_of(tmp_path, name, content)


def test_an_encrypted_pdf_is_refused_with_the_reason(tmp_path: Path) -> None:
    plain = tmp_path / "plain.pdf"
    plain.write_bytes(a_pdf("secret"))
    writer = PdfWriter(clone_from=PdfReader(plain))
    writer.encrypt("password", algorithm="AES-256")
    locked = tmp_path / "locked.pdf"
    writer.write(locked)
    with pytest.raises(UnreadableError, match="password"):
        read(locked, "locked.pdf", LIMITS)


def test_a_pdf_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    packer = zlib.compressobj(9)
    zeros = b" " * 2**20
    bomb = b"".join(packer.compress(zeros) for _ in range(1500)) + packer.flush()
    assert len(bomb) < 2 * 2**20
    with pytest.raises(UnreadableError):
        reading_of(tmp_path, "bomb.pdf", a_pdf("x", stream=bomb))


def test_a_pdf_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"within 0.01 seconds"):
        reading_of(tmp_path, "a.pdf", a_pdf("text"), Limits(20, 1000, 0.01))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\docs\\a.txt", "a.txt"), ("a\x00\n b.txt", "a b.txt")],
)
def test_names_lose_folders_and_control_characters(sent: str, kept: str) -> None:
    assert safe_name(sent) == kept


@pytest.mark.parametrize("name", ["", "..", "/", "x" * 300 + ".txt"])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(UnreadableError):
        safe_name(name)


def test_passages_overlap_and_stay_within_their_size(tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {n} says something." for n in range(200))
    chunks = chunks_of(reading_of(tmp_path, "a.txt", text), size=400, overlap=100)
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    assert all(len(chunk.text) <= 400 for chunk in chunks)
    for before, after in pairwise(chunks):
        assert after.text[:20] in before.text


def test_no_word_of_a_document_is_lost(tmp_path: Path) -> None:
    chunks = chunks_of(reading_of(tmp_path, "a.md", HANDBOOK), size=100, overlap=20)
    kept = {word for chunk in chunks for word in f"{chunk.heading} {chunk.text}".split()}
    assert set(HANDBOOK.replace("#", "").split()) - {"Handbook"} <= kept


def test_passages_end_at_sentences_where_they_can(tmp_path: Path) -> None:
    text = "A first sentence of words. A second sentence of words. " * 30
    chunks = chunks_of(reading_of(tmp_path, "a.txt", text), size=300, overlap=0)
    assert all(chunk.text.endswith(".") for chunk in chunks)
