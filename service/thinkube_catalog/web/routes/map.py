"""The map: what depends on what, with the health of each in colour and in words."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from thinkube_catalog.domain.deployments import Deployment
from thinkube_catalog.operations.connections import Connection, connections
from thinkube_catalog.web import urls
from thinkube_catalog.web.drawing import Node, draw
from thinkube_catalog.web.pages import MapPage
from thinkube_catalog.web.site import Site

MOST_DRAWN = 120


def routes(site: Site) -> APIRouter:
    """Return the map."""
    router = APIRouter()

    @router.get("/map")
    def show_map(request: Request) -> Response:
        platform = site.platform
        deployments = platform.deployments.page(limit=MOST_DRAWN)
        every = len(platform.deployments.summaries())
        found = connections(platform, deployments)
        page = MapPage(
            title=site.texts("map.title"),
            drawing=draw(_nodes(site, deployments, found), found),
            left_out=max(every - len(deployments), 0),
        )
        return site.respond(request, page)

    return router


def _nodes(
    site: Site, deployments: Sequence[Deployment], found: Sequence[Connection]
) -> list[Node]:
    used = {each.provider for each in found}
    configured = [
        Node(each.name, each.type, "configured", "")
        for each in site.platform.providers
        if each.name in used
    ]
    names = {each.name for each in configured}
    return configured + [
        Node(each.name, each.template, str(each.state), urls.deployment(each.name))
        for each in deployments
        if each.name not in names
    ]
