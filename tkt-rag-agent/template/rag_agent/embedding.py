"""Embeddings from the gateway or from a local model; none at all is a normal state."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from langchain_core.embeddings import Embeddings

from rag_agent.errors import IndexUnavailableError
from rag_agent.settings import Settings
from rag_agent.writing import openai_base


@dataclass(frozen=True)
class Embedder:
    """A source of vectors, and the name under which the collection remembers it."""

    name: str
    embeddings: Embeddings

    @cached_property
    def size(self) -> int:
        """The length of a vector, asked of the model once."""
        return len(self.embeddings.embed_query("size"))


def embedder_of(settings: Settings) -> Embedder | None:
    """What the settings name, or None. Raises IndexUnavailableError when it cannot be loaded."""
    if settings.embeddings_model_path:
        return _local(Path(settings.embeddings_model_path))
    if not (settings.embeddings_base_url and settings.embeddings_model):
        return None
    from langchain_openai import OpenAIEmbeddings

    return Embedder(
        f"gateway:{settings.embeddings_model}",
        OpenAIEmbeddings(
            model=settings.embeddings_model,
            openai_api_base=openai_base(settings.embeddings_base_url),
            openai_api_key=lambda: settings.embeddings_api_key.get_secret_value() or "none",
            # Counting tokens would download a vocabulary; passages are bounded by CHUNK_SIZE.
            check_embedding_ctx_length=False,
            request_timeout=settings.llm_timeout_s,
            max_retries=settings.llm_retries,
            chunk_size=32,
        ),
    )


class SentenceEmbeddings(Embeddings):
    """A sentence-transformers model from a folder; nothing is fetched."""

    def __init__(self, folder: Path) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise IndexUnavailableError(
                "EMBEDDINGS_MODEL_PATH is set, but sentence-transformers is not installed: "
                "pip install -r requirements-local-embeddings.txt"
            ) from error
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return [[float(value) for value in row] for row in rows]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def _local(folder: Path) -> Embedder:
    if not folder.is_dir():
        raise IndexUnavailableError(f"EMBEDDINGS_MODEL_PATH is {folder}, which is no folder.")
    return Embedder(f"local:{folder.name}", SentenceEmbeddings(folder))
