"""Sizes: what containers request and may use, and the budget of the whole namespace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from thinkube_catalog.domain.descriptor import Container, Descriptor
from thinkube_catalog.domain.descriptor.sizes import UNKNOWN_SIZE
from thinkube_catalog.domain.kubernetes.objects import ResourceRequirements

GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class Amounts:
    """Memory in MiB and CPU in thousandths of a core."""

    memory_request: int
    cpu_request: int
    memory_limit: int
    cpu_limit: int


_MEANT = {
    "small": Amounts(128, 100, 256, 500),
    "medium": Amounts(256, 250, 512, 1000),
    "large": Amounts(512, 500, 1024, 2000),
    "xlarge": Amounts(4096, 1000, 16384, 4000),
}
UNSIZED = Amounts(64, 25, 256, 250)
"""For a container that states no size; also what the namespace gives to foreign containers."""

_LEAST_BUDGET = Amounts(8192, 4000, 16384, 8000)


def size_of(container: Container) -> Amounts:
    """Return the size that is meant; an unknown word means small.

    A GPU container without a size is xlarge: 256 MiB would end any model server.
    """
    word = container.size or ("xlarge" if gpu_count(container) else "")
    return _MEANT.get(word, _MEANT[UNKNOWN_SIZE]) if word else UNSIZED


def gpu_count(container: Container) -> int:
    """How many GPUs; stating only their memory means one."""
    if container.gpu is None:
        return 0
    return container.gpu.count or (1 if container.gpu.memory_gib else 0)


def resources(container: Container) -> ResourceRequirements:
    size = size_of(container)
    gpus = gpu_count(container)
    device = {GPU: str(gpus)} if gpus else {}
    return ResourceRequirements(
        requests={**request_of(size), **device},
        limits={**limit_of(size), **device},
    )


def request_of(size: Amounts) -> dict[str, str]:
    return {"memory": memory(size.memory_request), "cpu": cpu(size.cpu_request)}


def limit_of(size: Amounts) -> dict[str, str]:
    return {"memory": memory(size.memory_limit), "cpu": cpu(size.cpu_limit)}


def budget(descriptor: Descriptor) -> Amounts:
    """Return the namespace's quota: at least Thinkube's, and enough for all pods and one surge.

    A quota smaller than the application would leave pods uncreated without a visible reason.
    """
    if descriptor.deployment.type == "knative":
        pods = max(descriptor.deployment.max_scale, 1) + 1
    else:
        pods = max(descriptor.deployment.replicas, 1) + 1
    wanted = _times(_total(size_of(each) for each in descriptor.containers), pods)
    return Amounts(
        max(wanted.memory_request, _LEAST_BUDGET.memory_request),
        max(wanted.cpu_request, _LEAST_BUDGET.cpu_request),
        max(wanted.memory_limit, _LEAST_BUDGET.memory_limit),
        max(wanted.cpu_limit, _LEAST_BUDGET.cpu_limit),
    )


def _total(sizes: Iterable[Amounts]) -> Amounts:
    total = Amounts(0, 0, 0, 0)
    for size in sizes:
        total = Amounts(
            total.memory_request + size.memory_request,
            total.cpu_request + size.cpu_request,
            total.memory_limit + size.memory_limit,
            total.cpu_limit + size.cpu_limit,
        )
    return total


def _times(size: Amounts, factor: int) -> Amounts:
    return Amounts(
        size.memory_request * factor,
        size.cpu_request * factor,
        size.memory_limit * factor,
        size.cpu_limit * factor,
    )


def memory(mebibytes: int) -> str:
    return f"{mebibytes // 1024}Gi" if mebibytes % 1024 == 0 else f"{mebibytes}Mi"


def cpu(thousandths: int) -> str:
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"
