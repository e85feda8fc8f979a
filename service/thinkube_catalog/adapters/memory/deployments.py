"""Deployment records in memory, under one lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from threading import Lock

from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentBusyError,
    DeploymentNotFoundError,
    DeploymentSummary,
    DeploymentTakenError,
    Event,
    EventKind,
    Run,
    RunNotFoundError,
    State,
    continues,
    next_attempt,
)


class MemoryDeployments:
    """Keeps the promises of `Deployments` for as long as the process lives."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._deployments: dict[str, Deployment] = {}
        self._runs: dict[str, Run] = {}
        self._events: list[Event] = []

    def begin(self, run: Run, deployment: Deployment | None = None) -> Run:
        with self._lock:
            if earlier := self._by_key(run):
                return earlier
            self._refuse_busy(run)
            if deployment is not None:
                self._refuse_taken(deployment)
                self._deployments[deployment.id] = deployment
            self._runs[run.id] = run
            return run

    def begin_again(self, run_id: str) -> Run:
        with self._lock:
            again = next_attempt(self._run(run_id))
            if again is not self._runs[run_id]:
                self._refuse_busy(again)
                self._runs[run_id] = again
            return again

    def get(self, name: str) -> Deployment:
        with self._lock:
            for deployment in self._deployments.values():
                if deployment.name == name and deployment.state is not State.REMOVED:
                    return deployment
        raise DeploymentNotFoundError(name)

    def page(self, after: str = "", limit: int = 50) -> Sequence[Deployment]:
        with self._lock:
            living = [d for d in self._deployments.values() if d.state is not State.REMOVED]
        following = (d for d in living if d.name > after)
        return sorted(following, key=lambda deployment: deployment.name)[:limit]

    def summaries(self) -> Sequence[DeploymentSummary]:
        return [_summary(each) for each in self.page(limit=len(self._deployments))]

    def save(
        self, deployment: Deployment, *events: Event, seen: datetime | None = None
    ) -> Deployment:
        with self._lock:
            stored = self._deployments.get(deployment.id)
            if stored is None:
                raise DeploymentNotFoundError(deployment.name)
            if seen is not None and stored.changed_at != seen:
                return stored
            self._deployments[deployment.id] = deployment
            self._store(events)
            return deployment

    def run(self, run_id: str) -> Run:
        with self._lock:
            return self._run(run_id)

    def runs(self, deployment: str, limit: int = 50) -> Sequence[Run]:
        with self._lock:
            runs = [run for run in self._runs.values() if run.deployment == deployment]
        return runs[::-1][:limit]

    def unfinished(self) -> Sequence[Run]:
        with self._lock:
            return [run for run in self._runs.values() if not run.state.ended]

    def save_run(self, run: Run, *events: Event) -> Run:
        with self._lock:
            stored = self._run(run.id)
            if not continues(stored, run):
                return stored
            cancel = run.cancel_requested or stored.cancel_requested
            saved = replace(run, cancel_requested=cancel)
            self._runs[run.id] = saved
            self._store(events)
            return saved

    def append(self, event: Event) -> Event:
        with self._lock:
            return self._store([event])[0]

    def events(self, deployment: str, after: int = 0, limit: int = 500) -> Sequence[Event]:
        with self._lock:
            following = self._events[max(after, 0) :]  # cursors count from 1 without gaps
        return [event for event in following if event.deployment == deployment][:limit]

    def ledger(self, run_id: str) -> Sequence[Event]:
        with self._lock:
            return [event for event in self._events if event.run == run_id]

    def _run(self, run_id: str) -> Run:
        if run_id not in self._runs:
            raise RunNotFoundError(run_id)
        return self._runs[run_id]

    def _by_key(self, run: Run) -> Run | None:
        if not run.key:
            return None
        same = (r for r in self._runs.values() if r.deployment == run.deployment)
        return next((earlier for earlier in same if earlier.key == run.key), None)

    def _refuse_busy(self, run: Run) -> None:
        for other in self._runs.values():
            if other.deployment_id == run.deployment_id and not other.state.ended:
                raise DeploymentBusyError(run.deployment, other.kind)

    def _refuse_taken(self, deployment: Deployment) -> None:
        for other in self._deployments.values():
            same_name = other.name == deployment.name and other.state is not State.REMOVED
            if same_name and other.id != deployment.id:
                raise DeploymentTakenError(deployment.name)

    def _store(self, events: Sequence[Event]) -> list[Event]:
        return [self._store_one(event) for event in events]

    def _store_one(self, event: Event) -> Event:
        if event.run and event.kind is not EventKind.STEP_PROGRESS:
            for stored in self._events:
                if stored.identity == event.identity:
                    return stored
        stored = replace(event, cursor=len(self._events) + 1)
        self._events.append(stored)
        return stored


def _summary(deployment: Deployment) -> DeploymentSummary:
    return DeploymentSummary(
        name=deployment.name,
        template=deployment.template,
        version=deployment.release.version,
        state=deployment.state,
        owner=str(deployment.answers.get("author_name") or ""),
        url=deployment.url,
        changed_at=deployment.changed_at,
        healthy_commit=deployment.healthy_commit,
    )
