"""Pods: from one container of the descriptor to the pod that runs it."""

from __future__ import annotations

from collections.abc import Iterator

from thinkube_catalog.domain.descriptor import Container, Descriptor, Variable
from thinkube_catalog.domain.environment import ApplicationContext, container_environment
from thinkube_catalog.domain.kubernetes import objects as k8s
from thinkube_catalog.domain.kubernetes.names import (
    cluster_address,
    labels,
    selector_labels,
    unbuilt_image,
)
from thinkube_catalog.domain.kubernetes.probes import (
    liveness_probe,
    readiness_probe,
    startup_probe,
)
from thinkube_catalog.domain.kubernetes.security import (
    STRICT,
    container_security,
    level_of,
    pod_security,
)
from thinkube_catalog.domain.kubernetes.sizes import GPU, gpu_count, memory, resources, size_of
from thinkube_catalog.domain.kubernetes.storage import MODELS_PATH, claims_of

CACHE_PATH = "/cache"
_DRAIN_SECONDS = 5


def pod_template(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> k8s.PodTemplateSpec:
    """Make the pod of a container: one that serves, or for a job one that ends."""
    conventions = context.conventions
    gpus = gpu_count(container)
    return k8s.PodTemplateSpec(
        metadata=k8s.ObjectMeta(labels=labels(context, container.name)),
        spec=k8s.PodSpec(
            service_account_name=context.name,
            priority_class_name=conventions.priority_class or None,
            runtime_class_name=(conventions.gpu_runtime_class or None) if gpus else None,
            restart_policy="Never" if ends(container) else None,
            termination_grace_period_seconds=60 if gpus else 30,
            security_context=pod_security(container),
            containers=(_container(descriptor, container, context),),
            affinity=_affinity(container, context),
            tolerations=_tolerations(container),
            topology_spread_constraints=_spread(descriptor, container, context),
            volumes=volumes(descriptor, container, context),
        ),
    )


def ends(container: Container) -> bool:
    """Whether a container runs to its end, once or at its times, instead of serving."""
    return container.job or bool(container.schedule)


def _container(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> k8s.Container:
    serves = not ends(container)
    port = container.port
    return k8s.Container(
        name=container.name,
        image=unbuilt_image(context, container),
        ports=(k8s.ContainerPort(name="http", container_port=port),) if port else (),
        env=environment(descriptor, container, context),
        resources=resources(container),
        resize_policy=_RESIZE if serves else (),
        startup_probe=startup_probe(container, context.parameters) if serves else None,
        liveness_probe=liveness_probe(container) if serves else None,
        readiness_probe=readiness_probe(container) if serves else None,
        lifecycle=_DRAIN if serves and port else None,
        security_context=container_security(container),
        volume_mounts=volume_mounts(descriptor, container, context),
    )


_RESIZE = (
    k8s.ContainerResizePolicy(resource_name="cpu", restart_policy="NotRequired"),
    k8s.ContainerResizePolicy(resource_name="memory", restart_policy="RestartContainer"),
)
# Requests still arrive for a moment after a pod has been told to end.
_DRAIN = k8s.Lifecycle(pre_stop=k8s.LifecycleHandler(sleep=k8s.SleepAction(seconds=_DRAIN_SECONDS)))


def environment(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> tuple[k8s.EnvVar, ...]:
    address = cluster_address(descriptor, context)
    found = container_environment(descriptor, container, context, address)
    names = {each.name for each in found}
    places = (each for each in _writable_places(container) if each.name not in names)
    return tuple(_variable(each) for each in (*places, *found))


def _writable_places(container: Container) -> Iterator[Variable]:
    """Point software at folders it can write to."""
    if level_of(container) == STRICT:
        yield Variable("HOME", "/tmp")  # noqa: S108 (a volume of the pod's own)
    if gpu_count(container):
        yield Variable("FLASHINFER_WORKSPACE_BASE", CACHE_PATH)
        yield Variable("VLLM_CACHE_ROOT", f"{CACHE_PATH}/vllm")
        yield Variable("TRITON_CACHE_DIR", f"{CACHE_PATH}/triton")
        if not container.volume:
            yield Variable("HF_HOME", MODELS_PATH)


def _variable(variable: Variable) -> k8s.EnvVar:
    if variable.secret:
        secret = k8s.KeySelector(name=variable.secret, key=variable.key)
        return k8s.EnvVar(name=variable.name, value_from=k8s.EnvVarSource(secret_key_ref=secret))
    if variable.config_map:
        entry = k8s.KeySelector(name=variable.config_map, key=variable.key)
        return k8s.EnvVar(name=variable.name, value_from=k8s.EnvVarSource(config_map_key_ref=entry))
    value = variable.value or ""
    return k8s.EnvVar(name=variable.name, value=value if variable.references else literal(value))


def literal(value: str) -> str:
    """Keep Kubernetes from replacing `$(NAME)` and from reading `$$` as one sign."""
    return value.replace("$", "$$") if "$(" in value or "$$" in value else value


def volumes(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> tuple[k8s.Volume, ...]:
    return (
        *(
            k8s.Volume(
                name=claim.volume,
                persistent_volume_claim=k8s.PersistentVolumeClaimSource(claim_name=claim.name),
            )
            for claim in claims_of(container, descriptor, context)
        ),
        *(k8s.Volume(name=name, empty_dir=kind) for name, _, kind in _scratch(container)),
    )


def volume_mounts(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> tuple[k8s.VolumeMount, ...]:
    return (
        *(
            k8s.VolumeMount(name=claim.volume, mount_path=claim.path)
            for claim in claims_of(container, descriptor, context)
        ),
        *(k8s.VolumeMount(name=name, mount_path=path) for name, path, _ in _scratch(container)),
    )


def _scratch(container: Container) -> Iterator[tuple[str, str, k8s.EmptyDir]]:
    """Volumes that live as long as their pod: name, path and kind."""
    taken = {container.volume, *(each.path for each in container.mounts)}
    if level_of(container) == STRICT and "/tmp" not in taken:  # noqa: S108 (a volume)
        yield "tmp", "/tmp", k8s.EmptyDir()  # noqa: S108 (a volume)
    if gpu_count(container):
        if CACHE_PATH not in taken:
            yield "cache", CACHE_PATH, k8s.EmptyDir()
        if "/dev/shm" not in taken:  # noqa: S108 (a volume)
            # Processes of one model exchange tensors there; the runtime's 64 MiB end them.
            half = memory(size_of(container).memory_limit // 2)
            yield "shm", "/dev/shm", k8s.EmptyDir(medium="Memory", size_limit=half)  # noqa: S108


def _affinity(container: Container, context: ApplicationContext) -> k8s.Affinity | None:
    """Require a node whose GPUs have the memory asked for (the label counts MiB)."""
    gib = container.gpu.memory_gib if container.gpu else 0
    if not gib:
        return None
    least = gib * 1024 * (100 - context.conventions.gpu_memory_slack) // 100
    enough = k8s.LabelSelectorRequirement(
        key="nvidia.com/gpu.memory", operator="Gt", values=(str(least - 1),)
    )
    terms = (k8s.NodeSelectorTerm(match_expressions=(enough,)),)
    return k8s.Affinity(
        node_affinity=k8s.NodeAffinity(
            required_during_scheduling_ignored_during_execution=k8s.NodeSelector(
                node_selector_terms=terms
            )
        )
    )


def _tolerations(container: Container) -> tuple[k8s.Toleration, ...]:
    if not gpu_count(container):
        return ()
    return (k8s.Toleration(key=GPU, operator="Exists", effect="NoSchedule"),)


def _spread(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> tuple[k8s.TopologySpreadConstraint, ...]:
    if descriptor.deployment.replicas < 2 or ends(container):  # noqa: PLR2004 (one alone is spread)
        return ()
    return (
        k8s.TopologySpreadConstraint(
            max_skew=1,
            topology_key="kubernetes.io/hostname",
            when_unsatisfiable="ScheduleAnyway",
            label_selector=k8s.LabelSelector(match_labels=selector_labels(context, container)),
        ),
    )
