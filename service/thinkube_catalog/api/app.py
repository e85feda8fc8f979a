"""The ASGI app: the JSON API behind its guard, with health, metrics and descriptions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from thinkube_catalog.api import (
    catalog,
    deployments,
    description,
    errors,
    hooks,
    secrets,
    streams,
)
from thinkube_catalog.api.guard import Access, Guard
from thinkube_catalog.api.metrics import Metrics
from thinkube_catalog.api.schemas.operation import Ready
from thinkube_catalog.domain.forge import Deliveries, Repository
from thinkube_catalog.operations.platform import Platform

Check = Callable[[], str]
"""Returns `ok`, or what is wrong."""

DESCRIPTION = """\
Pick a template for an AI application, answer its questions, see exactly what will be made, deploy
it, and follow it until it is healthy.

Errors are problem documents (RFC 9457) that list every problem at once. Lists are paged by the
cursor `next`. A request under an `Idempotency-Key` may be sent again without harm.
"""


@asynccontextmanager
async def _nothing(_app: FastAPI) -> AsyncIterator[None]:
    yield


def create_app(
    platform: Platform,
    access: Access,
    *,
    version: str,
    checks: Mapping[str, Check] | None = None,
    deliveries: Deliveries | None = None,
    pushed: Callable[[Repository], None] = lambda _repository: None,
    metrics: Metrics | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] = _nothing,
) -> FastAPI:
    """Return the app on a platform. `checks` are what readiness asks, by part.

    `pushed` is called for each push that `deliveries` believes.
    """
    app = FastAPI(
        title="Thinkube Catalog",
        version=version,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # the pages of the interactive description load scripts from elsewhere
        redoc_url=None,
    )
    metrics = metrics or Metrics()
    metrics.watch(platform.deployments)
    errors.install(app)
    description.install(app)
    for part in (catalog, deployments, streams, secrets):
        app.include_router(part.routes(platform))
    app.include_router(hooks.routes(deliveries, pushed))
    app.include_router(_operation(checks or {}, metrics))
    # The last one added is met first.
    app.add_middleware(Guard, access=access)
    app.add_middleware(metrics.middleware)
    return app


def _operation(checks: Mapping[str, Check], metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get("/health", summary="Is it alive")
    async def health() -> dict[str, str]:
        """Answer at once, whatever else is wrong."""
        return {"status": "healthy", "component": "thinkube-catalog"}

    @router.get("/ready", summary="Can it do its work", responses={503: {"model": Ready}})
    async def ready() -> Response:
        """Ask every part; 503 with the reason while one cannot work."""
        results = {name: await run_in_threadpool(check) for name, check in checks.items()}
        good = all(result == "ok" for result in results.values())
        document = Ready(ready=good, checks=results)
        return JSONResponse(document.model_dump(), 200 if good else 503)

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    def read_metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(metrics.render(), media_type=metrics.content_type)

    return router
