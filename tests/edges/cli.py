"""The command line on a platform in memory, as a person or a program runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from tests.edges.asgi import AppTransport
from tests.edges.platform import BASE, Scene
from thinkube_catalog.api.documents import Documents
from thinkube_catalog.cli.app import create_cli
from thinkube_catalog.cli.backend import Backend
from thinkube_catalog.cli.client import Client
from thinkube_catalog.domain.bootstrap import Part
from thinkube_catalog.domain.checks import Check


@dataclass
class CommandLine:
    """`tkt` on a scene. `started` are the services that commands asked for."""

    scene: Scene
    checks: list[Check] = field(default_factory=lambda: [Check("git", good=True, message="2.39")])
    parts: list[Part] = field(default_factory=list)
    stopped: bool = True
    started: list[str] = field(default_factory=list)

    def run(self, *arguments: str, typed: str = "", **environment: str) -> Result:
        app = create_cli(self.backend())
        return CliRunner().invoke(app, arguments, input=typed, env={"COLUMNS": "80", **environment})

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run with `--json` and return the one document on standard output."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def get(self, path: str) -> Any:
        with self.scene.client() as client:
            return client.get(f"/api/v1{path}").json()

    def backend(self) -> Backend:
        return Backend(
            platform=lambda: self.scene.platform,
            connect=self._connect,
            running=self._client,
            stop=lambda: self.stopped,
            serve=_refuse,
            doctor=lambda: self.checks,
            bootstrap=lambda _wishes: nullcontext(self.parts),
            hand_over=lambda _wishes, folder: [folder / "README.md"],
            documents=Documents,
        )

    def _connect(self, server: str, tell: Callable[[str], None]) -> Client:
        self.started.append(server)
        tell("starting the service")
        return self._client()

    def _client(self) -> Client:
        transport = AppTransport(self.scene.app)
        return Client(httpx.Client(transport=transport, base_url=BASE))


def _refuse(*, host: str | None, port: int | None) -> None:
    raise AssertionError((host, port))
