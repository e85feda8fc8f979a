"""Containers with a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.adapters.local_engine.conftest import Stage
from tests.adapters.local_engine.projects import (
    container,
    project,
    push,
    wait_for,
    wait_healthy,
)
from thinkube_catalog.adapters.local_engine.scheduled import Timetable
from thinkube_catalog.domain.gitops import ApplicationStatus, Health


class Clock:
    """A time that only moves when told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def nightly(status: ApplicationStatus) -> str:
    return next((each.message for each in status.containers if each.name == "nightly"), "")


def scheduled(command: str) -> dict[str, object]:
    return container(
        name="nightly", port=None, health=None, schedule="* * * * *", dev={"command": command}
    )


def test_a_scheduled_container_runs_at_its_times_and_says_how_it_went(
    stage: Stage, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    source = (
        f"open({str(runs)!r}, 'a').write('x')\n"
        f"raise SystemExit(len(open({str(runs)!r}).read()) - 1)\n"
    )
    engine = stage.start()
    clock = Clock()
    engine._applications["legal-qa"].timetable = Timetable(now=clock)
    files = {"job.py": source}
    commit = push(stage.forge, project("one", [container(), scheduled("python3 job.py")], files))
    wait_healthy(engine, commit)
    status = wait_for(engine, lambda now: "has not run yet" in nightly(now))
    assert "next run 2026-01-01 12:01 UTC" in nightly(status)
    clock.at += timedelta(minutes=1)
    wait_for(engine, lambda now: "last run succeeded" in nightly(now))
    clock.at += timedelta(minutes=1)
    status = wait_for(engine, lambda now: "last run ended with exit code 1" in nightly(now))
    assert runs.read_text() == "xx"
    assert status.healthy_for(commit.id)


def test_runs_never_overlap(stage: Stage) -> None:
    engine = stage.start()
    clock = Clock()
    engine._applications["legal-qa"].timetable = Timetable(now=clock)
    commit = push(stage.forge, project("one", [container(), scheduled("sleep 600")]))
    wait_healthy(engine, commit)
    for _ in range(3):
        wait_for(engine, lambda now: bool(nightly(now)))
        clock.at += timedelta(minutes=1)
        wait_for(engine, lambda now: "runs now" in nightly(now))
    wait_for(engine, lambda now: "a run was left out" in nightly(now))
    wait_for(engine, lambda _: len(stage.processes()) == 2)


def test_a_run_is_found_again_after_a_restart_of_the_service(stage: Stage) -> None:
    engine = stage.start()
    clock = Clock()
    engine._applications["legal-qa"].timetable = Timetable(now=clock)
    commit = push(stage.forge, project("one", [container(), scheduled("sleep 600")]))
    wait_healthy(engine, commit)
    wait_for(engine, lambda now: bool(nightly(now)))
    clock.at += timedelta(minutes=1)
    wait_for(engine, lambda now: "runs now" in nightly(now))
    engine = stage.restart()
    wait_for(engine, lambda now: "runs now" in nightly(now) and now.health is Health.HEALTHY)
    wait_for(engine, lambda _: len(stage.processes()) == 2)
