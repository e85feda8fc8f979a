"""Building: what a run waits for before its version can be healthy, where images are built.

A commit that keeps the images of an earlier one is healthy at once, and yet what was changed does
not run. So a version is waited for until its build has ended, and time of building is no time in
which an application could have become healthy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from thinkube_catalog.domain.builds import WORKFLOW_PATH
from thinkube_catalog.domain.deployments import Deployment, Event, Run, State
from thinkube_catalog.domain.errors import CatalogError, InvalidError, Problem
from thinkube_catalog.domain.forge import SKIP_BUILD, Build, BuildState, Commit, Repository
from thinkube_catalog.domain.gitops import ApplicationStatus, Health
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.showing import show_passed
from thinkube_catalog.operations.steps import Again, Failed, seconds_between

BUILT_WITHIN = 7200.0
"""Seconds until a waiting run gives a build up, the time that no runner is free included."""

NOTICED_WITHIN = 20.0
"""Seconds that a forge may take to begin with a build; after that there is none."""

_SOON, _PAUSE = 0.2, 2.0
_BUILDING = "building"


def building(
    platform: Platform, run: Run, deployment: Deployment, past: Sequence[Event]
) -> Again | Failed | None:
    """Say what a run that waits for its version does about the build: None, nothing.

    A commit on top, with which a build ends, is followed at once. `past` are the waiting step's
    events. Raises ForgeUnavailableError.
    """
    repository = Repository(platform.deployments_owner, deployment.name)
    head = platform.forge.head(repository) if platform.conventions.builds else None
    if head is None:
        return None
    if head.id != deployment.commit:
        return _follow(platform, deployment, head)
    build = platform.forge.build(repository, head.id)
    waited = seconds_building(past, platform.now(), head.id)
    if build is None:
        expected = waited <= NOTICED_WITHIN and _builds(platform, repository, head)
        return _again(head, f"waiting for the build of {head.id[:12]}") if expected else None
    if build.state is BuildState.RUNNING:
        return _wait(head, build) if waited <= BUILT_WITHIN else Failed((_slow(run, build),))
    if _has_moved(platform, repository, head.id):
        return _again(head, _moved_words(head.id))
    return Failed((_failed(run, build),)) if build.state is BuildState.FAILED else None


def with_build(
    platform: Platform, deployment: Deployment, status: ApplicationStatus
) -> ApplicationStatus:
    """Return how a deployment is, its build considered: older images make no version healthy.

    Where the forge does not answer, the engine's word counts.
    """
    wanted = deployment.commit
    settled = wanted in {"", deployment.healthy_commit} or status.wanted != wanted
    if settled or not platform.conventions.builds or not status.healthy_for(wanted):
        return status
    repository = Repository(platform.deployments_owner, deployment.name)
    try:
        build = platform.forge.build(repository, wanted)
        due = build is None and _is_due(platform, deployment, repository)
        moved = _is_news(deployment, build) and _has_moved(platform, repository, wanted)
    except CatalogError:
        return status
    if moved:
        return replace(status, health=Health.PROGRESSING, message=_moved_words(wanted))
    if build is not None and build.state is BuildState.FAILED:
        said = _failed_words(build)
        return replace(status, health=Health.DEGRADED, failed=True, message=said)
    if due or (build is not None and build.state is BuildState.RUNNING):
        said = _building_words(wanted, build)
        return replace(status, health=Health.PROGRESSING, message=said)
    return status


def seconds_building(events: Sequence[Event], now: datetime, commit: str = "") -> float:
    """Return how long a step has waited for builds, or for that of one commit."""
    return seconds_between(events, now, lambda event: _waits(event, commit))


def _builds(platform: Platform, repository: Repository, head: Commit) -> bool:
    """Say whether the forge begins to build a commit by itself."""
    if SKIP_BUILD in head.message:
        return False
    try:
        return WORKFLOW_PATH in platform.forge.files(repository, head.id)
    except InvalidError:  # somebody has pushed what no tree of ours can hold
        return True


def _is_due(platform: Platform, deployment: Deployment, repository: Repository) -> bool:
    """Say whether a build of the newest commit may still begin, so soon after the push."""
    if (platform.now() - deployment.changed_at).total_seconds() > NOTICED_WITHIN:
        return False
    head = platform.forge.head(repository)
    if head is None or head.id != deployment.commit:
        return False
    return _builds(platform, repository, head)


def _is_news(deployment: Deployment, build: Build | None) -> bool:
    """Say whether a build has ended of which nothing has been told yet."""
    if build is None or build.state is BuildState.RUNNING:
        return False
    told = deployment.state in {State.DEGRADED, State.FAILED}
    return build.state is BuildState.SUCCEEDED or not told


def _has_moved(platform: Platform, repository: Repository, commit: str) -> bool:
    """Say whether the branch is beyond a commit whose build has ended, by reading it anew.

    A build ends with a push of its own, or is given up for somebody else's, and `head` may tell of
    either a moment after the build's state does.
    """
    newest = platform.forge.history(repository, limit=1)
    return bool(newest) and newest[0].id != commit


def _waits(event: Event, commit: str) -> bool:
    told = event.details.get(_BUILDING)
    return told == commit if commit else bool(told)


def _follow(platform: Platform, deployment: Deployment, head: Commit) -> Again:
    changed = deployment.changed(platform.now(), commit=head.id)
    platform.deployments.save(replace(changed, problems=()))
    show_passed(platform, deployment, head.id)
    platform.engine.sync(deployment.name, head.id)
    return Again(_SOON, f"bringing up {head.id[:12]}")


def _wait(head: Commit, build: Build) -> Again:
    return _again(head, _building_words(head.id, build), build.url)


def _building_words(commit: str, build: Build | None) -> str:
    words = f"building the images of {commit[:12]}"
    if build is None:
        return words
    words += f" ({build.description})" if build.description else ""
    return f"{words}: {build.url}" if build.url else words


def _moved_words(commit: str) -> str:
    return f"the build of {commit[:12]} has ended, and something newer was pushed"


def _failed_words(build: Build) -> str:
    where = f": {build.url}" if build.url else ""
    why = f" ({build.description})" if build.description else ""
    return f"its images could not be built{why}{where}"


def _again(head: Commit, message: str, url: str = "") -> Again:
    return Again(_PAUSE, message, {_BUILDING: head.id, "url": url})


def _failed(run: Run, build: Build) -> Problem:
    return Problem(
        _failed_words(build),
        mend="read the build's log there, then push what mends it, or have the job run again and: "
        f"tkt retry {run.deployment}",
    )


def _slow(run: Run, build: Build) -> Problem:
    where = f": {build.url}" if build.url else ""
    return Problem(
        f"its images were not built within {BUILT_WITHIN / 60:g} minutes{where}",
        mend="look whether a runner is there that takes jobs of this repository, then: "
        f"tkt retry {run.deployment}",
    )
