"""Kubernetes objects as typed values: the parts of the published schemas that we write.

Names are the schemas' own in Python's spelling (`host_path` is `hostPath`); `None` and empty lists
and mappings are left out when written, values without any field set are kept (`emptyDir: {}`).
The tests hold each object against the published schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class ObjectMeta:
    name: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None


class KubernetesObject(Protocol):
    @property
    def api_version(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def metadata(self) -> ObjectMeta: ...


def constant(text: str) -> str:
    """Make a field that is always this text and cannot be given."""
    made: str = field(default=text, init=False)
    return made


@dataclass(frozen=True, kw_only=True)
class LabelSelectorRequirement:
    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LabelSelector:
    match_labels: Mapping[str, str] | None = None
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


# Containers and what they are given


@dataclass(frozen=True, kw_only=True)
class KeySelector:
    """A key of a Secret or a ConfigMap."""

    name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class EnvVarSource:
    secret_key_ref: KeySelector | None = None
    config_map_key_ref: KeySelector | None = None


@dataclass(frozen=True, kw_only=True)
class EnvVar:
    name: str
    value: str | None = None
    value_from: EnvVarSource | None = None


@dataclass(frozen=True, kw_only=True)
class ContainerPort:
    name: str | None = None
    container_port: int
    protocol: str | None = "TCP"


@dataclass(frozen=True, kw_only=True)
class HTTPGetAction:
    path: str
    port: str | int | None = None


@dataclass(frozen=True, kw_only=True)
class TCPSocketAction:
    port: str | int


@dataclass(frozen=True, kw_only=True)
class Probe:
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    timeout_seconds: int | None = None
    failure_threshold: int | None = None


@dataclass(frozen=True, kw_only=True)
class ResourceRequirements:
    requests: Mapping[str, str] | None = None
    limits: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class ContainerResizePolicy:
    resource_name: str
    restart_policy: str


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SeccompProfile:
    type: str


@dataclass(frozen=True, kw_only=True)
class SecurityContext:
    allow_privilege_escalation: bool | None = None
    read_only_root_filesystem: bool | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    capabilities: Capabilities | None = None
    seccomp_profile: SeccompProfile | None = None


@dataclass(frozen=True, kw_only=True)
class SleepAction:
    seconds: int


@dataclass(frozen=True, kw_only=True)
class LifecycleHandler:
    sleep: SleepAction


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    pre_stop: LifecycleHandler


@dataclass(frozen=True, kw_only=True)
class VolumeMount:
    name: str
    mount_path: str


@dataclass(frozen=True, kw_only=True)
class Container:
    name: str
    image: str
    image_pull_policy: str | None = "IfNotPresent"
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    resources: ResourceRequirements
    resize_policy: tuple[ContainerResizePolicy, ...] = ()
    startup_probe: Probe | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    security_context: SecurityContext
    volume_mounts: tuple[VolumeMount, ...] = ()


# Pods


@dataclass(frozen=True, kw_only=True)
class EmptyDir:
    medium: str | None = None
    size_limit: str | None = None


@dataclass(frozen=True, kw_only=True)
class PersistentVolumeClaimSource:
    claim_name: str


@dataclass(frozen=True, kw_only=True)
class Volume:
    name: str
    empty_dir: EmptyDir | None = None
    persistent_volume_claim: PersistentVolumeClaimSource | None = None


@dataclass(frozen=True, kw_only=True)
class NodeSelectorTerm:
    match_expressions: tuple[LabelSelectorRequirement, ...]


@dataclass(frozen=True, kw_only=True)
class NodeSelector:
    node_selector_terms: tuple[NodeSelectorTerm, ...]


@dataclass(frozen=True, kw_only=True)
class NodeAffinity:
    required_during_scheduling_ignored_during_execution: NodeSelector


@dataclass(frozen=True, kw_only=True)
class Affinity:
    node_affinity: NodeAffinity


@dataclass(frozen=True, kw_only=True)
class Toleration:
    key: str
    operator: str
    effect: str


@dataclass(frozen=True, kw_only=True)
class TopologySpreadConstraint:
    max_skew: int
    topology_key: str
    when_unsatisfiable: str
    label_selector: LabelSelector


@dataclass(frozen=True, kw_only=True)
class PodSecurityContext:
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    fs_group: int | None = None
    fs_group_change_policy: str | None = None
    seccomp_profile: SeccompProfile | None = None


@dataclass(frozen=True, kw_only=True)
class PodSpec:
    service_account_name: str
    automount_service_account_token: bool | None = False
    enable_service_links: bool | None = False
    priority_class_name: str | None = None
    runtime_class_name: str | None = None
    restart_policy: str | None = None
    termination_grace_period_seconds: int | None = None
    security_context: PodSecurityContext | None = None
    containers: tuple[Container, ...]
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    volumes: tuple[Volume, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PodTemplateSpec:
    metadata: ObjectMeta
    spec: PodSpec


# Workloads


@dataclass(frozen=True, kw_only=True)
class RollingUpdateDeployment:
    max_surge: int
    max_unavailable: int


@dataclass(frozen=True, kw_only=True)
class DeploymentStrategy:
    type: str
    rolling_update: RollingUpdateDeployment | None = None


@dataclass(frozen=True, kw_only=True)
class DeploymentSpec:
    replicas: int
    revision_history_limit: int
    progress_deadline_seconds: int
    selector: LabelSelector
    strategy: DeploymentStrategy
    template: PodTemplateSpec


@dataclass(frozen=True, kw_only=True)
class Deployment:
    api_version: str = constant("apps/v1")
    kind: str = constant("Deployment")
    metadata: ObjectMeta
    spec: DeploymentSpec


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    backoff_limit: int
    template: PodTemplateSpec


@dataclass(frozen=True, kw_only=True)
class Job:
    api_version: str = constant("batch/v1")
    kind: str = constant("Job")
    metadata: ObjectMeta
    spec: JobSpec


@dataclass(frozen=True, kw_only=True)
class JobTemplateSpec:
    metadata: ObjectMeta
    spec: JobSpec


@dataclass(frozen=True, kw_only=True)
class CronJobSpec:
    schedule: str
    time_zone: str
    concurrency_policy: str
    starting_deadline_seconds: int
    successful_jobs_history_limit: int
    failed_jobs_history_limit: int
    job_template: JobTemplateSpec


@dataclass(frozen=True, kw_only=True)
class CronJob:
    api_version: str = constant("batch/v1")
    kind: str = constant("CronJob")
    metadata: ObjectMeta
    spec: CronJobSpec


@dataclass(frozen=True, kw_only=True)
class PodDisruptionBudgetSpec:
    max_unavailable: int
    selector: LabelSelector


@dataclass(frozen=True, kw_only=True)
class PodDisruptionBudget:
    api_version: str = constant("policy/v1")
    kind: str = constant("PodDisruptionBudget")
    metadata: ObjectMeta
    spec: PodDisruptionBudgetSpec


# What stands around the workloads


@dataclass(frozen=True, kw_only=True)
class ConfigMap:
    api_version: str = constant("v1")
    kind: str = constant("ConfigMap")
    metadata: ObjectMeta
    data: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class LocalObjectReference:
    name: str


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    api_version: str = constant("v1")
    kind: str = constant("ServiceAccount")
    metadata: ObjectMeta
    automount_service_account_token: bool = False
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LimitRangeItem:
    type: str
    default: Mapping[str, str]
    default_request: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class LimitRangeSpec:
    limits: tuple[LimitRangeItem, ...]


@dataclass(frozen=True, kw_only=True)
class LimitRange:
    api_version: str = constant("v1")
    kind: str = constant("LimitRange")
    metadata: ObjectMeta
    spec: LimitRangeSpec


@dataclass(frozen=True, kw_only=True)
class ResourceQuotaSpec:
    hard: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ResourceQuota:
    api_version: str = constant("v1")
    kind: str = constant("ResourceQuota")
    metadata: ObjectMeta
    spec: ResourceQuotaSpec


@dataclass(frozen=True, kw_only=True)
class PersistentVolumeClaimSpec:
    access_modes: tuple[str, ...]
    storage_class_name: str | None = None
    resources: ResourceRequirements


@dataclass(frozen=True, kw_only=True)
class PersistentVolumeClaim:
    api_version: str = constant("v1")
    kind: str = constant("PersistentVolumeClaim")
    metadata: ObjectMeta
    spec: PersistentVolumeClaimSpec
