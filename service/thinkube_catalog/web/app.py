"""The pages on an app: routes, static files, and errors that people can read."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from thinkube_catalog.web import errors
from thinkube_catalog.web.routes import (
    bulk,
    catalog,
    deploy,
    deployment,
    deployments,
    remake,
    template,
    upgrade,
)
from thinkube_catalog.web.routes import map as dependencies
from thinkube_catalog.web.site import Site

_PARTS = (
    catalog,
    template,
    deploy,
    deployments,
    bulk,
    deployment,
    upgrade,
    remake,
    dependencies,
)


def install(app: FastAPI, site: Site) -> None:
    """Put the pages on an app that has the API already."""
    pages = APIRouter(include_in_schema=False)
    for part in _PARTS:
        pages.include_router(part.routes(site))
    pages.include_router(_static(site))
    app.include_router(pages, include_in_schema=False)
    errors.install(app, site)


def _static(site: Site) -> APIRouter:
    router = APIRouter()

    @router.get("/static/{digest}/{name:path}")
    def get_asset(request: Request, digest: str, name: str) -> Response:
        found = site.asset(request, digest, name)
        if found is None:
            raise HTTPException(404)
        return found

    return router
