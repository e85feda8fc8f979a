"""Figures for Prometheus, in a registry of this application's own."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_SHARES = tuple(step / 10 for step in range(1, 11))


class Metrics:
    """Every figure this application keeps."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "rag_requests", "Requests by route.", ["method", "route", "status"],
            registry=self._registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "rag_request_seconds", "Seconds until the last byte, by route.", ["route"],
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.answers = Counter(
            "rag_answers", "Answers by how they ended.", ["status"], registry=self._registry
        )
        self.first_word_seconds = Histogram(
            "rag_first_word_seconds", "Seconds until the model's first word.",
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.retrieval_seconds = Histogram(
            "rag_retrieval_seconds", "Seconds that finding passages took.",
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.best_coverage = Histogram(
            "rag_retrieval_coverage", "Share of the question's words in the best passage.",
            buckets=_SHARES, registry=self._registry,
        )  # fmt: skip
        self.best_similarity = Histogram(
            "rag_retrieval_similarity", "Cosine similarity of the best passage.",
            buckets=_SHARES, registry=self._registry,
        )  # fmt: skip
        self.model_errors = Counter(
            "rag_model_errors", "Failures of the model endpoint.", ["kind"],
            registry=self._registry,
        )  # fmt: skip
        self.tokens = Counter(
            "rag_model_tokens", "Tokens as the endpoint counts them.", ["kind"],
            registry=self._registry,
        )  # fmt: skip
        self.files = Counter(
            "rag_ingested_files", "Files by outcome.", ["state"], registry=self._registry
        )
        self.chunks = Counter(
            "rag_ingested_chunks", "Passages written to the index.", registry=self._registry
        )

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)
