"""The index: passages with their metadata and readers, in one Qdrant collection.

Every passage has a sparse vector (words) and, where embeddings are configured, a dense one. Who may
read is part of every query, so a passage that the caller may not see never leaves Qdrant.
"""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from langchain_core.documents import Document as Text
from langchain_qdrant import QdrantVectorStore, RetrievalMode
from qdrant_client import models

from rag_agent.chunking import Chunk
from rag_agent.embedding import Embedder
from rag_agent.errors import MissingError, RefusedError
from rag_agent.identity import Caller
from rag_agent.qdrant import MEANING, WORDS, Collection
from rag_agent.settings import Language
from rag_agent.words import Bm25

_BATCH = 32
_PAGE = 256
_CHARACTERS_PER_TOKEN = 10  # of the tokens that words.py keeps; measured on English licences
_NAMESPACE = uuid.UUID("6f3c2a52-6f0e-4c0a-9d64-0e6d3f1c9b11")


@dataclass(frozen=True)
class Document:
    """One document as the index knows it. `chunks` is how many passages it was cut into."""

    document_id: str
    name: str
    title: str
    owner: str
    acl: tuple[str, ...]
    content_hash: str
    chunks: int
    ingested_at: str


@dataclass(frozen=True)
class Match:
    """A passage with the score that one kind of search gave it."""

    passage_id: str
    text: str
    document: Document
    position: int
    page: int | None
    heading: str
    score: float


def document_id(owner: str, name: str) -> str:
    """The same for every version of one person's file: that is how a new version replaces it."""
    return str(uuid.uuid5(_NAMESPACE, f"{owner}\0{name}"))


