"""The map's drawing: what is used stands to the left of what uses it, and nothing overlaps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.operations.connections import Connection
from thinkube_catalog.web.drawing import HEIGHT, WIDTH, Node, draw

NAMES = [f"n{number}" for number in range(6)]
NODES = [Node(name, "tkt-chat", "healthy", f"/deployments/{name}") for name in NAMES]
LINKS = st.lists(
    st.builds(Connection, st.sampled_from(NAMES), st.sampled_from(NAMES), st.just("llm"))
)


@given(LINKS)
def test_boxes_stand_apart_within_the_drawing_whatever_uses_what(links: list[Connection]) -> None:
    drawing = draw(NODES, links)
    assert sorted(box.node.name for box in drawing.boxes) == NAMES
    assert len({(box.x, box.y) for box in drawing.boxes}) == len(NAMES)
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - WIDTH
        assert 0 <= box.y <= drawing.height - HEIGHT


@given(LINKS)
def test_without_circles_everything_stands_behind_what_it_uses(links: list[Connection]) -> None:
    forward = [link for link in links if link.provider < link.user]
    places = {box.node.name: box.x for box in draw(NODES, forward).boxes}
    assert all(places[link.provider] < places[link.user] for link in forward)


def test_nothing_is_drawn_of_nothing() -> None:
    assert draw([], []).boxes == ()
