"""Pages with 10,000 templates and 5,000 deployments, and 200 readers of one deployment's progress.

Times are from the request to the whole compressed answer, as the app gives it, without a network;
medians after one warming request, while no deployment changes; a change costs the next page that
shows any some milliseconds more. The readers are real connections to a real server in this
process; counted is until the slowest of them has been told.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import cast
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from bench.rows import Row
from bench.search import written
from tests.edges.asgi import served
from tests.stage import a_stage
from tests.stand_ins import RELEASE
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.deployments import SqlDeployments
from thinkube_catalog.api.app import create_app
from thinkube_catalog.api.guard import Access
from thinkube_catalog.domain.catalog import Catalog
from thinkube_catalog.domain.deployments import Deployment, Event, EventKind, Run, RunKind, State
from thinkube_catalog.domain.descriptor import Variable
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.forge import Forge, Repository
from thinkube_catalog.domain.kubernetes.metadata import METADATA_PATH, metadata_object
from thinkube_catalog.domain.kubernetes.writing import text_of
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.repositories import parse_repositories
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.settings import Settings
from thinkube_catalog.web.app import install
from thinkube_catalog.web.assets import FOLDER
from thinkube_catalog.web.site import Site
from thinkube_catalog.wiring.offline import open_platform

TEMPLATES, DEPLOYMENTS, READERS = 10_000, 5_000, 200
USERS_EVERY, PROVIDERS_EVERY = 10, 100
"""Each tenth deployment uses one; each hundredth is used."""
ROUNDS = 15
BAR_SECONDS = 0.05
BAR = "the bar that this project sets itself"
EVENTS = 7

CROWDED = {
    "catalog": "/",
    "catalog, searched": "/?q=langchian",
    "catalog, page 2 of a tag": "/?tag=agent&after=30:x",
    "deployments": "/deployments",
    "deployments, filtered": "/deployments?state=degraded&q=app",
    "map": "/map",
}
REAL = {
    "template (tkt-rag-agent)": "/templates/tkt-rag-agent",
    "deploy, with preview of 72 files (tkt-rag-agent)": "/templates/tkt-rag-agent/deploy",
}


class _Offered:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def load(self) -> Catalog:
        return self._catalog


def measure() -> list[Row]:
    """Return a row for each page, and one for the readers."""
    with tempfile.TemporaryDirectory() as folder, _crowded(Path(folder)) as platform:
        rows = _timed(platform, CROWDED)
        readers = _readers(platform)
        settings = Settings(data_dir=Path(folder) / "data", _env_file=None)
        real = _timed(_among(platform, open_platform(settings)), REAL)
    return [*rows, *real, readers]


def _among(crowd: Platform, platform: Platform) -> Platform:
    """Return a platform with its own templates, and the deployments of another."""
    return replace(platform, deployments=crowd.deployments, forge=crowd.forge)


def _timed(platform: Platform, addresses: dict[str, str]) -> list[Row]:
    with served(_app(platform)) as address, httpx.Client(base_url=address) as client:
        return [_page(client, name, where) for name, where in addresses.items()]


def _page(client: httpx.Client, name: str, where: str) -> Row:
    _warm(client, where)
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        client.get(where)
        taken.append(time.perf_counter() - start)
    with client.stream("GET", where) as answer:
        size = sum(len(each) for each in answer.iter_raw())
    note = f"{size / 1000:.1f} kB; with all styles and scripts {(size + _assets()) / 1000:.0f} kB"
    return Row(f"page: {name}", statistics.median(taken), BAR_SECONDS, BAR, note)


def _warm(client: httpx.Client, where: str) -> None:
    """Ask once, and for the map until every repository has been read."""
    while "not been read yet" in client.get(where).raise_for_status().text:
        continue


def _assets() -> int:
    assets = Site(a_stage().platform).assets
    found = [assets.get(assets.digest, path.name) for path in FOLDER.iterdir()]
    return sum(len(each.compressed) for each in found if each is not None)


def _app(platform: Platform) -> FastAPI:
    app = create_app(platform, Access(), version="0")
    install(app, Site(platform))
    return app


@contextmanager
def _crowded(folder: Path) -> Iterator[Platform]:
    entries = parse_repositories(written(TEMPLATES)).value.entries
    stage = a_stage()
    database = Database(f"sqlite:///{folder / 'records.sqlite'}")
    store = SqlDeployments(database)
    for number in range(DEPLOYMENTS):
        made = _deployment(number, entries[number % 40].name)
        store.begin(_run(made), made)
    yield replace(
        stage.platform,
        catalogs=_Offered(Catalog(entries)),
        deployments=store,
        forge=cast("Forge", _Recorded()),
    )
    database.close()


def _deployment(number: int, template: str) -> Deployment:
    now = a_stage().clock.now()
    state = State.DEGRADED if number % 25 == 0 else State.HEALTHY
    return Deployment(
        id=f"d{number}",
        name=f"app-{number:05}",
        template=template,
        release=RELEASE,
        answers={"author_name": f"Team {number % 30}"},
        created_at=now,
        changed_at=now,
        state=state,
        url=_address(number),
        healthy_commit="c" * 40 if _uses(number) else "",
    )


def _address(number: int) -> str:
    return f"http://app-{number}.localhost"


def _uses(number: int) -> int | None:
    """Return which deployment one uses: each fourth of those that use any, another such user."""
    if number % USERS_EVERY or number % PROVIDERS_EVERY == 0:
        return None
    chained = number % (4 * USERS_EVERY) == 0
    return number - USERS_EVERY if chained else number - number % PROVIDERS_EVERY


class _Recorded:
    """A forge whose repositories hold nothing but what their deployment uses."""

    def files(self, repository: Repository, _commit: str) -> FileTree:
        number = int(repository.name.removeprefix("app-"))
        bound = Variable("LLM_BASE_URL", f"{_address(_uses(number) or 0)}/v1")
        context = ApplicationContext(repository.name, "", "tkt-chat", RELEASE, bindings=(bound,))
        return FileTree({METADATA_PATH: File(text_of([metadata_object(context)]).encode())})


def _run(deployment: Deployment) -> Run:
    return Run(
        id=f"run-{deployment.id}",
        deployment_id=deployment.id,
        deployment=deployment.name,
        kind=RunKind.DEPLOY,
        created_at=deployment.created_at,
    )


def _readers(platform: Platform) -> Row:
    with served(_app(platform)) as address:
        slowest = asyncio.run(_told(platform, address))
    note = "from the event's storing until the slowest reader has it; each looks every 0.25 s"
    return Row(
        f"progress: the slowest of {READERS} readers is told",
        statistics.median(slowest),
        1.0,
        "loading the page anew every second",
        note,
    )


async def _told(platform: Platform, address: str) -> list[float]:
    parts = urlsplit(address)
    readers = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(READERS)]
    for reader, writer in readers:
        writer.write(
            b"GET /api/v1/deployments/app-00001/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Accept: text/event-stream\r\n\r\n"
        )
        await reader.readuntil(b"retry")
    taken = []
    for number in range(EVENTS):
        marker = f"event number {number}"
        start = time.perf_counter()
        Thread(target=_append, args=(platform, marker)).start()
        await asyncio.gather(*(reader.readuntil(marker.encode()) for reader, _ in readers))
        taken.append(time.perf_counter() - start)
    for _, writer in readers:
        writer.close()
    return taken


def _append(platform: Platform, message: str) -> None:
    at = platform.now()
    platform.deployments.append(Event("app-00001", EventKind.HEALTH_CHANGED, at, message))
