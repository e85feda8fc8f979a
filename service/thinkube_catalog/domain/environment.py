"""What a deployment knows about itself, and the environment that its containers get from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.descriptor import Variable


@dataclass(frozen=True)
class Conventions:
    """How this installation names things and which optional objects it wants.

    `routing` is `gateway` (HTTPRoute) or `ingress`. `container_registry` has no scheme and no slash
    at its end.
    """

    domain_name: str = "localhost"
    container_registry: str = "registry.localhost"
    image_owner: str = "thinkube"
    routing: str = "gateway"
    gateway_name: str = "thinkube-gateway"
    gateway_namespace: str = "gateway-system"
    gateway_listener: str = "https"
    ingress_class: str = ""
    service_monitors: bool = False
    storage_class: str = ""


@dataclass(frozen=True)
class ApplicationContext:
    """What goes into the objects and the environment of one deployment, secrets by name only.

    `parameters` are the answers to the template's own questions (not the standard ones);
    `bindings` the resolved dependencies as literal variables; `secrets` the environment names
    that are delivered from the store.
    """

    name: str
    title: str
    template: str
    release: Release
    parameters: Mapping[str, object] = field(default_factory=dict)
    bindings: tuple[Variable, ...] = ()
    secrets: tuple[str, ...] = ()
    conventions: Conventions = field(default_factory=Conventions)
