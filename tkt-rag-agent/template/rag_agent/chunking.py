"""From sections to passages: pieces of bounded size that overlap, cut at natural borders."""

from dataclasses import dataclass

from rag_agent.extraction import Reading

# Paragraphs first, then sentences, lines, clauses, words.
_BORDERS = ["\n\n", ". ", "? ", "! ", "\n", "。", "; ", ", ", " ", ""]


@dataclass(frozen=True)
class Chunk:
    """One passage. `position` counts from 0 through the document."""

    text: str
    position: int
    page: int | None
    heading: str


def chunks_of(reading: Reading, size: int, overlap: int) -> list[Chunk]:
    """Cut a document into passages of at most `size` characters, headings not counted."""
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=size, chunk_overlap=overlap, separators=_BORDERS, keep_separator="end"
    )
    made: list[Chunk] = []
    for section in reading.sections:
        for piece in splitter.split_text(section.text):
            if piece.strip():
                made.append(Chunk(piece.strip(), len(made), section.page, section.heading))
    return made
