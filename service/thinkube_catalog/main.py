"""Entry points: the command `tkt` and the service behind it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache

import httpx

from thinkube_catalog.cli.app import create_cli
from thinkube_catalog.cli.backend import Backend
from thinkube_catalog.cli.client import Client
from thinkube_catalog.cli.output import reported
from thinkube_catalog.domain.checks import Check
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.settings import Settings, load_settings


def cli() -> None:
    """Run `tkt`."""
    backend = Backend(
        platform=_platform,
        connect=_connect,
        stop=_stop,
        serve=_serve,
        doctor=_doctor,
    )
    create_cli(backend)()


@cache
def _settings() -> Settings:
    return load_settings()


def _platform() -> Platform:
    from thinkube_catalog.wiring.offline import open_platform  # noqa: PLC0415 (`tkt ps` needs none of it)

    return open_platform(_settings())


def _connect(server: str, tell: Callable[[str], None]) -> Client:
    settings = _settings()
    address = server or settings.server or _local_address(settings, tell)
    token = settings.api_token.get_secret_value()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(httpx.Client(base_url=address, headers=headers))


def _local_address(settings: Settings, tell: Callable[[str], None]) -> str:
    from thinkube_catalog.adapters.instance import Instance  # noqa: PLC0415 (as above)

    instance = Instance(settings.data_dir)
    running = instance.running()
    if running is None:
        tell("starting the service of this machine in the background (tkt stop ends it) ...")
        command = [sys.executable, "-m", "thinkube_catalog.main", "serve", "--port", "0"]
        running = instance.start(command, os.environ)
    return running.address


def _stop() -> bool:
    from thinkube_catalog.adapters.instance import Instance  # noqa: PLC0415 (as above)

    return Instance(_settings().data_dir).stop()


def _serve(*, host: str | None, port: int | None) -> None:
    from thinkube_catalog.wiring.serving import serve  # noqa: PLC0415 (as above)

    given = {"host": host, "port": port}
    serve(load_settings(**{name: value for name, value in given.items() if value is not None}))


def _doctor() -> list[Check]:
    from thinkube_catalog.wiring.doctor import examine  # noqa: PLC0415 (as above)

    return examine(_settings())


if __name__ == "__main__":
    with reported(as_document=False):
        cli()
