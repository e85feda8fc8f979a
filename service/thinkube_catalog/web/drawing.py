"""The map as a drawing: boxes in columns, what is used to the left of what uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from thinkube_catalog.operations.connections import Connection

WIDTH, HEIGHT = 220, 64
GAP_X, GAP_Y = 110, 22
MARGIN = 16
LABEL = 24


@dataclass(frozen=True)
class Node:
    """One thing to draw. `state` is a deployment's state, or `configured` for an endpoint."""

    name: str
    kind: str
    state: str
    to: str


@dataclass(frozen=True)
class Box:
    """A node at its place; `label` is its name, shortened where it is long."""

    node: Node
    x: int
    y: int
    label: str
    under: str


@dataclass(frozen=True)
class Path:
    connection: Connection
    shape: str


@dataclass(frozen=True)
class Drawing:
    width: int
    height: int
    boxes: tuple[Box, ...]
    paths: tuple[Path, ...]


def draw(nodes: Sequence[Node], connections: Iterable[Connection]) -> Drawing:
    """Place every node in the column behind all that it uses; circles of use do no harm."""
    known = {node.name for node in nodes}
    links = [each for each in connections if {each.user, each.provider} <= known]
    columns = _columns(nodes, links)
    places: dict[str, tuple[int, int]] = {}
    boxes = []
    rows: dict[int, int] = {}
    for node in sorted(nodes, key=lambda each: (columns[each.name], each.name)):
        column = columns[node.name]
        row = rows.get(column, 0)
        rows[column] = row + 1
        x = MARGIN + column * (WIDTH + GAP_X)
        y = MARGIN + row * (HEIGHT + GAP_Y)
        places[node.name] = (x, y)
        boxes.append(Box(node, x, y, _short(node.name), _short(node.kind)))
    width = 2 * MARGIN + (max(columns.values(), default=0) + 1) * (WIDTH + GAP_X) - GAP_X
    height = 2 * MARGIN + max(rows.values(), default=0) * (HEIGHT + GAP_Y) - GAP_Y
    paths = tuple(Path(each, _curve(places[each.provider], places[each.user])) for each in links)
    return Drawing(width, max(height, 0), tuple(boxes), paths)


def _columns(nodes: Sequence[Node], links: Sequence[Connection]) -> Mapping[str, int]:
    columns = {node.name: 0 for node in nodes}
    for _ in range(min(len(nodes), 12)):  # longer chains are drawn as far as that
        moved = False
        for link in links:
            wanted = columns[link.provider] + 1
            if link.user != link.provider and columns[link.user] < wanted <= len(nodes):
                columns[link.user] = wanted
                moved = True
        if not moved:
            break
    order = {column: place for place, column in enumerate(sorted(set(columns.values())))}
    return {name: order[column] for name, column in columns.items()}


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + WIDTH, start[1] + HEIGHT // 2
    x2, y2 = end[0], end[1] + HEIGHT // 2
    bend = max(abs(x2 - x1) // 2, 40)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _short(text: str) -> str:
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"
