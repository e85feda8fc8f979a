"""The whole: what `thinkube.yaml` means in a cluster, as the files of the folder `k8s/`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.kubernetes import objects as k8s
from thinkube_catalog.domain.kubernetes import sizes
from thinkube_catalog.domain.kubernetes.knative import knative_objects
from thinkube_catalog.domain.kubernetes.kustomization import KUSTOMIZATION_PATH, kustomization
from thinkube_catalog.domain.kubernetes.metadata import METADATA_PATH, metadata_object
from thinkube_catalog.domain.kubernetes.names import collision_problems, meta, naming_problems
from thinkube_catalog.domain.kubernetes.policies import policy_objects
from thinkube_catalog.domain.kubernetes.storage import claim_objects
from thinkube_catalog.domain.kubernetes.traffic import (
    monitor_objects,
    route_objects,
    service_objects,
)
from thinkube_catalog.domain.kubernetes.values import value_problems
from thinkube_catalog.domain.kubernetes.workloads import (
    budget_objects,
    job_objects,
    workload_objects,
)
from thinkube_catalog.domain.kubernetes.writing import text_of
from thinkube_catalog.domain.rendering import File


class ObjectsInvalidError(InvalidError):
    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__("thinkube.yaml cannot become objects of a cluster", problems)


def project_files(
    descriptor: Descriptor,
    context: ApplicationContext,
    images: Mapping[str, str] | None = None,
) -> dict[str, File]:
    """Return the files of `k8s/` by path: the same bytes for the same input, always.

    `images` are the built ones, as `read_images` finds them in the repository's earlier
    files, so that deploying anew keeps what runs. Raises ObjectsInvalidError with every problem.
    """
    made = _objects(descriptor, context)
    problems = [*naming_problems(descriptor, context), *value_problems(descriptor, context)]
    problems = problems or collision_problems(chain.from_iterable(made.values()))
    if problems:
        raise ObjectsInvalidError(problems)
    names = [path.removeprefix("k8s/") for path in made]
    index = kustomization(descriptor, context, names, images or {})
    texts = {path: text_of(each) for path, each in made.items()}
    texts[KUSTOMIZATION_PATH] = text_of([index])
    return {path: File(text.encode()) for path, text in texts.items()}


def _objects(
    descriptor: Descriptor, context: ApplicationContext
) -> dict[str, list[k8s.KubernetesObject]]:
    """Return the objects of each file, in the order of applying; files without any are left out."""
    made: dict[str, Iterable[k8s.KubernetesObject]] = {METADATA_PATH: [metadata_object(context)]}
    if descriptor.deployment.type != "none":
        made |= {
            "k8s/resource-policies.yaml": _limits(descriptor, context),
            "k8s/service-account.yaml": [_account(context)],
            "k8s/network-policy.yaml": policy_objects(descriptor, context),
            "k8s/storage.yaml": claim_objects(descriptor, context),
            **_running(descriptor, context),
        }
    listed = {path: list(each) for path, each in made.items()}
    return {path: each for path, each in listed.items() if each}


def _running(
    descriptor: Descriptor, context: ApplicationContext
) -> dict[str, Iterable[k8s.KubernetesObject]]:
    if descriptor.deployment.type == "knative":
        return {"k8s/knative-service.yaml": knative_objects(descriptor, context)}
    return {
        "k8s/deployments.yaml": workload_objects(descriptor, context),
        "k8s/jobs.yaml": job_objects(descriptor, context),
        "k8s/disruption-budgets.yaml": budget_objects(descriptor, context),
        "k8s/services.yaml": service_objects(descriptor, context),
        "k8s/routes.yaml": route_objects(descriptor, context),
        "k8s/monitoring.yaml": monitor_objects(descriptor, context),
    }


def _account(context: ApplicationContext) -> k8s.ServiceAccount:
    secret = context.conventions.pull_secret
    return k8s.ServiceAccount(
        metadata=meta(context, context.name),
        image_pull_secrets=(k8s.LocalObjectReference(name=secret),) if secret else (),
    )


def _limits(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[k8s.LimitRange | k8s.ResourceQuota]:
    usual = k8s.LimitRangeItem(
        type="Container",
        default=sizes.limit_of(sizes.UNSIZED),
        default_request=sizes.request_of(sizes.UNSIZED),
    )
    yield k8s.LimitRange(
        metadata=meta(context, "default-resources"),
        spec=k8s.LimitRangeSpec(limits=(usual,)),
    )
    whole = sizes.budget(descriptor)
    requests, limits = sizes.request_of(whole), sizes.limit_of(whole)
    yield k8s.ResourceQuota(
        metadata=meta(context, "resource-budget"),
        spec=k8s.ResourceQuotaSpec(
            hard={
                **{f"requests.{name}": amount for name, amount in requests.items()},
                **{f"limits.{name}": amount for name, amount in limits.items()},
            }
        ),
    )
