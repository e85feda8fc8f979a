"""The map: what uses what, with the health of each in colour and in words."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from thinkube_catalog.web.layers import drawing
from thinkube_catalog.web.pages import MapPage
from thinkube_catalog.web.site import Site

MOST_ALONE = 60


def routes(site: Site) -> APIRouter:
    """Return the map."""
    router = APIRouter()

    @router.get("/map")
    def show_map(request: Request) -> Response:
        graph = site.dependencies.graph()
        page = MapPage(
            title=site.texts("map.title"),
            graph=graph,
            drawing=drawing(graph),
            alone=graph.alone[:MOST_ALONE],
            alone_more=max(len(graph.alone) - MOST_ALONE, 0),
        )
        return site.respond(request, page)

    return router
