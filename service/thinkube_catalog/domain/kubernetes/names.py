"""Names and labels of a deployment's objects, and what can be wrong with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from thinkube_catalog.domain.descriptor import Container, Descriptor
from thinkube_catalog.domain.environment import Address, ApplicationContext
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.kubernetes.objects import KubernetesObject, ObjectMeta

LONGEST_LABEL = 63
LONGEST_CRON_JOB = 52
"""A CronJob's Jobs get eleven more characters."""

UNBUILT = "unbuilt"
"""The tag of an image that is not built yet; the build puts the real one into the kustomization."""

_LONGEST_MOUNT = LONGEST_LABEL - len("mount-")
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9._-]+")


def workload_name(context: ApplicationContext, container: Container) -> str:
    return f"{context.name}-{container.name}"


def image_name(context: ApplicationContext, container: Container) -> str:
    """The image without its tag; the tag stands in the kustomization alone."""
    conventions = context.conventions
    name = workload_name(context, container)
    return f"{conventions.container_registry}/{conventions.image_owner}/{name}"


def host_name(context: ApplicationContext) -> str:
    return f"{context.name}.{context.conventions.domain_name}"


def cluster_address(descriptor: Descriptor, context: ApplicationContext) -> Address:
    """Where a deployment is reached: by people at its host, by other pods at its Services."""
    domain = f"{context.namespace}.svc.cluster.local"
    knative = descriptor.deployment.type == "knative"
    inside = {
        each.name: f"http://{context.name}.{domain}"
        if knative
        else f"http://{each.name}.{domain}:{each.port}"
        for each in descriptor.containers
        if each.port
    }
    return Address(f"https://{host_name(context)}", inside)


def unbuilt_image(context: ApplicationContext, container: Container) -> str:
    """The image as pods name it; applied without the kustomization, it starts nothing old."""
    return f"{image_name(context, container)}:{UNBUILT}"


def selector_labels(context: ApplicationContext, container: Container) -> dict[str, str]:
    """The labels by which Services, budgets and policies find a container's pods."""
    return {
        "app.kubernetes.io/name": context.name,
        "app.kubernetes.io/component": container.name,
    }


def labels(context: ApplicationContext, component: str = "") -> dict[str, str]:
    """Labels of every object. Argo CD owns `instance`, so that one is not set."""
    return {
        "app.kubernetes.io/name": context.name,
        **({"app.kubernetes.io/component": component} if component else {}),
        "app.kubernetes.io/part-of": context.name,
        "app.kubernetes.io/managed-by": "thinkube-catalog",
        "thinkube.io/template": label_value(context.template),
    }


def label_value(text: str) -> str:
    """Make any text a valid label value, by leaving out or cutting off what is not allowed."""
    return _NOT_IN_LABELS.sub("-", text)[-LONGEST_LABEL:].strip("-._")


def meta(
    context: ApplicationContext,
    name: str,
    component: str = "",
    annotations: Mapping[str, str] | None = None,
) -> ObjectMeta:
    return ObjectMeta(
        name=name,
        namespace=context.namespace,
        labels=labels(context, component),
        annotations=annotations,
    )


def naming_problems(descriptor: Descriptor, context: ApplicationContext) -> list[Problem]:
    """Say which containers' names cannot be used in a cluster; an empty list means none."""
    return [
        *_double_names(descriptor),
        *_unusable_names(descriptor, context),
        *_unusable_mounts(descriptor),
    ]


def _double_names(descriptor: Descriptor) -> Iterator[Problem]:
    count = Counter(each.name for each in descriptor.containers)
    for name, times in count.items():
        if times > 1:
            yield Problem(
                f"{times} containers are named {name}, and each needs a Service of its own",
                file="thinkube.yaml",
                field="spec.containers",
                mend="give each container a name of its own",
            )


def _unusable_names(descriptor: Descriptor, context: ApplicationContext) -> Iterator[Problem]:
    for index, container in enumerate(descriptor.containers):
        field = f"spec.containers[{index}].name"
        if not _DNS_LABEL.fullmatch(container.name):
            yield Problem(
                f"{container.name!r} cannot be a name in a cluster",
                file="thinkube.yaml",
                field=field,
                mend="use small letters, digits and hyphens, for example api",
            )
        longest = LONGEST_CRON_JOB if container.schedule else LONGEST_LABEL
        room = longest - len(context.name) - 1
        if len(container.name) > room:
            yield Problem(
                f"{workload_name(context, container)} is longer than {longest} characters",
                file="thinkube.yaml",
                field=field,
                mend=f"use a container name of at most {max(room, 1)} characters, "
                "or a shorter project name",
            )


def _unusable_mounts(descriptor: Descriptor) -> Iterator[Problem]:
    for index, container in enumerate(descriptor.containers):
        field = f"spec.containers[{index}].mounts"
        count = Counter([container.volume, *(each.path for each in container.mounts)])
        names = Counter(each.name for each in container.mounts)
        for word, times in (count + names).items():
            if word and times > 1:
                yield Problem(
                    f"{container.name} mounts {word} {times} times",
                    file="thinkube.yaml",
                    field=field,
                    mend="mount each name and each path once",
                )
        for name in names:
            if not _DNS_LABEL.fullmatch(name) or len(name) > _LONGEST_MOUNT:
                yield Problem(
                    f"{name!r} cannot be the name of a mount",
                    file="thinkube.yaml",
                    field=field,
                    mend="use small letters, digits and hyphens, "
                    f"{_LONGEST_MOUNT} at most, for example index",
                )


def collision_problems(objects: Iterator[KubernetesObject]) -> list[Problem]:
    """Name every object that two parts of a descriptor would make."""
    count = Counter((each.kind, each.metadata.name) for each in objects)
    return [
        Problem(
            f"two parts of the descriptor both need a {kind} named {name}",
            file="thinkube.yaml",
            field="spec.containers",
            mend="rename one of the containers or mounts",
        )
        for (kind, name), times in count.items()
        if times > 1
    ]
