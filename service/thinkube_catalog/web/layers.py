"""A drawing of what uses what: layers from left to right, providers before their users.

Crossings are made few by putting each node near the middle of its neighbours, forth and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thinkube_catalog.operations.dependencies import Edge, Graph, Node

WIDTH, HEIGHT = 220, 64
"""Of a box; `map.html` draws it so."""

ACROSS, DOWN = 110, 22
MARGIN = 16
SWEEPS = 6
LONGEST_NAME = 22
LONGEST_UNDER = 16


@dataclass(frozen=True)
class Box:
    """One node and where its upper left corner is, in pixels."""

    node: Node
    x: float
    y: float

    @property
    def shown(self) -> str:
        return _short(self.node.name, LONGEST_NAME)

    @property
    def under(self) -> str:
        """What it is: a deployment's template, or what an endpoint provides."""
        return _short(self.node.template or self.node.provides, LONGEST_UNDER)


@dataclass(frozen=True)
class Line:
    """One edge: the path from the provider's right side to the user's left side."""

    edge: Edge
    path: str


@dataclass(frozen=True)
class Drawing:
    """What is drawn, and how large it is in pixels. `boxes` are in reading order."""

    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()
    width: float = 0
    height: float = 0


def drawing(graph: Graph) -> Drawing:
    """Lay out a graph; the same graph always gives the same drawing."""
    if not graph.nodes:
        return Drawing()
    layers = _ordered(_layers(graph), graph.edges)
    tallest = max(len(layer) for layer in layers)
    boxes: dict[str, Box] = {}
    nodes = {node.name: node for node in graph.nodes}
    for column, layer in enumerate(layers):
        free = (tallest - len(layer)) * (HEIGHT + DOWN) / 2
        for row, name in enumerate(layer):
            x = MARGIN + column * (WIDTH + ACROSS)
            y = MARGIN + free + row * (HEIGHT + DOWN)
            boxes[name] = Box(nodes[name], x, y)
    return Drawing(
        boxes=tuple(boxes.values()),
        lines=tuple(Line(each, _path(boxes[each.used], boxes[each.user])) for each in graph.edges),
        width=2 * MARGIN + len(layers) * (WIDTH + ACROSS) - ACROSS,
        height=2 * MARGIN + tallest * (HEIGHT + DOWN) - DOWN,
    )


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _layers(graph: Graph) -> list[list[str]]:
    uses: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for edge in graph.edges:
        uses[edge.user].append(edge.used)
    depths: dict[str, int] = {}
    for name in uses:
        _measure(name, uses, depths)
    layers: list[list[str]] = [[] for _ in range(max(depths.values()) + 1)]
    for name in sorted(uses):
        layers[depths[name]].append(name)
    return [layer for layer in layers if layer]


def _measure(start: str, uses: Mapping[str, Sequence[str]], depths: dict[str, int]) -> None:
    """Find how long the longest chain below a node is; what would close a circle counts not."""
    open_nodes: dict[str, None] = {}
    stack = [start]
    while stack:
        name = stack[-1]
        if name in depths:
            stack.pop()
            continue
        open_nodes[name] = None
        waiting = [each for each in uses[name] if each not in depths and each not in open_nodes]
        if waiting:
            stack.append(waiting[0])
            continue
        depths[name] = 1 + max((depths.get(each, -1) for each in uses[name]), default=-1)
        del open_nodes[name]
        stack.pop()


def _ordered(layers: list[list[str]], edges: Sequence[Edge]) -> list[list[str]]:
    neighbours: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for edge in edges:
        neighbours[edge.user].append(edge.used)
        neighbours[edge.used].append(edge.user)
    for sweep in range(SWEEPS):
        places = _places(layers)
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            layer.sort(key=lambda name: (_middle(name, neighbours, places), name))
            places |= _places([layer])
    return layers


def _places(layers: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return where in its layer each node is, from 0 to 1."""
    return {name: (row + 0.5) / len(layer) for layer in layers for row, name in enumerate(layer)}


def _middle(
    name: str, neighbours: Mapping[str, Sequence[str]], places: Mapping[str, float]
) -> float:
    near = [places[each] for each in neighbours[name]]
    return sum(near) / len(near) if near else places[name]


def _path(start: Box, end: Box) -> str:
    x1, y1 = start.x + WIDTH, start.y + HEIGHT / 2
    x2, y2 = end.x, end.y + HEIGHT / 2
    bend = max((x2 - x1) / 2, ACROSS / 2)
    return f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
