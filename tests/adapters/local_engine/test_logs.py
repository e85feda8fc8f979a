"""Reading logs of several instances by cursor."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.adapters.local_engine.logs import last_lines, read_logs

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

written = st.lists(
    st.tuples(st.integers(1, 3), st.booleans(), st.integers(0, 3)), min_size=0, max_size=40
)
"""Lines: which instance wrote it, whether it began a new file, seconds since the line before."""


def write(root: Path, lines: list[tuple[int, bool, int]]) -> list[str]:
    files, at = dict.fromkeys((1, 2, 3), 1), BEGIN
    for number in files:
        (root / str(number) / "log").mkdir(parents=True)
    texts = []
    for count, (number, rotates, pause) in enumerate(lines):
        files[number] += rotates
        at += timedelta(seconds=pause, microseconds=1)
        text = f"line {count} of {number}"
        with (root / str(number) / "log" / f"{files[number]:08d}.log").open("a") as file:
            file.write(f"{at:%Y-%m-%dT%H:%M:%S.%f}Z {text}\n")
        texts.append(text)
    return texts


@given(lines=written, step=st.integers(1, 7), first=st.integers(1, 45))
def test_reading_in_pieces_gives_every_line_once_and_in_order(
    lines: list[tuple[int, bool, int]], step: int, first: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        texts = write(Path(folder), lines)
        folders = {number: (f"c{number}", Path(folder) / str(number)) for number in (1, 2, 3)}
        read = list(read_logs(folders, "", first))
        assert [line.text for line in read] == texts[-first:]
        cursor = "1.0.0"
        seen: list[str] = []
        while piece := read_logs(folders, cursor, step):
            seen += [line.text for line in piece]
            cursor = piece[-1].cursor
        assert seen == texts


def test_a_line_that_is_still_being_written_waits(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    path = tmp_path / "log" / "00000001.log"
    path.write_text("2026-01-01T00:00:00.000001Z whole\n2026-01-01T00:00:00.000002Z ha")
    folders = {1: ("web", tmp_path)}
    (line,) = read_logs(folders, "", 10)
    assert line.text == "whole"
    with path.open("a") as file:
        file.write("lf\n")
    assert [each.text for each in read_logs(folders, line.cursor, 10)] == ["half"]


def test_a_strange_cursor_means_the_beginning(tmp_path: Path) -> None:
    write(tmp_path, [(1, False, 1)])
    folders = {1: ("web", tmp_path / "1")}
    assert len(read_logs(folders, "../../etc/passwd", 10)) == 1


def test_the_last_lines_reach_back_over_files(tmp_path: Path) -> None:
    write(tmp_path, [(1, True, 1), (1, True, 1), (1, True, 1)])
    assert last_lines(tmp_path / "1", 2) == ("line 1 of 1", "line 2 of 1")
    assert last_lines(tmp_path / "nothing", 2) == ()
