"""Network policies: an application takes requests from its gateway and reaches what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from thinkube_catalog.domain.bindings import provider_container
from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.kubernetes import networking as net
from thinkube_catalog.domain.kubernetes.names import meta, selector_labels, workload_name
from thinkube_catalog.domain.kubernetes.objects import LabelSelector, LabelSelectorRequirement

FORBIDDEN_NAMESPACES = ("argocd", "kube-system")
"""Applications reach no pod here, DNS aside: Argo CD's repository server runs what it is told."""

_NAMESPACE = "kubernetes.io/metadata.name"
_PRIVATE = (
    *("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.168.0.0/16"),
)
_PRIVATE_6 = ("::1/128", "fc00::/7", "fe80::/10")
_NODE_DNS = "169.254.20.10/32"  # the address of Kubernetes' own per-node DNS cache


def policy_objects(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[net.NetworkPolicy]:
    if not context.conventions.network_policies:
        return
    yield net.NetworkPolicy(
        metadata=meta(context, context.name),
        spec=net.NetworkPolicySpec(
            pod_selector=LabelSelector(match_labels={"app.kubernetes.io/name": context.name}),
            policy_types=("Ingress", "Egress"),
            ingress=(net.IngressPolicyRule(from_=_callers(descriptor, context)),),
            egress=(_dns(), net.EgressPolicyRule(to=_reached(context)), *_addressed(context)),
        ),
    )
    yield from _offered(descriptor, context)


def _callers(
    descriptor: Descriptor, context: ApplicationContext
) -> tuple[net.NetworkPolicyPeer, ...]:
    conventions = context.conventions
    spaces = [conventions.gateway_namespace]
    if descriptor.deployment.type == "knative":
        spaces.append("knative-serving")
    if conventions.service_monitors:
        spaces.append(conventions.monitoring_namespace)
    return (
        net.NetworkPolicyPeer(pod_selector=LabelSelector()),
        *(
            net.NetworkPolicyPeer(namespace_selector=LabelSelector(match_labels={_NAMESPACE: each}))
            for each in dict.fromkeys(spaces)
        ),
    )


def _dns() -> net.EgressPolicyRule:
    system = LabelSelector(match_labels={_NAMESPACE: "kube-system"})
    return net.EgressPolicyRule(
        to=(
            net.NetworkPolicyPeer(namespace_selector=system),
            net.NetworkPolicyPeer(ip_block=net.IPBlock(cidr=_NODE_DNS)),
        ),
        ports=tuple(net.NetworkPolicyPort(protocol=each, port=53) for each in ("UDP", "TCP")),
    )


def _reached(context: ApplicationContext) -> tuple[net.NetworkPolicyPeer, ...]:
    """Every other application and component, the public internet, and configured ranges."""
    others = LabelSelector(
        match_expressions=(
            LabelSelectorRequirement(key=_NAMESPACE, operator="NotIn", values=FORBIDDEN_NAMESPACES),
        )
    )
    return (
        net.NetworkPolicyPeer(namespace_selector=others),
        net.NetworkPolicyPeer(ip_block=net.IPBlock(cidr="0.0.0.0/0", except_=_PRIVATE)),
        net.NetworkPolicyPeer(ip_block=net.IPBlock(cidr="::/0", except_=_PRIVATE_6)),
        *(
            net.NetworkPolicyPeer(ip_block=net.IPBlock(cidr=each))
            for each in context.conventions.egress_cidrs
        ),
    )


def _addressed(context: ApplicationContext) -> Iterator[net.EgressPolicyRule]:
    """Providers that are bound by a private address and port."""
    found: dict[tuple[str, int], None] = {}
    for variable in context.bindings:
        target = _private_target(variable.value or "")
        if target:
            found[target] = None
    for cidr, port in found:
        yield net.EgressPolicyRule(
            to=(net.NetworkPolicyPeer(ip_block=net.IPBlock(cidr=cidr)),),
            ports=(net.NetworkPolicyPort(protocol="TCP", port=port),),
        )


_PORTS = {"https": 443, "http": 80, "postgresql": 5432, "postgres": 5432, "redis": 6379}


def _private_target(url: str) -> tuple[str, int] | None:
    """Return the address as a range of one, and the port; None for names and public addresses."""
    try:
        parts = urlsplit(url)
        address = ip_address(parts.hostname or "")
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    # Link-local addresses hold the cloud's metadata service, never a provider.
    if address.is_global or address.is_link_local or address.is_loopback or not port:
        return None
    return f"{address}/{address.max_prefixlen}", port


def _offered(descriptor: Descriptor, context: ApplicationContext) -> Iterator[net.NetworkPolicy]:
    """Let other applications call what this one provides to them, and nothing else of it."""
    offered = {provider_container(descriptor, each) for each in descriptor.provides}
    for container in descriptor.containers:
        if container.name not in offered or not container.port:
            continue
        peer = net.NetworkPolicyPeer(namespace_selector=LabelSelector())
        # Requests to a Knative Service reach another port of its pod first.
        knative = descriptor.deployment.type == "knative"
        port = net.NetworkPolicyPort(protocol="TCP", port="http")
        yield net.NetworkPolicy(
            metadata=meta(context, workload_name(context, container), container.name),
            spec=net.NetworkPolicySpec(
                pod_selector=LabelSelector(match_labels=selector_labels(context, container)),
                policy_types=("Ingress",),
                ingress=(net.IngressPolicyRule(from_=(peer,), ports=() if knative else (port,)),),
            ),
        )
