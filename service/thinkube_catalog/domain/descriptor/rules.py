"""The rules between the parts of a descriptor."""

from __future__ import annotations

from thinkube_catalog.domain.descriptor.values import Container, Descriptor
from thinkube_catalog.domain.documents import Fields

MOST_CONTAINERS = 50

_NOT_FOR_KNATIVE = ("gpu", "mounts", "schedule", "migrations", "capabilities")
_SERVICES_NOT_FOR_KNATIVE = ("storage", "workflows")
_FOR_KNATIVE = ("minScale", "maxScale", "containerConcurrency", "timeoutSeconds")


def check_rules(spec: Fields, descriptor: Descriptor) -> None:
    """Record what the parts of a descriptor, each good by itself, do wrong together."""
    kind = descriptor.deployment.type
    if len(descriptor.containers) > MOST_CONTAINERS:
        message = f"{len(descriptor.containers)} containers are too many"
        spec.problem("containers", message, f"use at most {MOST_CONTAINERS}")
        return
    if kind != "none" and not descriptor.containers:
        spec.problem("containers", "there is no container", "give at least one")
    if kind == "knative":
        _check_knative(spec, descriptor)
    else:
        _check_not_knative(spec, descriptor)
        _check_routes(spec, descriptor)
    if kind == "component" and not descriptor.deployment.name:
        mend = "components have a fixed name; write it there"
        spec.problem(("deployment", "name"), "a component has no name", mend)
    _check_provisions(spec, descriptor)
    _check_variables(spec, descriptor)


def _check_knative(spec: Fields, descriptor: Descriptor) -> None:
    if len(descriptor.containers) > 1:
        message = f"a knative service has one container, and there are {len(descriptor.containers)}"
        spec.problem("containers", message, "use  type: app")
    for place, container in enumerate(descriptor.containers):
        for name in _NOT_FOR_KNATIVE:
            if getattr(container, name):
                message = f"a knative service cannot have {name}"
                spec.problem(("containers", place, name), message, "use  type: app")
    for service in descriptor.services:
        if service.type in _SERVICES_NOT_FOR_KNATIVE:
            message = f"a knative service cannot have {service.type}"
            spec.problem("services", message, "use  type: app")
    deployment = spec.fields("deployment")
    if "replicas" in deployment:
        mend = "use minScale and maxScale"
        deployment.problem("replicas", "a knative service has no replicas", mend)
    scale = descriptor.deployment
    if 0 < scale.max_scale < scale.min_scale:
        message = f"minScale {scale.min_scale} is more than maxScale {scale.max_scale}"
        deployment.problem("minScale", message, "swap them")


def _check_not_knative(spec: Fields, descriptor: Descriptor) -> None:
    deployment = spec.fields("deployment")
    for name in _FOR_KNATIVE:
        if name in deployment:
            message = f"{name} applies to knative, and this is {descriptor.deployment.type}"
            deployment.warn(name, message, "remove it")


def _check_routes(spec: Fields, descriptor: Descriptor) -> None:
    for place, route in enumerate(descriptor.routes):
        container = descriptor.container(route.to)
        at = ("routes", place, "to")
        if container is None:
            names = ", ".join(each.name for each in descriptor.containers)
            message = f"{route.path} leads to {route.to}, which is no container; it is left out"
            spec.warn(at, message, f"there are {names}" if names else "")
        elif not _serves(container):
            message = f"{route.path} leads to {route.to}, which serves nothing; it is left out"
            spec.warn(at, message, "give that container a port")


def _serves(container: Container) -> bool:
    return container.port is not None and not container.job and not container.schedule


def _check_provisions(spec: Fields, descriptor: Descriptor) -> None:
    for place, provision in enumerate(descriptor.provides):
        named = descriptor.container(provision.container)
        serving = [each for each in descriptor.containers if _serves(each)]
        at = ("provides", place, "container")
        if provision.container and named is None:
            message = f"{provision.container} is no container of this project"
            spec.problem(at, message, "name one of spec.containers")
        elif (named is not None and not _serves(named)) or not serving:
            message = f"{provision.type} is provided by a container that serves nothing"
            spec.problem(at, message, "give it a port")


def _check_variables(spec: Fields, descriptor: Descriptor) -> None:
    taken: dict[str, int] = {}
    for place, dependency in enumerate(descriptor.dependencies):
        for name in (dependency.env, dependency.api_key_env, dependency.model_env):
            if name and name in taken:
                message = f"{name} is set by two dependencies"
                spec.problem(("dependencies", place), message, "use another name")
            taken[name] = place