class Index:
    """The passages of one collection. All methods raise IndexUnavailableError when Qdrant fails."""

    def __init__(self, collection: Collection, embedder: Embedder | None, chunk_size: int) -> None:
        self._collection = collection
        self._writing = threading.Lock()
        words = Bm25(collection.language, typical_length=chunk_size / _CHARACTERS_PER_TOKEN)
        # A collection made with other embeddings is searched by words alone.
        embedder = embedder if embedder and embedder.name == collection.embedding else None
        self.searches_meaning = embedder is not None
        self._by_words = self._store(RetrievalMode.SPARSE, words, None)
        self._by_meaning = None
        self._both = self._by_words
        if embedder:
            self._by_meaning = self._store(RetrievalMode.DENSE, None, embedder)
            self._both = self._store(RetrievalMode.HYBRID, words, embedder)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the state of the index."""
        return self._collection.notes

    @property
    def language(self) -> Language:
        return self._collection.language

    def close(self) -> None:
        self._collection.client.close()

    def check(self) -> None:
        """Raise IndexUnavailableError when Qdrant does not answer."""
        with self._collection.calls() as client:
            client.get_collection(self._collection.name)

    def search_words(self, question: str, caller: Caller, limit: int) -> list[Match]:
        return self._search(self._by_words, question, caller, limit)

    def search_meaning(self, question: str, caller: Caller, limit: int) -> list[Match]:
        """Passages near in meaning; none when no embeddings are configured."""
        if self._by_meaning is None:
            return []
        return self._search(self._by_meaning, question, caller, limit)

    def documents(self, caller: Caller) -> list[Document]:
        """Every document that the caller may read, by name."""
        first = _field("metadata.position", models.MatchValue(value=0))
        found = {
            document.document_id: document
            for document in (_document(payload) for payload in self._scroll(_seen(caller, first)))
        }
        return sorted(found.values(), key=lambda document: (document.name.lower(), document.owner))

    def holds(self, document: Document) -> bool:
        """True when exactly this content, with these readers, is completely stored."""
        same = (
            _field("metadata.document_id", models.MatchValue(value=document.document_id)),
            _field("metadata.content_hash", models.MatchValue(value=document.content_hash)),
        )
        stored = [_document(payload) for payload in self._scroll(models.Filter(must=list(same)))]
        return len(stored) == document.chunks and all(one.acl == document.acl for one in stored)

    def write(
        self, document: Document, chunks: Sequence[Chunk], progress: Callable[[int], None]
    ) -> None:
        """Store a document in place of its earlier version; safe to repeat after a failure.

        The new passages are written first and the earlier ones removed last, so that a reader
        finds the document at every moment. `progress` hears how many passages are stored.
        """
        # Cut from the same text with the same settings, a passage keeps its id: no doubles.
        ids = [
            str(
                uuid.uuid5(_NAMESPACE, f"{document.document_id}{document.content_hash}{c.position}")
            )
            for c in chunks
        ]
        with self._writing:
            for start in range(0, len(chunks), _BATCH):
                part = chunks[start : start + _BATCH]
                with self._collection.calls():
                    self._both.add_texts(
                        [_searched(document, chunk) for chunk in part],
                        [_metadata(document, chunk) for chunk in part],
                        ids[start : start + _BATCH],
                    )
                progress(start + len(part))
            mine = _field("metadata.document_id", models.MatchValue(value=document.document_id))
            keep = models.HasIdCondition(has_id=list(ids))
            self._delete(models.Filter(must=[mine], must_not=[keep]))

    def remove(self, document_id: str, caller: Caller) -> Document:
        """Remove a document. Only its owner or an admin may.

        Raises MissingError also when the caller may not read it: its existence is no one else's
        business.
        """
        caller.require_write()
        wanted = _field("metadata.document_id", models.MatchValue(value=document_id))
        found = next(self._scroll(_seen(caller, wanted)), None)
        if found is None:
            raise MissingError("There is no such document.")
        document = _document(found)
        if not caller.is_admin and document.owner != caller.user:
            raise RefusedError(f"Only its owner or an administrator removes {document.name}.")
        with self._writing:
            self._delete(models.Filter(must=[wanted]))
        return document

    def _store(
        self, mode: RetrievalMode, words: Bm25 | None, embedder: Embedder | None
    ) -> QdrantVectorStore:
        return QdrantVectorStore(
            self._collection.client,
            self._collection.name,
            embedding=embedder.embeddings if embedder else None,
            retrieval_mode=mode,
            vector_name=MEANING,
            sparse_embedding=words,
            sparse_vector_name=WORDS,
            validate_embeddings=False,
            validate_collection_config=False,  # qdrant.py has checked it, and explains better
        )

    def _search(
        self, store: QdrantVectorStore, question: str, caller: Caller, limit: int
    ) -> list[Match]:
        with self._collection.calls():
            found = store.similarity_search_with_score(question, k=limit, filter=_seen(caller))
        return [_match(text, score) for text, score in found]

    def _scroll(self, chosen: models.Filter) -> Iterator[dict[str, object]]:
        offset = None
        while True:
            with self._collection.calls() as client:
                points, offset = client.scroll(
                    self._collection.name, chosen, limit=_PAGE, offset=offset
                )
            yield from (point.payload["metadata"] for point in points if point.payload)
            if offset is None:
                return

    def _delete(self, chosen: models.Filter) -> None:
        with self._collection.calls() as client:
            client.delete(self._collection.name, models.FilterSelector(filter=chosen))


def _seen(caller: Caller, *others: models.FieldCondition) -> models.Filter:
    """The filter that every question of a caller carries."""
    readable = _field("metadata.acl", models.MatchAny(any=caller.principals))
    return models.Filter(must=[readable, *others])


def _field(key: str, match: models.Match) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=match)


def _searched(document: Document, chunk: Chunk) -> str:
    """What is indexed: a passage is also about what its document and its section are about."""
    return "\n".join(part for part in (document.title, chunk.heading, chunk.text) if part)


def _metadata(document: Document, chunk: Chunk) -> dict[str, object]:
    place = {"position": chunk.position, "page": chunk.page, "heading": chunk.heading}
    return {**asdict(document), "acl": list(document.acl), **place, "text": chunk.text}


def _document(metadata: dict[str, object]) -> Document:
    values = {name: metadata[name] for name in Document.__dataclass_fields__}
    return Document(**{**values, "acl": tuple(metadata["acl"])})  # type: ignore[arg-type]  # ours


def _match(text: Text, score: float) -> Match:
    metadata = text.metadata
    return Match(
        passage_id=str(metadata["_id"]),
        text=str(metadata["text"]),
        document=_document(metadata),
        position=metadata["position"],
        page=metadata["page"],
        heading=metadata["heading"],
        score=float(score),
    )
