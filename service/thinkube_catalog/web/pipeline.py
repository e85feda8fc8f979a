"""A run as its steps: which are done, which one is under way, and how long each took."""

from __future__ import annotations

from collections.abc import Sequence

from thinkube_catalog.domain.deployments import Event, EventKind, Run, RunState
from thinkube_catalog.operations import runs
from thinkube_catalog.web.pages import StepLine


def steps_of(run: Run, ledger: Sequence[Event]) -> tuple[StepLine, ...]:
    """Return the run's steps in order, as its ledger says, whatever else may be believed."""
    following = runs.next_step(run, ledger)
    current = following.name if following is not None else ""
    lines: list[StepLine] = []
    reached = False
    for step in runs.plan(run):
        reached = reached or step.name == current
        own = [event for event in ledger if event.step == step.name]
        state = _state(run, own, step.name == current) if reached else "done"
        lines.append(_line(step.name, step.title, state, own, run.attempt))
    return tuple(lines)


def _state(run: Run, own: Sequence[Event], current: bool) -> str:
    if not current:
        return "waiting"
    if not run.state.ended:
        return "active" if run.state is RunState.RUNNING else "waiting"
    mine = [event.kind for event in own if event.attempt == run.attempt]
    if EventKind.STEP_FAILED in mine or run.state is RunState.FAILED:
        return "failed"
    return "cancelled"


def _line(name: str, title: str, state: str, own: Sequence[Event], attempt: int) -> StepLine:
    mine = [event for event in own if event.attempt == attempt] or list(own)
    last = mine[-1] if mine and state != "waiting" else None
    ended = last.seconds if last is not None else None
    return StepLine(
        name=name,
        title=title,
        state=state,
        message=last.message if last is not None and last.message != title else "",
        seconds=ended,
        since=mine[0].at if state == "active" and mine else None,
    )
