"""Reads what supervisors wrote: several instances' lines in order of time, with exact cursors.

A cursor names for each instance the file and the byte to go on at: `7.1.2048_9.3.0`.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from thinkube_catalog.domain.gitops import LogLine

_CURSOR = re.compile(r"{0}(_{0})*".format(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,15}"))
_BLOCK = 64 * 1024


@dataclass(frozen=True)
class Position:
    """Within the log of one instance: a file's number and a byte in it."""

    file: int = 0
    offset: int = 0


@dataclass(frozen=True)
class _Line:
    at: datetime
    text: str
    after: Position


def read_logs(folders: Mapping[int, tuple[str, Path]], after: str, limit: int) -> Sequence[LogLine]:
    """Return up to `limit` lines after a cursor; without one, the last `limit` lines.

    `folders` gives container and folder by number of instance. A cursor that is none of ours
    counts as the beginning.
    """
    if after:
        positions = _positions(after)
        return list(_merged(folders, positions, limit))
    positions, total = _tails(folders, limit)
    return list(_merged(folders, positions, total))[-limit:] if limit > 0 else []


def last_lines(folder: Path, limit: int) -> tuple[str, ...]:
    """Return the last lines of one instance, without their times."""
    lines: list[str] = []
    for path in reversed(_files(folder)):
        lines = [line.text for line in _lines(path, _tail_offset(path, limit))] + lines
        if len(lines) >= limit:
            break
    return tuple(lines[-limit:])


def _merged(
    folders: Mapping[int, tuple[str, Path]], positions: Mapping[int, Position], limit: int
) -> Iterator[LogLine]:
    streams = [
        _keyed(number, _following(folder, positions.get(number, Position())))
        for number, (_, folder) in sorted(folders.items())
    ]
    reached = {number: positions[number] for number in folders if number in positions}
    for count, (at, number, line) in enumerate(heapq.merge(*streams, key=lambda row: row[:2])):
        if count == limit:
            return
        reached[number] = line.after
        yield LogLine(at, folders[number][0], line.text, _cursor(reached))


def _keyed(number: int, lines: Iterator[_Line]) -> Iterator[tuple[datetime, int, _Line]]:
    for line in lines:
        yield line.at, number, line


def _tails(folders: Mapping[int, tuple[str, Path]], limit: int) -> tuple[dict[int, Position], int]:
    positions, total = {}, 0
    for number, (_, folder) in folders.items():
        count = 0
        for path in reversed(_files(folder)):
            offset = _tail_offset(path, limit - count)
            positions[number] = Position(int(path.stem), offset)
            count += sum(1 for _ in _lines(path, offset))
            if count >= limit:
                break
        total += count
    return positions, total


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "log").glob("*.log") if path.stem.isdigit())


def _following(folder: Path, position: Position) -> Iterator[_Line]:
    for path in _files(folder):
        number = int(path.stem)
        if number >= position.file:
            yield from _lines(path, position.offset if number == position.file else 0)


def _lines(path: Path, offset: int) -> Iterator[_Line]:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            for raw in file:
                if not raw.endswith(b"\n"):
                    return  # still being written
                offset += len(raw)
                if (line := _line(raw, Position(int(path.stem), offset))) is not None:
                    yield line
    except FileNotFoundError:
        return  # rotated away meanwhile


def _line(raw: bytes, after: Position) -> _Line | None:
    stamp, _, text = raw[:-1].partition(b" ")
    try:
        at = datetime.fromisoformat(stamp.decode().removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None
    return _Line(at, text.decode("utf-8", "replace"), after)


def _tail_offset(path: Path, limit: int) -> int:
    """Return where the last `limit` lines of a file begin."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        content = b""
        while end > 0 and content.count(b"\n") <= limit:
            start = max(0, end - _BLOCK)
            file.seek(start)
            content = file.read(end - start) + content
            end = start
    lines = content.splitlines(keepends=True)
    kept = sum(len(line) for line in lines[-limit:]) if limit > 0 else 0
    return end + len(content) - kept


def _cursor(positions: Mapping[int, Position]) -> str:
    return "_".join(
        f"{number}.{each.file}.{each.offset}" for number, each in sorted(positions.items())
    )


def _positions(cursor: str) -> dict[int, Position]:
    if not _CURSOR.fullmatch(cursor):
        return {}
    rows = (map(int, part.split(".")) for part in cursor.split("_"))
    return {number: Position(file, offset) for number, file, offset in rows}
