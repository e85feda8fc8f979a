"""Running the service: one per data folder, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import uvicorn
from fastapi.concurrency import run_in_threadpool

from thinkube_catalog.adapters.instance import Claim, Instance
from thinkube_catalog.api.app import create_app
from thinkube_catalog.api.guard import Access
from thinkube_catalog.api.metrics import Metrics
from thinkube_catalog.domain.errors import ConflictError
from thinkube_catalog.settings import LOOPBACK, Settings
from thinkube_catalog.web.app import install as install_pages
from thinkube_catalog.web.site import Site
from thinkube_catalog.wiring.parts import program_version
from thinkube_catalog.wiring.service import CatalogService

_LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

GREETING = """
Thinkube Catalog {version} is at {address}

  Open it in a browser, or try it in another terminal:
    {tkt} list
    {tkt} show tkt-rag-agent
    {tkt} deploy tkt-rag-agent legal-qa --defaults --wait

  The API is described at {address}/openapi.json; everything is kept in {data_dir}.
  Ctrl-C stops the service; deployed applications keep running.
"""


def serve(settings: Settings) -> None:
    """Run the service in the foreground.

    Raises AlreadyServedError when the data folder has one, PortTakenError.
    """
    _set_up_logging(settings)
    with Instance(settings.data_dir).claim() as claim, _listen(settings) as listener:
        metrics = Metrics()
        service = CatalogService(settings, metrics)
        metrics.watch_replicas(service.replicas)
        address = _address(settings, listener)
        app = create_app(
            service.platform,
            Access(
                hosts=(*LOOPBACK, settings.host, *_public_host(settings), *settings.allowed_hosts),
                token=settings.api_token.get_secret_value(),
                metrics_token=settings.metrics_token.get_secret_value(),
            ),
            version=program_version(),
            checks={
                "database": service.check_database,
                "catalog": service.check_catalog,
                "watcher": service.check_watcher,
                "draining": service.check_draining,
            },
            deliveries=service.deliveries,
            pushed=service.pushed,
            metrics=metrics,
            lifespan=lambda _app: _running(service, claim, address),
        )
        install_pages(app, Site(service.platform, program_version(), settings.gpus))
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,  # streams of progress never end by themselves
        )
        _Server(config, service).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Gives the runs into other hands as soon as it is told to stop, while it still answers."""

    def __init__(self, config: uvicorn.Config, service: CatalogService) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.to_thread(self._service.drain)
        await super().shutdown(sockets)


@asynccontextmanager
async def _running(service: CatalogService, claim: Claim, address: str) -> AsyncIterator[None]:
    try:
        await run_in_threadpool(service.start)
        claim.announce(address)
        _greet(service.settings, address)
        yield
    finally:
        # The loop's own pool of threads is gone by now (DBOS replaces it); stopping blocks, and
        # nothing else is left to do.
        service.stop()


def _set_up_logging(settings: Settings) -> None:
    logging.basicConfig(level=settings.log_level.upper(), format=_LOG_FORMAT)
    for chatty in ("alembic", "dbos", "httpx", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _greet(settings: Settings, address: str) -> None:
    if sys.stdout.isatty():
        text = GREETING.format(
            version=program_version(),
            address=address,
            tkt=sys.argv[0] if sys.argv[0].endswith("tkt") else "tkt",
            data_dir=settings.data_dir,
        )
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        logging.getLogger(__name__).info("Thinkube Catalog is at %s", address)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise PortTakenError(settings.host, settings.port, error) from error
    listener.listen(1024)
    return listener


def _public_host(settings: Settings) -> tuple[str, ...]:
    """Return the name by which others call the service, the forge among them."""
    host = urlsplit(settings.public_url).hostname
    return (host,) if host else ()


def _address(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"


class PortTakenError(ConflictError):
    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(
            f"{host}:{port} cannot be listened on ({error.strerror or error}); "
            "choose another: tkt serve --port 0 takes a free one",
        )
