"""Storage: which claims a deployment has, and where its containers mount them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thinkube_catalog.domain.descriptor import Container, Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.kubernetes.names import meta, workload_name
from thinkube_catalog.domain.kubernetes.objects import (
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    ResourceRequirements,
)
from thinkube_catalog.domain.kubernetes.sizes import gpu_count

MODELS_PATH = "/mlflow-models"
"""Where GPU containers find the models that are kept, as published templates expect."""

KEEP = {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}
"""What people stored outlives the application; removing it is a choice of its own."""


@dataclass(frozen=True)
class Claim:
    """A volume of one container. `shared` when pods on several nodes may write to it."""

    volume: str
    name: str
    path: str
    size: str
    storage_class: str
    shared: bool = False


def claims_of(
    container: Container, descriptor: Descriptor, context: ApplicationContext
) -> list[Claim]:
    """List a container's claims: its `volume`, its `mounts`, and the models of a GPU container.

    A `volume` takes the place of the models, as in Thinkube.
    """
    conventions = context.conventions
    name = workload_name(context, container)
    several = descriptor.deployment.replicas > 1
    size, storage_class = conventions.volume_size, conventions.storage_class
    claims = []
    if container.volume:
        claims.append(
            Claim("storage", f"{name}-storage", container.volume, size, storage_class, several)
        )
    elif gpu_count(container) and MODELS_PATH not in {each.path for each in container.mounts}:
        models, models_class = conventions.models_volume_size, conventions.models_storage_class
        claims.append(Claim("models", f"{name}-models", MODELS_PATH, models, models_class, several))
    for mount in container.mounts:
        shared = several or _users(descriptor, mount.name) > 1
        claim = f"{context.name}-{mount.name}"
        claims.append(Claim(f"mount-{mount.name}", claim, mount.path, size, storage_class, shared))
    return claims


def _users(descriptor: Descriptor, mount: str) -> int:
    return sum(mount in {each.name for each in one.mounts} for one in descriptor.containers)


def claim_objects(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[PersistentVolumeClaim]:
    """Make every claim; containers whose `mounts` have one name share one claim."""
    made: set[str] = set()
    for container in descriptor.containers:
        for claim in claims_of(container, descriptor, context):
            common = claim.volume.startswith("mount-")
            if not (common and claim.name in made):
                yield _claim_object(claim, "" if common else container.name, context)
            made.update({claim.name} if common else ())


def _claim_object(
    claim: Claim, component: str, context: ApplicationContext
) -> PersistentVolumeClaim:
    return PersistentVolumeClaim(
        metadata=meta(context, claim.name, component, KEEP),
        spec=PersistentVolumeClaimSpec(
            access_modes=("ReadWriteMany" if claim.shared else "ReadWriteOnce",),
            storage_class_name=claim.storage_class or None,
            resources=ResourceRequirements(requests={"storage": claim.size}),
        ),
    )
