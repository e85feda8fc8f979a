"""Entry points: the command `tkt` and the service behind it.

What a command needs is imported when it runs, so that `tkt --help` and a completion are quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING

from thinkube_catalog.cli.app import create_cli
from thinkube_catalog.cli.backend import Backend, Documents
from thinkube_catalog.cli.output import reported

if TYPE_CHECKING:
    from pathlib import Path

    from thinkube_catalog.cli.client import Client
    from thinkube_catalog.domain.bootstrap import Part, Wishes
    from thinkube_catalog.domain.checks import Check
    from thinkube_catalog.operations.platform import Platform
    from thinkube_catalog.settings import Settings


def cli() -> None:
    """Run `tkt`."""
    backend = Backend(
        platform=_platform,
        connect=_connect,
        running=_running,
        stop=_stop,
        serve=_serve,
        doctor=_doctor,
        bootstrap=_bootstrap,
        hand_over=_hand_over,
        documents=_documents,
    )
    create_cli(backend)()


@cache
def _settings() -> Settings:
    from thinkube_catalog.settings import load_settings  # noqa: PLC0415 (see above)

    return load_settings()


def _platform() -> Platform:
    from thinkube_catalog.wiring.offline import open_platform  # noqa: PLC0415 (see above)

    return open_platform(_settings())


def _connect(server: str, tell: Callable[[str], None]) -> Client:
    settings = _settings()
    return _client(settings, server or settings.server or _local_address(settings, tell))


def _running() -> Client | None:
    from thinkube_catalog.adapters.instance import Instance  # noqa: PLC0415 (see above)

    settings = _settings()
    local = None if settings.server else Instance(settings.data_dir).running()
    address = local.address if local else settings.server
    return _client(settings, address) if address else None


def _client(settings: Settings, address: str) -> Client:
    from thinkube_catalog.cli.client import open_client  # noqa: PLC0415 (see above)

    return open_client(address, settings.api_token.get_secret_value())


def _local_address(settings: Settings, tell: Callable[[str], None]) -> str:
    from thinkube_catalog.adapters.instance import Instance  # noqa: PLC0415 (see above)

    instance = Instance(settings.data_dir)
    running = instance.running()
    if running is None:
        tell("starting the service of this machine in the background (tkt stop ends it) ...")
        command = [sys.executable, "-m", "thinkube_catalog.main", "serve", "--port", "0"]
        running = instance.start(command, os.environ)
    return running.address


def _stop() -> bool:
    from thinkube_catalog.adapters.instance import Instance  # noqa: PLC0415 (see above)

    return Instance(_settings().data_dir).stop()


def _serve(*, host: str | None, port: int | None) -> None:
    from thinkube_catalog.settings import load_settings  # noqa: PLC0415 (see above)
    from thinkube_catalog.wiring.serving import serve  # noqa: PLC0415 (see above)

    given = {"host": host, "port": port}
    serve(load_settings(**{name: value for name, value in given.items() if value is not None}))


def _documents() -> Documents:
    from thinkube_catalog.api.documents import Documents as ApiDocuments  # noqa: PLC0415 (see above)

    return ApiDocuments()


def _doctor() -> list[Check]:
    from thinkube_catalog.wiring.doctor import examine  # noqa: PLC0415 (see above)

    return examine(_settings())


def _bootstrap(wishes: Wishes) -> AbstractContextManager[Sequence[Part]]:
    from thinkube_catalog.wiring.bootstrap import open_bootstrap  # noqa: PLC0415 (see above)

    return open_bootstrap(wishes)


def _hand_over(wishes: Wishes, folder: Path) -> Sequence[Path]:
    from thinkube_catalog.wiring.handover import write_handover  # noqa: PLC0415 (see above)

    return write_handover(wishes, folder)


if __name__ == "__main__":
    with reported(as_document=False):
        cli()
