"""What tests are made of: documents, settings and a scripted model."""

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from langchain_core.messages import BaseMessage

from rag_agent.errors import ModelError
from rag_agent.settings import Settings
from rag_agent.writing import Piece, Usage

HANDBOOK = """# Handbook

## Holidays

Every employee has thirty days of paid holiday a year. Unused holiday expires in March.

## Travel

Trains are booked in second class. A taxi is paid for when no train runs after midnight.
"""
SALARIES = "The salary of the managing director is nine hundred thousand crowns.\n"


def a_settings(folder: Path, **changes: Any) -> Settings:
    """Settings that depend on nothing outside, but for what is named."""
    given: dict[str, Any] = {"data_dir": folder, "qdrant_url": ":memory:", **changes}
    return Settings(_env_file=None, **given)


class ScriptedWriter:
    """A model that replies as it was told, in small pieces, and keeps what it was asked."""

    def __init__(self, *replies: str | ModelError) -> None:
        self._replies = list(replies)
        self.prompts: list[Sequence[BaseMessage]] = []

    def write(self, prompt: Sequence[BaseMessage]) -> Iterator[Piece]:
        self.prompts.append(prompt)
        reply = self._replies.pop(0)
        if isinstance(reply, ModelError):
            raise reply
        for start in range(0, len(reply), 3):
            yield Piece(reply[start : start + 3])
        yield Piece("", Usage(prompt=100, completion=len(reply)))

    @property
    def last_prompt(self) -> str:
        return "\n".join(str(message.content) for message in self.prompts[-1])


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Returns as soon as the condition holds, and fails when it never does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def add(
    client: TestClient,
    *files: tuple[str, bytes | str],
    acl: str = "everyone",
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Upload files and wait; returns the finished ingestion."""
    sent = [("files", (name, content)) for name, content in files]
    reply = client.post("/api/documents", files=sent, data={"acl": acl}, headers=headers)
    assert reply.status_code == 202, reply.text
    job: dict[str, Any] = reply.json()

    def is_done() -> bool:
        job.update(client.get(f"/api/ingestions/{job['ingestion_id']}", headers=headers).json())
        return bool(job["done"])

    wait_until(is_done)
    return job


def ask(
    client: TestClient, question: str, headers: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    reply = client.post("/api/ask", json={"question": question, **more}, headers=headers)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def a_pdf(*pages: str, title: str = "", stream: bytes | None = None) -> bytes:
    """A PDF with one text per page, written by hand (PDF 1.4, ISO 32000-1 section 7.5)."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        lines = "".join(f"({_escaped(line)}) Tj T* " for line in text.splitlines())
        drawn = stream or zlib.compress(f"BT /F1 11 Tf 14 TL 50 800 Td {lines}ET".encode("latin-1"))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font "
            b"<< /F1 3 0 R >> >> /Contents %d 0 R >>" % (5 + 2 * number)
        )
        head = b"<< /Length %d /Filter /FlateDecode >>" % len(drawn)
        objects.append(head + b"\nstream\n" + drawn + b"\nendstream")
    objects.append(f"<< /Title ({_escaped(title)}) >>".encode("latin-1"))
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    made, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R /Info %d 0 R >>" % (size, len(objects))
    return made + b"xref\n0 %d\n0000000000 65535 f \n%s%s\nstartxref\n%d\n%%%%EOF\n" % (
        size, table, trailer, len(made),
    )  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
