"""The steps that bring a published commit to life: register, sync, wait until it is healthy."""

from __future__ import annotations

from dataclasses import replace

from thinkube_catalog.domain.deployments import Deployment, Event, Run
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.forge import Commit, Forge, Repository, RolloutState, Signature
from thinkube_catalog.domain.gitops import Application, ApplicationStatus, Cause
from thinkube_catalog.operations.building import building, seconds_building
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.showing import show, show_passed
from thinkube_catalog.operations.steps import (
    Again,
    Done,
    Failed,
    Outcome,
    Step,
    deployment_of,
    events_of,
    seconds_at_work,
)

HEALTHY_WITHIN = 900.0
"""Seconds until a waiting run gives up, where neither the request nor a GPU says otherwise."""

HEALTHY_WITHIN_ON_GPU = 3600.0
"""The same for a container on a GPU: images and models of tens of GiB have to be loaded."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 2.0

_SERVICE = "Thinkube Catalog"
_SERVICE_EMAIL = "catalog@thinkube.local"
_RUN_TRAILER = "Thinkube-Run"


def repository_of(platform: Platform, name: str) -> Repository:
    """Return where a deployment's project lives."""
    return Repository(platform.deployments_owner, name)


def signature_of(run: Run) -> Signature:
    """Return who signs a run's commit. The time is the run's, so repeating it gives the same id."""
    by = str(run.input.get("by") or _SERVICE)
    return Signature(by, _SERVICE_EMAIL, run.created_at.replace(microsecond=0))


def message_of(run: Run, subject: str) -> str:
    """Return a commit message that names the run, so that the commit is found again by it."""
    return f"{subject}\n\n{_RUN_TRAILER}: {run.id}\n"


def run_named_by(commit: Commit) -> str:
    """Return the id of the run that made a commit; empty for a person's commit."""
    lines = (line.partition(": ") for line in commit.message.splitlines())
    return next((value.strip() for key, _, value in lines if key == _RUN_TRAILER), "")


def published_by(forge: Forge, repository: Repository, run: Run) -> Commit | None:
    """Return the commit that this run has published already, before the service stopped."""
    for commit in forge.history(repository):
        if run_named_by(commit) == run.id:
            return commit
    return None


def register(platform: Platform, run: Run) -> Outcome:
    """Tell the engine about the application."""
    ensure_application(platform, deployment_of(platform, run))
    return Done("the engine keeps it running from now on")


def ensure_application(platform: Platform, deployment: Deployment) -> None:
    """Have the engine keep the deployment running, with the secrets that its record names."""
    platform.engine.ensure_application(
        Application(
            deployment.name,
            repository_of(platform, deployment.name),
            deployment.id,
            dict(deployment.secrets),
        )
    )


def sync(platform: Platform, run: Run) -> Outcome:
    """Have the engine bring up the newest commit, and forget its earlier failure."""
    deployment = deployment_of(platform, run)
    head = platform.forge.head(repository_of(platform, deployment.name))
    commit = head.id if head else deployment.commit
    if commit != deployment.commit:
        platform.deployments.save(deployment.changed(platform.now(), commit=commit))
    platform.engine.sync(deployment.name, commit)
    wanted = replace(deployment, commit=commit)
    show(platform, wanted, RolloutState.PENDING, "being deployed")
    return Done(f"bringing up {commit[:12]}", {"commit": commit})


def healthy(platform: Platform, run: Run) -> Outcome:
    """Wait until the engine says healthy for the newest commit, or says why it will not be."""
    deployment = deployment_of(platform, run)
    status = platform.engine.status(deployment.name)
    deployment = _with_newest_commit(platform, deployment, status)
    past = _events(platform, run)
    waits = building(platform, run, deployment, past)
    if isinstance(waits, Again):
        return waits
    if waits is not None:
        return _given_up(platform, deployment, waits)
    if status.healthy_for(deployment.commit):
        saved = deployment.changed(
            platform.now(), url=status.url, healthy_commit=deployment.commit, problems=()
        )
        platform.deployments.save(saved)
        show(platform, saved, RolloutState.SUCCEEDED, "healthy")
        where = f" at {status.url}" if status.url else ""
        return Done(f"healthy{where}", {"commit": saved.commit, "url": status.url})
    if status.failed and status.wanted == deployment.commit:
        return _given_up(platform, deployment, Failed(_why(status)))
    waited = _waited(platform, past)
    if waited > deadline_of(run):
        return _given_up(platform, deployment, Failed((_too_late(run), *_why(status))))
    pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, waited / 10))
    return Again(pause, describe(status))


def deadline_of(run: Run) -> float:
    """Return within how many seconds the run's application has to be healthy."""
    asked = run.input.get("healthy_within")
    return float(asked) if isinstance(asked, int | float) else HEALTHY_WITHIN


def describe(status: ApplicationStatus) -> str:
    """Say in one line how an application is."""
    if status.causes:
        return "; ".join(cause.message for cause in status.causes)
    return status.message or str(status.health)


def problem_of(cause: Cause) -> Problem:
    """Return a cause as a problem. Log lines stay with the engine: they may hold anything."""
    return Problem(cause.message, field=cause.container, mend=cause.mend)


def _with_newest_commit(
    platform: Platform, deployment: Deployment, status: ApplicationStatus
) -> Deployment:
    # Somebody may push while a run waits; the run then waits for what was pushed.
    if status.wanted in {"", deployment.commit}:
        return deployment
    head = platform.forge.head(repository_of(platform, deployment.name))
    if head is None or head.id == deployment.commit:
        return deployment
    changed = deployment.changed(platform.now(), commit=head.id)
    show_passed(platform, deployment, head.id)
    return platform.deployments.save(replace(changed, problems=()))


def _why(status: ApplicationStatus) -> tuple[Problem, ...]:
    if status.causes:
        return tuple(problem_of(cause) for cause in status.causes)
    return (Problem(describe(status)),)


def _given_up(platform: Platform, deployment: Deployment, failed: Failed) -> Failed:
    words = "; ".join(problem.message for problem in failed.problems)
    show(platform, deployment, RolloutState.FAILED, words)
    return failed


def _events(platform: Platform, run: Run) -> list[Event]:
    return events_of(platform.deployments.ledger(run.id), HEALTHY.name, run.attempt)


def _waited(platform: Platform, past: list[Event]) -> float:
    """Return how long the application has had to become healthy: not while it was being built."""
    now = platform.now()
    return seconds_at_work(past, now) - seconds_building(past, now)


def _too_late(run: Run) -> Problem:
    minutes = deadline_of(run) / 60
    return Problem(
        f"it did not become healthy within {minutes:.3g} minutes",
        mend=f"read its log with: tkt logs {run.deployment}",
    )


REGISTER = Step("register", "Register with the GitOps engine", register)
SYNC = Step("sync", "Bring up the new version", sync, every_attempt=True)
HEALTHY = Step("healthy", "Wait until it is healthy", healthy)
