"""Kubernetes objects that lead traffic in and out, as typed values (see `objects`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from thinkube_catalog.domain.kubernetes.objects import LabelSelector, ObjectMeta, constant


@dataclass(frozen=True, kw_only=True)
class ServicePort:
    name: str
    port: int
    target_port: str | int
    protocol: str = "TCP"


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    type: str = "ClusterIP"
    selector: Mapping[str, str]
    ports: tuple[ServicePort, ...]


@dataclass(frozen=True, kw_only=True)
class Service:
    api_version: str = constant("v1")
    kind: str = constant("Service")
    metadata: ObjectMeta
    spec: ServiceSpec


@dataclass(frozen=True, kw_only=True)
class ServiceBackendPort:
    name: str


@dataclass(frozen=True, kw_only=True)
class IngressServiceBackend:
    name: str
    port: ServiceBackendPort


@dataclass(frozen=True, kw_only=True)
class IngressBackend:
    service: IngressServiceBackend


@dataclass(frozen=True, kw_only=True)
class HTTPIngressPath:
    path: str
    path_type: str
    backend: IngressBackend


@dataclass(frozen=True, kw_only=True)
class HTTPIngressRuleValue:
    paths: tuple[HTTPIngressPath, ...]


@dataclass(frozen=True, kw_only=True)
class IngressRule:
    host: str
    http: HTTPIngressRuleValue


@dataclass(frozen=True, kw_only=True)
class IngressTLS:
    hosts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class IngressSpec:
    ingress_class_name: str | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...]


@dataclass(frozen=True, kw_only=True)
class Ingress:
    api_version: str = constant("networking.k8s.io/v1")
    kind: str = constant("Ingress")
    metadata: ObjectMeta
    spec: IngressSpec


# Gateway API, gateway.networking.k8s.io/v1


@dataclass(frozen=True, kw_only=True)
class ParentReference:
    name: str
    namespace: str | None = None
    section_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class HTTPPathMatch:
    type: str
    value: str


@dataclass(frozen=True, kw_only=True)
class HTTPRouteMatch:
    path: HTTPPathMatch


@dataclass(frozen=True, kw_only=True)
class HTTPBackendRef:
    name: str
    port: int


@dataclass(frozen=True, kw_only=True)
class HTTPRouteTimeouts:
    request: str


@dataclass(frozen=True, kw_only=True)
class HTTPRouteRule:
    matches: tuple[HTTPRouteMatch, ...]
    backend_refs: tuple[HTTPBackendRef, ...]
    timeouts: HTTPRouteTimeouts


@dataclass(frozen=True, kw_only=True)
class HTTPRouteSpec:
    parent_refs: tuple[ParentReference, ...]
    hostnames: tuple[str, ...]
    rules: tuple[HTTPRouteRule, ...]


@dataclass(frozen=True, kw_only=True)
class HTTPRoute:
    api_version: str = constant("gateway.networking.k8s.io/v1")
    kind: str = constant("HTTPRoute")
    metadata: ObjectMeta
    spec: HTTPRouteSpec


# Network policies


@dataclass(frozen=True, kw_only=True)
class IPBlock:
    cidr: str
    except_: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NetworkPolicyPeer:
    namespace_selector: LabelSelector | None = None
    pod_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkPolicyPort:
    protocol: str
    port: int | str


@dataclass(frozen=True, kw_only=True)
class IngressPolicyRule:
    from_: tuple[NetworkPolicyPeer, ...]
    ports: tuple[NetworkPolicyPort, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EgressPolicyRule:
    to: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NetworkPolicySpec:
    pod_selector: LabelSelector
    policy_types: tuple[str, ...]
    ingress: tuple[IngressPolicyRule, ...] = ()
    egress: tuple[EgressPolicyRule, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NetworkPolicy:
    api_version: str = constant("networking.k8s.io/v1")
    kind: str = constant("NetworkPolicy")
    metadata: ObjectMeta
    spec: NetworkPolicySpec


# Prometheus Operator, monitoring.coreos.com/v1


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    port: str
    path: str
    interval: str


@dataclass(frozen=True, kw_only=True)
class ServiceMonitorSpec:
    selector: LabelSelector
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, kw_only=True)
class ServiceMonitor:
    api_version: str = constant("monitoring.coreos.com/v1")
    kind: str = constant("ServiceMonitor")
    metadata: ObjectMeta
    spec: ServiceMonitorSpec
