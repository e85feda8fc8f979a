"""Opening the Qdrant collection, embedded or on a server, and noticing when it does not fit."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from qdrant_client import QdrantClient, models

from rag_agent.embedding import Embedder
from rag_agent.errors import IndexUnavailableError
from rag_agent.settings import Language, Settings

WORDS = "words"
MEANING = "meaning"
_TIMEOUT = 10  # seconds for one call to a server


@dataclass(frozen=True)
class Collection:
    """An open collection. Use `calls` around everything that talks to Qdrant."""

    client: QdrantClient
    name: str
    language: Language
    embedding: str
    notes: tuple[str, ...]
    lock: AbstractContextManager[object]

    @contextmanager
    def calls(self) -> Iterator[QdrantClient]:
        """The client, for one use at a time where that is needed.

        Whatever the client raises becomes IndexUnavailableError.
        """
        with self.lock, explained("The index of documents did not answer"):
            yield self.client


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn whatever a client library raises into IndexUnavailableError, in one sentence."""
    try:
        yield
    except IndexUnavailableError:
        raise
    except Exception as error:
        # httpx, grpc, pydantic and OS errors all come out of the client.
        raise IndexUnavailableError(f"{what} ({type(error).__name__}: {error})"[:400]) from error


def open_collection(settings: Settings, embedder: Embedder | None) -> Collection:
    """Connect, make the collection if there is none, and compare it with the settings.

    A collection made with other embeddings is still searched by words, and says so in `notes`.
    Raises IndexUnavailableError when Qdrant cannot be reached or the collection is not ours.
    """
    with explained(f"Qdrant ({settings.qdrant_url or 'embedded'}) cannot be opened"):
        client = _connect(settings)
        try:
            return _open(client, settings, embedder)
        except Exception:
            client.close()
            raise


def _connect(settings: Settings) -> QdrantClient:
    if settings.qdrant_url == ":memory:":
        return QdrantClient(":memory:")
    if settings.qdrant_url:
        return QdrantClient(
            url=settings.qdrant_url,
            api_key=settings.qdrant_api_key.get_secret_value() or None,
            timeout=_TIMEOUT,
            check_compatibility=False,  # it warns on stderr; a real misfit shows at the first call
        )
    folder = Path(settings.data_dir, "qdrant")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Calls come from several threads, one at a time (Collection.lock).
        return QdrantClient(path=str(folder), force_disable_check_same_thread=True)
    except RuntimeError as error:
        raise IndexUnavailableError(
            f"Another process uses the embedded index in {folder}. Stop it, or set QDRANT_URL."
        ) from error


def _open(client: QdrantClient, settings: Settings, embedder: Embedder | None) -> Collection:
    on_server = settings.qdrant_url not in ("", ":memory:")
    name = settings.collection
    if not client.collection_exists(name):
        _create(client, settings, embedder, index_fields=on_server)
    made = client.get_collection(name).config.metadata or {}
    language = made.get("language")
    if language not in get_args(Language):
        raise IndexUnavailableError(
            f"The collection {name} was not made by this application (or Qdrant is older than "
            "1.16). Set COLLECTION to another name."
        )
    return Collection(
        client,
        name,
        cast("Language", language),
        str(made.get("embedding", "")),
        tuple(_differences(made, settings, embedder)),
        nullcontext() if on_server else threading.RLock(),
    )


def _create(
    client: QdrantClient, settings: Settings, embedder: Embedder | None, *, index_fields: bool
) -> None:
    dense = {}
    if embedder:
        with explained(f"The embedding model {embedder.name} did not answer"):
            size = embedder.size
        dense[MEANING] = models.VectorParams(size=size, distance=models.Distance.COSINE)
    client.create_collection(
        settings.collection,
        vectors_config=dense,
        sparse_vectors_config={WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        metadata={
            "made_by": "rag-agent",
            "language": settings.document_language,
            "embedding": embedder.name if embedder else "",
        },
    )
    if index_fields:
        for field in ("acl", "document_id", "content_hash"):
            client.create_payload_index(
                settings.collection, f"metadata.{field}", models.PayloadSchemaType.KEYWORD
            )
        client.create_payload_index(
            settings.collection, "metadata.position", models.PayloadSchemaType.INTEGER
        )


def _differences(
    made: dict[str, object], settings: Settings, embedder: Embedder | None
) -> Iterator[str]:
    stored, wanted = made.get("embedding") or "", embedder.name if embedder else ""
    mend = "To use the new setting, set COLLECTION to a new name and add the documents again."
    if stored != wanted:
        yield (
            f"The collection {settings.collection} was made with {stored or 'no embeddings'}, and "
            f"the settings name {wanted or 'no embeddings'}: documents are found by words only. "
            + mend
        )
    if made["language"] != settings.document_language:
        yield (
            f"The collection {settings.collection} was made for {made['language']}, which stays in "
            f"use although the settings say {settings.document_language}. " + mend
        )
