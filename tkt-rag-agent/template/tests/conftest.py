"""One application per test, with an index in memory and no network."""

from collections.abc import Callable, Iterator
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

Start = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an application and waits until it is ready. Replies make up its scripted model."""
    with ExitStack() as stack:

        def started(
            *replies: str | ModelError, writer: ScriptedWriter | None = None, **changes: Any
        ) -> TestClient:
            script = writer or (ScriptedWriter(*replies) if replies else None)
            services = Services(a_settings(tmp_path, **changes), script)
            client = stack.enter_context(TestClient(create_app(services)))
            wait_until(lambda: client.get("/ready").status_code == 200)
            return client

        yield started
