"""Workloads: a Deployment, Job or CronJob for each container, and what guards their pods."""

from __future__ import annotations

from collections.abc import Iterator

from thinkube_catalog.domain.descriptor import Container, Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.kubernetes import objects as k8s
from thinkube_catalog.domain.kubernetes.names import meta, selector_labels, workload_name
from thinkube_catalog.domain.kubernetes.pods import ends, pod_template
from thinkube_catalog.domain.kubernetes.probes import start_budget
from thinkube_catalog.domain.kubernetes.sizes import gpu_count
from thinkube_catalog.domain.kubernetes.storage import claims_of

_PULL_SECONDS = 600  # for the image, before the container's own time to start
_ATTEMPTS_AGAIN = 2

ANEW = {"argocd.argoproj.io/sync-options": "Force=true,Replace=true"}
"""A Job's pod cannot be changed, so a new version of it takes the old one's place."""


def workload_objects(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[k8s.Deployment]:
    for container in descriptor.containers:
        if not ends(container):
            yield _deployment(descriptor, container, context)


def job_objects(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[k8s.Job | k8s.CronJob]:
    """Make the containers that end. One with a schedule runs at its times, job or not."""
    for container in descriptor.containers:
        if container.schedule:
            yield _cron_job(descriptor, container, context)
        elif container.job:
            yield _job(descriptor, container, context)


def budget_objects(
    descriptor: Descriptor, context: ApplicationContext
) -> Iterator[k8s.PodDisruptionBudget]:
    """Let nodes be drained one pod at a time, where there is more than one."""
    if descriptor.deployment.replicas > 1:
        for container in descriptor.containers:
            if not ends(container):
                yield _budget(container, context)


def _deployment(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> k8s.Deployment:
    return k8s.Deployment(
        metadata=meta(context, workload_name(context, container), container.name),
        spec=k8s.DeploymentSpec(
            replicas=descriptor.deployment.replicas,
            revision_history_limit=3,
            progress_deadline_seconds=progress_deadline(container, context),
            selector=k8s.LabelSelector(match_labels=selector_labels(context, container)),
            strategy=_strategy(descriptor, container, context),
            template=pod_template(descriptor, container, context),
        ),
    )


def progress_deadline(container: Container, context: ApplicationContext) -> int:
    """Seconds after which a roll-out counts as failed: an hour or more with a GPU."""
    seconds = start_budget(container, context.parameters) + _PULL_SECONDS
    return max(seconds, 3600) if gpu_count(container) else seconds


def _strategy(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> k8s.DeploymentStrategy:
    """Start the new pod beside the old one, unless both would need the same volume or GPU."""
    alone = any(not claim.shared for claim in claims_of(container, descriptor, context))
    if alone or gpu_count(container):
        return k8s.DeploymentStrategy(type="Recreate")
    return k8s.DeploymentStrategy(
        type="RollingUpdate",
        rolling_update=k8s.RollingUpdateDeployment(max_surge=1, max_unavailable=0),
    )


def _job(descriptor: Descriptor, container: Container, context: ApplicationContext) -> k8s.Job:
    return k8s.Job(
        metadata=meta(context, workload_name(context, container), container.name, ANEW),
        spec=_job_spec(descriptor, container, context),
    )


def _job_spec(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> k8s.JobSpec:
    return k8s.JobSpec(
        backoff_limit=_ATTEMPTS_AGAIN,
        template=pod_template(descriptor, container, context),
    )


def _cron_job(
    descriptor: Descriptor, container: Container, context: ApplicationContext
) -> k8s.CronJob:
    common = meta(context, workload_name(context, container), container.name)
    return k8s.CronJob(
        metadata=common,
        spec=k8s.CronJobSpec(
            schedule=container.schedule,
            time_zone="Etc/UTC",
            concurrency_policy="Forbid",
            starting_deadline_seconds=300,
            successful_jobs_history_limit=3,
            failed_jobs_history_limit=3,
            job_template=k8s.JobTemplateSpec(
                metadata=k8s.ObjectMeta(labels=common.labels),
                spec=_job_spec(descriptor, container, context),
            ),
        ),
    )


def _budget(container: Container, context: ApplicationContext) -> k8s.PodDisruptionBudget:
    return k8s.PodDisruptionBudget(
        metadata=meta(context, workload_name(context, container), container.name),
        spec=k8s.PodDisruptionBudgetSpec(
            max_unavailable=1,
            selector=k8s.LabelSelector(match_labels=selector_labels(context, container)),
        ),
    )
