"""Deployment records that tell somebody of every step and run that ends, for metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from thinkube_catalog.domain.deployments import (
    Deployment,
    Deployments,
    DeploymentSummary,
    Event,
    EventKind,
    Run,
)

_STEP_ENDS = {EventKind.STEP_SUCCEEDED: "succeeded", EventKind.STEP_FAILED: "failed"}


class Observer(Protocol):
    """Who is told, once for each end, after it has been recorded."""

    def run_ended(self, kind: str, outcome: str) -> None: ...

    def step_ended(self, step: str, outcome: str, seconds: float) -> None: ...


class ObservedDeployments:
    """Keeps the promises of `Deployments` as the records behind it do, and tells an observer."""

    def __init__(self, records: Deployments, observer: Observer) -> None:
        self._records = records
        self._observer = observer

    def begin(self, run: Run, deployment: Deployment | None = None) -> Run:
        return self._records.begin(run, deployment)

    def begin_again(self, run_id: str) -> Run:
        return self._records.begin_again(run_id)

    def get(self, name: str) -> Deployment:
        return self._records.get(name)

    def page(self, after: str = "", limit: int = 50) -> Sequence[Deployment]:
        return self._records.page(after, limit)

    def summaries(self) -> Sequence[DeploymentSummary]:
        return self._records.summaries()

    def save(
        self, deployment: Deployment, *events: Event, seen: datetime | None = None
    ) -> Deployment:
        return self._records.save(deployment, *events, seen=seen)

    def run(self, run_id: str) -> Run:
        return self._records.run(run_id)

    def runs(self, deployment: str, limit: int = 50) -> Sequence[Run]:
        return self._records.runs(deployment, limit)

    def unfinished(self) -> Sequence[Run]:
        return self._records.unfinished()

    def save_run(self, run: Run, *events: Event) -> Run:
        saved = self._records.save_run(run, *events)
        # What had ended before is returned as it was stored, and has been told already.
        if run.state.ended and (saved.state, saved.ended_at) == (run.state, run.ended_at):
            self._observer.run_ended(str(run.kind), str(run.state))
        return saved

    def append(self, event: Event) -> Event:
        stored = self._records.append(event)
        outcome = _STEP_ENDS.get(event.kind)
        # A repetition returns the event that was stored first, with that one's time.
        if outcome and stored.at == event.at and event.seconds is not None:
            self._observer.step_ended(event.step, outcome, event.seconds)
        return stored

    def events(self, deployment: str, after: int = 0, limit: int = 500) -> Sequence[Event]:
        return self._records.events(deployment, after, limit)

    def ledger(self, run_id: str) -> Sequence[Event]:
        return self._records.ledger(run_id)
