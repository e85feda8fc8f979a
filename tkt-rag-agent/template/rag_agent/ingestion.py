"""Taking documents in: one job per upload, worked off in the background, file by file.

A file that cannot be read is listed with the reason and the others go on.
"""

import hashlib
import logging
import tempfile
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from rag_agent.chunking import chunks_of
from rag_agent.errors import AgentError, BusyError, InputError, MissingError, UnreadableError
from rag_agent.extraction import Limits
from rag_agent.identity import Caller
from rag_agent.index import Document, Index, document_id
from rag_agent.metrics import Metrics
from rag_agent.reading import read, safe_name
from rag_agent.settings import Settings

FileState = Literal["waiting", "reading", "writing", "added", "unchanged", "failed"]
_MOST_WAITING = 20
_MOST_KEPT = 500
_BLOCK = 2**20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileProgress:
    name: str
    state: FileState = "waiting"
    chunks: int = 0
    chunks_done: int = 0
    document_id: str = ""
    problem: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in ("added", "unchanged", "failed")


@dataclass(frozen=True)
class Ingestion:
    """How far an upload has come."""

    ingestion_id: str
    owner: str
    files: tuple[FileProgress, ...]

    @property
    def is_over(self) -> bool:
        return all(file.is_over for file in self.files)

    @property
    def share(self) -> float:
        """From 0 to 1."""
        done = sum(1 if f.is_over else f.chunks_done / max(f.chunks, 1) for f in self.files)
        return done / len(self.files)


@dataclass(frozen=True)
class _Kept:
    """An upload on disk, until it is in the index. `problem` says why it never will be."""

    name: str
    path: Path | None
    content_hash: str
    problem: str = ""


class Ingestions:
    """Accepts uploads and works them off, one after the other."""

    def __init__(self, index: Callable[[], Index], settings: Settings, metrics: Metrics) -> None:
        self._index = index
        self._settings = settings
        self._metrics = metrics
        self._limits = Limits(
            settings.max_pages, int(settings.max_text_mb * 2**20), settings.read_timeout_s
        )
        self._folder = tempfile.TemporaryDirectory(prefix="uploads-")
        self._jobs: OrderedDict[str, Ingestion] = OrderedDict()
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ingestion")

    def start(
        self, files: Iterable[tuple[str, BinaryIO]], acl: Iterable[str], caller: Caller
    ) -> Ingestion:
        """Take files over and begin. `acl` is a checked access list.

        Raises RefusedError, InputError (no files, or too many) and BusyError.
        """
        caller.require_write()
        given = list(files)
        if not given:
            raise InputError("No file was sent.")
        if len(given) > self._settings.max_files:
            raise InputError(f"At most {self._settings.max_files} files are taken at once.")
        with self._lock:
            if sum(not job.is_over for job in self._jobs.values()) >= _MOST_WAITING:
                raise BusyError("Many uploads are waiting; try again in a minute.")
            job_id = uuid.uuid4().hex
            names = tuple(FileProgress(Path(name).name[:200] or "?") for name, _ in given)
            self._jobs[job_id] = Ingestion(job_id, caller.user, names)
        kept = [self._keep(name, stream) for name, stream in given]
        self._forget_old()
        self._worker.submit(self._work, job_id, kept, tuple(acl), caller)
        return self._jobs[job_id]

    def get(self, ingestion_id: str, caller: Caller) -> Ingestion:
        """Raises MissingError when there is none, or it is another person's."""
        job = self._jobs.get(ingestion_id)
        if job is None or not (caller.is_admin or job.owner == caller.user):
            raise MissingError("There is no such ingestion; it may have ended before a restart.")
        return job

    def files_waiting(self, caller: Caller) -> int:
        """Return how many files of the caller's uploads are not in the index yet."""
        with self._lock:
            own = [job for job in self._jobs.values() if job.owner == caller.user]
        return sum(not file.is_over for job in own for file in job.files)

    def close(self) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._folder.cleanup()

    def _keep(self, name: str, stream: BinaryIO) -> _Kept:
        """Copy an upload to disk, since its stream ends with the request."""
        most = int(self._settings.max_file_mb * 2**20)
        digest = hashlib.sha256()
        path = Path(self._folder.name, uuid.uuid4().hex)
        try:
            safe = safe_name(name)
            with path.open("wb") as target:
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    if target.tell() + len(block) > most:
                        raise UnreadableError(
                            f"The file is larger than {self._settings.max_file_mb:g} MB."
                        )
                    target.write(block)
        except UnreadableError as error:
            path.unlink(missing_ok=True)
            return _Kept(name, None, "", str(error))
        return _Kept(safe, path, digest.hexdigest())

    def _work(self, job_id: str, kept: list[_Kept], acl: tuple[str, ...], caller: Caller) -> None:
        for number, file in enumerate(kept):
            try:
                self._take(job_id, number, file, acl, caller)
            except AgentError as error:
                self._update(job_id, number, state="failed", problem=str(error))
            except Exception:
                # A bug, or a file that a parser chokes on: the other files still go on.
                _log.exception("ingestion of a file failed")
                self._update(job_id, number, state="failed", problem="The file could not be read.")
            finally:
                if file.path:
                    file.path.unlink(missing_ok=True)
            self._metrics.files.labels(self._jobs[job_id].files[number].state).inc()

    def _take(
        self, job_id: str, number: int, file: _Kept, acl: tuple[str, ...], caller: Caller
    ) -> None:
        if file.path is None:
            raise UnreadableError(file.problem)
        self._update(job_id, number, name=file.name, state="reading")
        settings = self._settings
        reading = read(file.path, file.name, self._limits)
        chunks = chunks_of(reading, settings.chunk_size, settings.chunk_overlap)
        # Other chunking gives other passages, so it counts as other content.
        version = f"{file.content_hash}:{settings.chunk_size}:{settings.chunk_overlap}"
        document = Document(
            document_id=document_id(caller.user, file.name),
            name=file.name,
            title=reading.title,
            owner=caller.user,
            acl=acl,
            content_hash=hashlib.sha256(version.encode()).hexdigest(),
            chunks=len(chunks),
            ingested_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        index = self._index()
        self._update(job_id, number, document_id=document.document_id, chunks=len(chunks))
        if index.holds(document):
            self._update(job_id, number, state="unchanged", chunks_done=len(chunks))
            return
        self._update(job_id, number, state="writing")
        index.write(document, chunks, lambda done: self._update(job_id, number, chunks_done=done))
        self._metrics.chunks.inc(len(chunks))
        self._update(job_id, number, state="added")

    def _update(self, job_id: str, number: int, **changes: object) -> None:
        with self._lock:
            job = self._jobs[job_id]
            files = list(job.files)
            files[number] = replace(files[number], **changes)  # type: ignore[arg-type]  # by name
            self._jobs[job_id] = replace(job, files=tuple(files))

    def _forget_old(self) -> None:
        with self._lock:
            over = [job_id for job_id, job in self._jobs.items() if job.is_over]
            for job_id in over[: max(0, len(self._jobs) - _MOST_KEPT)]:
                del self._jobs[job_id]
