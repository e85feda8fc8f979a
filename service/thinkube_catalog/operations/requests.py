"""What requests of every kind have in common: a key that makes them safe to repeat, and a run."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from thinkube_catalog.domain.deployments import Deployment, KeyReusedError, Run, RunKind
from thinkube_catalog.operations.platform import Platform


def earlier_request(
    platform: Platform, deployment: Deployment, kind: RunKind, key: str, asked: Mapping[str, object]
) -> Run | None:
    """Return the run that was asked for with this key. Raises KeyReusedError if it is another."""
    runs = platform.deployments.runs(deployment.name) if key else ()
    earlier = next((run for run in runs if run.key == key), None)
    if earlier is not None:
        same = all(earlier.input.get(name) == value for name, value in asked.items())
        if earlier.kind is not kind or not same:
            raise KeyReusedError(key)
    return earlier


def new_run(
    platform: Platform, deployment: Deployment, kind: RunKind, key: str, asked: Mapping[str, object]
) -> Run:
    return Run(
        id=uuid4().hex,
        deployment_id=deployment.id,
        deployment=deployment.name,
        kind=kind,
        created_at=platform.now(),
        key=key,
        input=asked,
    )


def begin(platform: Platform, run: Run, deployment: Deployment) -> Run:
    """Record the run with what it makes of its deployment, and start it."""
    begun = platform.deployments.begin(run, deployment)
    platform.runs.start(begun)
    return begun
