"""Says how an application is, from what its state machine holds."""

from __future__ import annotations

from thinkube_catalog.adapters.local_engine.application import ManagedApplication
from thinkube_catalog.adapters.local_engine.conditions import Condition
from thinkube_catalog.domain.gitops import ApplicationStatus, Cause, ContainerStatus, Health

_BADNESS = [Health.HEALTHY, Health.SUSPENDED, Health.PROGRESSING, Health.DEGRADED]


def status_of(application: ManagedApplication) -> ApplicationStatus:
    progress = application.progress
    health, message = _health(application)
    serves = progress.serving if progress.crew or not progress.phase else ""
    shown = application.conditions or application.rolling_conditions
    return ApplicationStatus(
        name=application.name,
        health=health,
        wanted=progress.wanted,
        serving=serves,
        failed=progress.failed,
        url=application.url,
        message=message,
        causes=_causes(application),
        containers=(
            *(_container(each) for each in shown.values()),
            *application.timetable.statuses,
        ),
    )


def _health(application: ManagedApplication) -> tuple[Health, str]:
    progress = application.progress
    if application.declared.removing:
        return Health.PROGRESSING, "being removed"
    if not progress.wanted:
        return Health.MISSING, "the repository has no commit yet"
    if progress.failed:
        return Health.DEGRADED, _failure(application)
    if not application.up_to_date:
        return Health.PROGRESSING, f"{progress.wanted[:7]}: {application.doing or 'starting'}"
    if application.keeping_fault:
        return Health.DEGRADED, application.keeping_fault.message
    return _health_of_crew(application)


def _health_of_crew(application: ManagedApplication) -> tuple[Health, str]:
    conditions = tuple(application.conditions.values())
    if len(conditions) < len(application.progress.crew):
        return Health.PROGRESSING, application.doing or "starting again"
    if application.declared.port and not application.addressed:
        return Health.PROGRESSING, "its address is about to be served again"
    worst = max((each.health for each in conditions), key=_BADNESS.index, default=Health.HEALTHY)
    messages = [each.message for each in conditions if each.health is worst]
    return worst, "healthy" if worst is Health.HEALTHY else "; ".join(messages)


def _failure(application: ManagedApplication) -> str:
    progress = application.progress
    why = "; ".join(cause.message for cause in progress.causes)
    still = f"; {progress.serving[:7]} still serves" if progress.serving else ""
    if progress.serving == progress.wanted:
        still = ""
    return f"{progress.wanted[:7]} failed: {why}{still}"


def _causes(application: ManagedApplication) -> tuple[Cause, ...]:
    found = [*application.progress.causes, application.branch_fault, application.keeping_fault]
    looked = (application.conditions, application.rolling_conditions)
    found += [condition.cause for each in looked for condition in each.values()]
    return tuple(dict.fromkeys(cause for cause in found if cause is not None))


def _container(condition: Condition) -> ContainerStatus:
    return ContainerStatus(
        name=condition.container,
        health=condition.health,
        restarts=condition.state.restarts,
        started_at=condition.state.started_at,
        message=condition.message,
    )
