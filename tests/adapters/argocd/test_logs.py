"""Logs of several pods as one: nothing lost, nothing twice, whatever arrives when."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.argocd.test_argocd_engine import LEGAL_QA, RECORD
from tests.adapters.local_engine.projects import container, project, push, wait_healthy
from tests.argocd_objects import Pod
from tests.argocd_world import ArgoCdWorld
from thinkube_catalog.adapters.argocd.logs import read_cursor, write_cursor
from thinkube_catalog.domain.gitops import LogLine

TWO = [container(), container(name="worker", port=None, health=None)]


def at(second: int, nanoseconds: str = "0") -> str:
    return f"2026-03-01T12:00:{second:02d}.{nanoseconds}Z"


@pytest.fixture
def pods(world: ArgoCdWorld) -> dict[str, Pod]:
    """Two pods that have written lines in turn."""
    world.engine.ensure_application(LEGAL_QA)
    wait_healthy(world.engine, push(world.forge, project("one", TWO)))
    lives = world.argocd.the(RECORD).live.values()
    found = {pod.component: pod for live in lives for pod in live.pods}
    found["web"].lines[:] = [(at(each), f"web {each}") for each in (1, 3, 5)]
    found["worker"].lines[:] = [(at(each), f"worker {each}") for each in (2, 4, 6)]
    return found


def texts(lines: Sequence[LogLine]) -> list[str]:
    return [line.text for line in lines]


def read_on(world: ArgoCdWorld, cursor: str, limit: int) -> list[str]:
    found: list[str] = []
    while lines := world.engine.logs("legal-qa", after=cursor, limit=limit):
        found += texts(lines)
        cursor = lines[-1].cursor
    return found


def test_lines_of_all_pods_come_in_the_order_of_time(
    world: ArgoCdWorld, pods: dict[str, Pod]
) -> None:
    lines = world.engine.logs("legal-qa")
    assert texts(lines) == ["web 1", "worker 2", "web 3", "worker 4", "web 5", "worker 6"]
    assert [line.container for line in lines[:2]] == ["web", "worker"]
    assert texts(world.engine.logs("legal-qa", "worker")) == ["worker 2", "worker 4", "worker 6"]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_reading_on_from_any_line_gives_all_that_follow_once(
    world: ArgoCdWorld, pods: dict[str, Pod], limit: int
) -> None:
    lines = world.engine.logs("legal-qa")
    for number, line in enumerate(lines):
        assert read_on(world, line.cursor, limit) == texts(lines[number + 1 :])


def test_a_line_that_arrives_late_is_not_lost(world: ArgoCdWorld, pods: dict[str, Pod]) -> None:
    cursor = world.engine.logs("legal-qa")[-1].cursor
    pods["web"].lines.append((at(5, "5"), "web, late"))
    assert read_on(world, cursor, 10) == ["web, late"]


def test_lines_of_one_moment_are_told_apart(world: ArgoCdWorld, pods: dict[str, Pod]) -> None:
    pods["web"].lines[:] = [(at(1, "25"), str(number)) for number in range(4)]
    lines = world.engine.logs("legal-qa", "web")
    assert texts(lines) == ["0", "1", "2", "3"]
    assert texts(world.engine.logs("legal-qa", "web", after=lines[1].cursor)) == ["2", "3"]


def test_nodes_may_write_their_own_time_zone(world: ArgoCdWorld, pods: dict[str, Pod]) -> None:
    pods["web"].lines[:] = [("2026-03-01T14:00:03.5+02:00", "web, from afar")]
    assert texts(world.engine.logs("legal-qa"))[:3] == ["worker 2", "web, from afar", "worker 4"]


def test_why_there_is_no_log_is_no_line_of_it(world: ArgoCdWorld, pods: dict[str, Pod]) -> None:
    pods["web"].lines[:] = [("0001-01-01T00:00:00Z", 'container "web" is waiting to start')]
    assert texts(world.engine.logs("legal-qa", "web")) == []


def test_a_pod_that_comes_later_is_read_from_its_beginning(
    world: ArgoCdWorld, pods: dict[str, Pod]
) -> None:
    cursor = world.engine.logs("legal-qa")[-1].cursor
    wait_healthy(
        world.engine, push(world.forge, project("two", [container(size="medium"), TWO[1]]))
    )
    assert "starting" in read_on(world, cursor, 10)


def test_what_is_no_cursor_counts_as_none(world: ArgoCdWorld, pods: dict[str, Pod]) -> None:
    for odd in ("nonsense", "e30x", "W10", "%%%", "eyJhIjpbMV19"):
        assert len(world.engine.logs("legal-qa", after=odd)) == 6


@given(st.dictionaries(st.text(max_size=40), st.integers(0, 9), max_size=5))
def test_places_survive_being_written_as_a_cursor(counts: dict[str, int]) -> None:
    places = {pod: (at(1, "123456789"), count) for pod, count in counts.items()}
    cursor = write_cursor(places)
    assert read_cursor(cursor) == places
    assert cursor.replace("-", "").replace("_", "").isalnum()
