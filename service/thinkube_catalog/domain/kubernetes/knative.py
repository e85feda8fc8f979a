"""Knative: a Service that is scaled by its requests, down to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thinkube_catalog.domain.descriptor import Container, Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.kubernetes import objects as k8s
from thinkube_catalog.domain.kubernetes.names import labels, meta, unbuilt_image
from thinkube_catalog.domain.kubernetes.pods import environment, volume_mounts, volumes
from thinkube_catalog.domain.kubernetes.probes import knative_probe
from thinkube_catalog.domain.kubernetes.security import knative_security
from thinkube_catalog.domain.kubernetes.sizes import resources

_ITS_OWN = frozenset({"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
"""Variables that Knative sets itself and refuses in a Service."""


@dataclass(frozen=True, kw_only=True)
class RevisionSpec:
    service_account_name: str
    container_concurrency: int
    timeout_seconds: int
    automount_service_account_token: bool = False
    enable_service_links: bool = False
    containers: tuple[k8s.Container, ...]
    volumes: tuple[k8s.Volume, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RevisionTemplate:
    metadata: k8s.ObjectMeta
    spec: RevisionSpec


@dataclass(frozen=True, kw_only=True)
class TrafficTarget:
    latest_revision: bool
    percent: int


@dataclass(frozen=True, kw_only=True)
class KnativeServiceSpec:
    template: RevisionTemplate
    traffic: tuple[TrafficTarget, ...]


@dataclass(frozen=True, kw_only=True)
class KnativeService:
    api_version: str = k8s.constant("serving.knative.dev/v1")
    kind: str = k8s.constant("Service")
    metadata: k8s.ObjectMeta
    spec: KnativeServiceSpec


def knative_objects(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[KnativeService]:
    """Make the one Service. A knative descriptor has at most one container."""
    for container in descriptor.containers[:1]:
        gateway = {"networking.knative.dev/ingress-class": _gateway_class(context)}
        yield KnativeService(
            metadata=meta(context, context.name, annotations=gateway),
            spec=KnativeServiceSpec(
                template=_revision(descriptor, container, context),
                traffic=(TrafficTarget(latest_revision=True, percent=100),),
            ),
        )


def _gateway_class(context: ApplicationContext) -> str:
    kind = "gateway-api" if context.conventions.routing == "gateway" else "kourier"
    return f"{kind}.ingress.networking.knative.dev"


def _revision(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> RevisionTemplate:
    scale = descriptor.deployment
    return RevisionTemplate(
        metadata=k8s.ObjectMeta(
            labels=labels(context, container.name),
            annotations={
                "autoscaling.knative.dev/min-scale": str(scale.min_scale),
                "autoscaling.knative.dev/max-scale": str(scale.max_scale),
            },
        ),
        spec=RevisionSpec(
            service_account_name=context.name,
            container_concurrency=scale.container_concurrency,
            timeout_seconds=scale.timeout_seconds,
            containers=(_container(descriptor, container, context),),
            volumes=volumes(descriptor, container, context),
        ),
    )


def _container(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> k8s.Container:
    port = container.port
    given = environment(descriptor, container, context)
    return k8s.Container(
        name=container.name,
        image=unbuilt_image(context, container),
        ports=(k8s.ContainerPort(container_port=port, protocol=None),) if port else (),
        env=tuple(each for each in given if each.name not in _ITS_OWN),
        resources=resources(container),
        readiness_probe=knative_probe(container),
        security_context=knative_security(container),
        volume_mounts=volume_mounts(descriptor, container, context),
    )
