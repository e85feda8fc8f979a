"""Building: what a run waits for before its version can be healthy, where images are built.

A commit that keeps the images of an earlier one is healthy at once, and yet what was changed does
not run. So a version is waited for until its build has ended, and time of building is no time in
which an application could have become healthy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from thinkube_catalog.domain.deployments import Deployment, Event, Run
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.forge import SKIP_BUILD, Build, BuildState, Commit, Repository
from thinkube_catalog.operations.platform import Platform
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
        expected = SKIP_BUILD not in head.message and waited <= NOTICED_WITHIN
        return _again(head, f"waiting for the build of {head.id[:12]}") if expected else None
    if build.state is BuildState.FAILED:
        return Failed((_failed(run, build),))
    if build.state is BuildState.RUNNING:
        return _wait(head, build) if waited <= BUILT_WITHIN else Failed((_slow(run, build),))
    return None


def seconds_building(events: Sequence[Event], now: datetime, commit: str = "") -> float:
    """Return how long a step has waited for builds, or for that of one commit."""
    return seconds_between(events, now, lambda event: _waits(event, commit))


def _waits(event: Event, commit: str) -> bool:
    told = event.details.get(_BUILDING)
    return told == commit if commit else bool(told)


def _follow(platform: Platform, deployment: Deployment, head: Commit) -> Again:
    changed = deployment.changed(platform.now(), commit=head.id)
    platform.deployments.save(replace(changed, problems=()))
    platform.engine.sync(deployment.name, head.id)
    return Again(_SOON, f"bringing up {head.id[:12]}")


def _wait(head: Commit, build: Build) -> Again:
    words = f"building the images of {head.id[:12]}"
    words += f" ({build.description})" if build.description else ""
    return _again(head, f"{words}: {build.url}" if build.url else words, build.url)


def _again(head: Commit, message: str, url: str = "") -> Again:
    return Again(_PAUSE, message, {_BUILDING: head.id, "url": url})


def _failed(run: Run, build: Build) -> Problem:
    where = f": {build.url}" if build.url else ""
    why = f" ({build.description})" if build.description else ""
    return Problem(
        f"its images could not be built{why}{where}",
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
