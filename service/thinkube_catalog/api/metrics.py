"""Prometheus metrics of the service itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client import generate_latest as render_registry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thinkube_catalog.domain.deployments import Deployment, Deployments, State
from thinkube_catalog.domain.replicas import Replicas

UNKNOWN_ROUTE = "(none)"
STEP_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_PAGE = 200


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
        self.runs = Counter(
            "thinkube_catalog_runs",
            "Runs that have ended since this service started, by kind and outcome.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self.steps = Histogram(
            "thinkube_catalog_step_seconds",
            "Seconds that steps of runs took, waiting included, by step and outcome.",
            ("step", "outcome"),
            buckets=STEP_SECONDS,
            registry=self.registry,
        )

    def run_ended(self, kind: str, outcome: str) -> None:
        """Count the end of a run."""
        self.runs.labels(kind, outcome).inc()

    def step_ended(self, step: str, outcome: str, seconds: float) -> None:
        """Count the end of a step of a run."""
        self.steps.labels(step, outcome).observe(seconds)

    def watch(self, deployments: Deployments) -> None:
        """Add how many deployments there are in each state, whenever somebody asks."""
        self.registry.register(_States(deployments))

    def watch_replicas(self, replicas: Replicas) -> None:
        """Add how many runs each replica carries, whenever somebody asks."""
        self.registry.register(_Carried(replicas))

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


class _States(Collector):
    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    def collect(self) -> Iterable[GaugeMetricFamily]:
        counts: dict[State, int] = {state: 0 for state in State if state is not State.REMOVED}
        for deployment in _all(self._deployments):
            counts[deployment.state] += 1
        states = GaugeMetricFamily(
            "thinkube_catalog_deployments", "Deployments by state.", labels=["state"]
        )
        for state, count in counts.items():
            states.add_metric([str(state)], count)
        under_way = GaugeMetricFamily(
            "thinkube_catalog_runs_under_way",
            "Runs that have not ended.",
            value=len(self._deployments.unfinished()),
        )
        return [states, under_way]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name nothing beforehand, so that registering asks the store nothing."""
        return []


class _Carried(Collector):
    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas

    def collect(self) -> Iterable[GaugeMetricFamily]:
        carried = GaugeMetricFamily(
            "thinkube_catalog_runs_carried",
            "Runs in the hands of each replica that is alive.",
            labels=["replica", "version"],
        )
        for replica in self._replicas.alive():
            carried.add_metric([replica.id, replica.version], replica.carried)
        return [carried]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name nothing beforehand, so that registering asks the store nothing."""
        return []


def _all(deployments: Deployments) -> Iterator[Deployment]:
    after = ""
    while page := deployments.page(after, _PAGE):
        yield from page
        after = page[-1].name
