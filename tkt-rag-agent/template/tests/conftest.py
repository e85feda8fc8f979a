"""Applications with an index in memory and no network."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag_agent.application import create_app
from rag_agent.errors import ModelError
from rag_agent.services import Services
from rag_agent.settings import Settings
from tests.builders import ScriptedWriter, a_settings, wait_until


class Start:
    """Starts an application and waits until it is ready. Replies make up its scripted model."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    def __call__(
        self, *replies: str | ModelError, writer: ScriptedWriter | None = None, **changes: Any
    ) -> TestClient:
        script = writer or (ScriptedWriter(*replies) if replies else None)
        services = Services(a_settings(self.folder, **changes), script)
        client = self._stack.enter_context(TestClient(create_app(services)))
        wait_until(lambda: client.get("/ready").status_code == 200)
        return client

    def stop(self) -> None:
        """End what was started, as at the end of a process."""
        self._stack.close()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield Start(tmp_path, stack)
