"""Traffic: Services, the routes that lead to them, and what reads their metrics."""

from __future__ import annotations

from collections.abc import Iterator

from thinkube_catalog.domain.descriptor import Container, Descriptor, Route
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.kubernetes import networking as net
from thinkube_catalog.domain.kubernetes.names import (
    host_name,
    meta,
    selector_labels,
    workload_name,
)
from thinkube_catalog.domain.kubernetes.objects import LabelSelector
from thinkube_catalog.domain.kubernetes.pods import ends

_REQUEST_SECONDS = 600
_MOST_RULES = 16  # of one HTTPRoute, by its schema
LARGE_UPLOADS = "large-uploads"


def service_objects(descriptor: Descriptor, context: ApplicationContext) -> Iterator[net.Service]:
    for container in _serving(descriptor):
        yield net.Service(
            metadata=meta(context, container.name, container.name),
            spec=net.ServiceSpec(
                selector=selector_labels(context, container),
                ports=(net.ServicePort(name="http", port=container.port or 0, target_port="http"),),
            ),
        )


def _serving(descriptor: Descriptor) -> list[Container]:
    return [each for each in descriptor.containers if each.port and not ends(each)]


def routes_of(descriptor: Descriptor) -> list[tuple[str, Container]]:
    """Return path prefixes and the containers behind them, in the order of the file.

    Routes to what has no port are left out. With no routes at all, everything goes to the
    first container with a port.
    """
    serving = {each.name: each for each in _serving(descriptor)}
    routes: tuple[Route, ...] = descriptor.routes
    if not routes and serving:
        return [("/", next(iter(serving.values())))]
    return [(route.path, serving[route.to]) for route in routes if route.to in serving]


def route_objects(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[net.HTTPRoute | net.Ingress]:
    routes = routes_of(descriptor)
    if routes and context.conventions.routing == "ingress":
        yield _ingress(routes, context)
        return
    for number, start in enumerate(range(0, len(routes), _MOST_RULES), start=1):
        name = context.name if number == 1 else f"{context.name}-{number}"
        yield _http_route(name, routes[start : start + _MOST_RULES], context)


def _http_route(
    name: str, routes: list[tuple[str, Container]], context: ApplicationContext
) -> net.HTTPRoute:
    conventions = context.conventions
    gateway = net.ParentReference(
        name=conventions.gateway_name,
        namespace=conventions.gateway_namespace,
        section_name=conventions.gateway_listener or None,
    )
    return net.HTTPRoute(
        metadata=meta(context, name),
        spec=net.HTTPRouteSpec(
            parent_refs=(gateway,),
            hostnames=(host_name(context),),
            rules=tuple(_rule(path, container) for path, container in routes),
        ),
    )


def _rule(path: str, container: Container) -> net.HTTPRouteRule:
    # The Gateway API has no limit for bodies; what ends a large upload is the time of a request,
    # and 0s means none.
    seconds = 0 if LARGE_UPLOADS in container.capabilities else _REQUEST_SECONDS
    match = net.HTTPRouteMatch(path=net.HTTPPathMatch(type="PathPrefix", value=path))
    return net.HTTPRouteRule(
        matches=(match,),
        backend_refs=(net.HTTPBackendRef(name=container.name, port=container.port or 0),),
        timeouts=net.HTTPRouteTimeouts(request=f"{seconds}s"),
    )


def _ingress(routes: list[tuple[str, Container]], context: ApplicationContext) -> net.Ingress:
    host = host_name(context)
    paths = tuple(
        net.HTTPIngressPath(
            path=path,
            path_type="Prefix",
            backend=net.IngressBackend(
                service=net.IngressServiceBackend(
                    name=container.name, port=net.ServiceBackendPort(name="http")
                )
            ),
        )
        for path, container in routes
    )
    return net.Ingress(
        metadata=meta(context, context.name, annotations=_nginx(routes)),
        spec=net.IngressSpec(
            ingress_class_name=context.conventions.ingress_class or None,
            tls=(net.IngressTLS(hosts=(host,)),),
            rules=(net.IngressRule(host=host, http=net.HTTPIngressRuleValue(paths=paths)),),
        ),
    )


def _nginx(routes: list[tuple[str, Container]]) -> dict[str, str]:
    """Settings of ingress-nginx, whose defaults cut streams and bodies; others ignore them."""
    prefix = "nginx.ingress.kubernetes.io"
    found = {
        f"{prefix}/proxy-buffering": "off",
        f"{prefix}/proxy-read-timeout": str(_REQUEST_SECONDS),
        f"{prefix}/proxy-send-timeout": str(_REQUEST_SECONDS),
    }
    if any(LARGE_UPLOADS in container.capabilities for _, container in routes):
        found[f"{prefix}/proxy-body-size"] = "0"
        found[f"{prefix}/proxy-request-buffering"] = "off"
    return found


def monitor_objects(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[net.ServiceMonitor]:
    if not context.conventions.service_monitors:
        return
    for container in _serving(descriptor):
        yield net.ServiceMonitor(
            metadata=meta(context, workload_name(context, container), container.name),
            spec=net.ServiceMonitorSpec(
                selector=LabelSelector(match_labels=selector_labels(context, container)),
                endpoints=(net.Endpoint(port="http", path="/metrics", interval="30s"),),
            ),
        )
