"""Logs of all pods of an application as one, with cursors that lose and repeat nothing.

A cursor holds the place in each pod's log: the time of the last line that was given, and how many
lines of that very time were. So a line that arrives late from one pod is not lost because another's
was given already.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from thinkube_catalog.adapters.argocd.answers import LogEntry, Node, Tree
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.status import component_of
from thinkube_catalog.domain.gitops import LogLine

MOST_PODS = 20
"""Logs of more pods are not merged: each costs a question."""

_TAIL = 1000  # lines of a pod that nothing was given of yet

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")

Place = tuple[str, int]
"""The time of the last line that was given, and how many of that time were."""


@dataclass(frozen=True)
class _Line:
    time: str  # with nanoseconds, as it is sorted
    container: str
    pod: str
    text: str
    after: Place


def read_logs(
    applications: Applications, record: str, tree: Tree, container: str, after: str, limit: int
) -> Sequence[LogLine]:
    """Return lines in order, after a cursor, or the last `limit` without one."""
    places = read_cursor(after)
    pods = [node for node in tree.of_kind("Pod") if container in {"", component_of(node)}]
    pods.sort(key=lambda node: str(node.created_at), reverse=True)
    lines: list[_Line] = []
    start = dict(places or {})
    for node in pods[:MOST_PODS]:
        found = _lines_of(applications, record, node, (places or {}).get(node.name), limit)
        lines += found
        if found and node.name not in start:
            start[node.name] = (found[0].time, 0)
    lines.sort(key=lambda line: line.time)
    if limit <= 0:
        return []
    chosen = lines[:limit] if places is not None else lines[-limit:]
    if places is None:
        for line in lines[: len(lines) - len(chosen)]:
            start[line.pod] = line.after
    return _with_cursors(chosen, start)


def _lines_of(
    applications: Applications, record: str, node: Node, place: Place | None, limit: int
) -> list[_Line]:
    asked: dict[str, str | int] = {}
    if component_of(node) != node.name:
        asked["container"] = component_of(node)
    if place is None:
        asked["tailLines"] = max(limit, _TAIL)
    else:
        asked["sinceTime.seconds"] = int(_at(place[0]).timestamp())
    entries = applications.log(record, node, asked)
    return _after(_numbered(entries, node), place)


def _numbered(entries: Sequence[LogEntry], node: Node) -> list[_Line]:
    lines: list[_Line] = []
    for entry in entries:
        if entry.last or not _is_time(entry.time_stamp_str):
            continue  # the end of the stream, or why there is none
        time = _sortable(entry.time_stamp_str)
        count = lines[-1].after[1] + 1 if lines and lines[-1].time == time else 1
        lines.append(_Line(time, component_of(node), node.name, entry.content, (time, count)))
    return lines


def _after(lines: list[_Line], place: Place | None) -> list[_Line]:
    if place is None:
        return lines
    return [line for line in lines if line.after > place]


def _with_cursors(lines: Sequence[_Line], start: Mapping[str, Place]) -> list[LogLine]:
    places = dict(start)
    found = []
    for line in lines:
        places[line.pod] = line.after
        cursor = write_cursor(places)
        found.append(LogLine(_at(line.time), line.container, line.text, cursor))
    return found


def write_cursor(places: Mapping[str, Place]) -> str:
    """Return places as one word that can stand in an address."""
    text = json.dumps({pod: list(place) for pod, place in places.items()}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> dict[str, Place] | None:
    """Return the places of a cursor; None for what is none: that counts as no cursor."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return {str(pod): (_sortable(place[0]), int(place[1])) for pod, place in found.items()}
    except (ValueError, binascii.Error, AttributeError, TypeError, LookupError):
        return None


def _sortable(text: str) -> str:
    """Return a time in UTC with nine digits behind the point.

    Go leaves zeros out at the end, and nodes write their own time zone.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    whole, fraction, zone = found.groups()
    at = datetime.fromisoformat(f"{whole}{'+00:00' if zone == 'Z' else zone}").astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{(fraction or '')[:9]:0<9}Z"


def _at(time: str) -> datetime:
    return datetime.fromisoformat(time[:26]).replace(tzinfo=UTC)


def _is_time(text: str) -> bool:
    """Whether a line was written by a container: Argo CD's own words have Go's zero for a time."""
    return _TIME.fullmatch(text) is not None and not text.startswith("0001-")
