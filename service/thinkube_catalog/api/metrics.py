"""Prometheus metrics of the service itself."""

from __future__ import annotations

import time

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client import generate_latest as render_registry
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNKNOWN_ROUTE = "(none)"


class Metrics:
    """A registry of its own, so that several apps can live in one process."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "thinkube_catalog_requests",
            "Requests answered, by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "thinkube_catalog_request_seconds",
            "Seconds until the answer began, by route.",
            ("method", "route"),
            registry=self.registry,
        )

    def render(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return render_registry(self.registry)

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Count and time every request by its route, never by its address."""

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started = time.perf_counter()

            async def counted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._count(scope, message["status"], time.perf_counter() - started)
                await send(message)

            await app(scope, receive, counted)

        return measured

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
        self.requests.labels(scope["method"], route, status).inc()
        self.seconds.labels(scope["method"], route).observe(seconds)
