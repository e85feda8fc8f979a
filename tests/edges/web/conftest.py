"""The pages on a platform in memory, asked as a browser asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest

from tests.edges.asgi import AppTransport
from tests.stage import Stage, a_stage
from thinkube_catalog.api.app import create_app
from thinkube_catalog.api.guard import Access
from thinkube_catalog.web.app import install
from thinkube_catalog.web.site import Site


@dataclass
class Reader:
    """Somebody with a browser without scripts."""

    client: httpx.Client
    stage: Stage
    site: Site

    def get(self, address: str, **options: object) -> httpx.Response:
        return self.client.get(address, **options)  # type: ignore[arg-type] # httpx's own options

    def send(
        self, address: str, fields: Mapping[str, str | list[str]], page: str = ""
    ) -> httpx.Response:
        """Send a form from a page (or from the address itself), with the page's hidden token."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(page or address).text)
        assert found is not None
        return self.client.post(address, data={"csrf": found[1], **fields})


def a_reader(stage: Stage) -> Reader:
    app = create_app(stage.platform, Access(hosts=("testserver",)), version="1.2.3")
    site = Site(stage.platform, "1.2.3", gpus=(24.0,))
    install(app, site)
    client = httpx.Client(transport=AppTransport(app), base_url="http://testserver")
    return Reader(client, stage, site)


@pytest.fixture
def stage() -> Stage:
    return a_stage()


@pytest.fixture
def reader(stage: Stage) -> Iterator[Reader]:
    reader = a_reader(stage)
    with reader.client:
        yield reader
