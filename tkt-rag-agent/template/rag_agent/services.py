"""The parts of the running application, made once from the settings."""

import logging
import threading

from rag_agent.answering import Agent
from rag_agent.embedding import embedder_of
from rag_agent.errors import IndexUnavailableError
from rag_agent.index import Index
from rag_agent.ingestion import Ingestions
from rag_agent.memory import Memory
from rag_agent.metrics import Metrics
from rag_agent.qdrant import open_collection
from rag_agent.settings import Settings
from rag_agent.tracing import Tracer, tracer_of
from rag_agent.writing import GatewayWriter, Writer

_RETRY_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Services:
    """What the API and the page work with. The index opens in the background, and is tried again
    until it does: Qdrant and the embedding model may start later than this application."""

    def __init__(
        self, settings: Settings, writer: Writer | None = None, tracer: Tracer | None = None
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.memory = Memory(settings.data_dir)
        self.tracer = tracer or tracer_of(settings)
        if writer is None and settings.model_is_configured:
            writer = GatewayWriter(settings)
        self.has_writer = writer is not None
        self.ingestions = Ingestions(self.index, settings, self.metrics)
        self.agent = Agent(
            settings,
            self.index,
            writer,
            self.memory,
            self.tracer,
            self.metrics,
            self.ingestions.files_waiting,
        )
        self._index: Index | None = None
        self._reason = "The index of documents is being opened."
        self._closing = threading.Event()
        self._opening = threading.Thread(target=self._open, name="open-index", daemon=True)

    def start(self) -> None:
        self._opening.start()

    def index(self) -> Index:
        """Raises IndexUnavailableError, with the reason, while it is not open."""
        if self._index is None:
            raise IndexUnavailableError(self._reason)
        return self._index

    def close(self) -> None:
        self._closing.set()
        self.ingestions.close()
        self._opening.join(timeout=_RETRY_SECONDS)
        if self._index:
            self._index.close()
        self.tracer.close()

    def _open(self) -> None:
        while not self._closing.is_set():
            try:
                embedder = embedder_of(self.settings)
                collection = open_collection(self.settings, embedder)
                self._index = Index(collection, embedder, self.settings.chunk_size)
            except IndexUnavailableError as error:
                if str(error) != self._reason:
                    _log.error("%s", error)
                self._reason = str(error)
                self._closing.wait(_RETRY_SECONDS)
            else:
                for note in self._index.notes:
                    _log.warning("%s", note)
                return
