"""The map's drawing: everything once, nothing upon anything else, providers before their users."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.operations.dependencies import Edge, Graph, Node, NodeKind
from thinkube_catalog.web.layers import HEIGHT, WIDTH, drawing

NAMES = [f"app-{number}" for number in range(9)]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), unique=True)


def a_graph(pairs: list[tuple[str, str]]) -> Graph:
    names = sorted({name for pair in pairs for name in pair})
    nodes = tuple(Node(name, NodeKind.DEPLOYMENT, "healthy", "tkt-chat") for name in names)
    edges = tuple(Edge(user, used, ("LLM_BASE_URL",)) for user, used in pairs if user != used)
    return Graph(nodes, edges)


def test_a_chain_goes_from_left_to_right() -> None:
    drawn = drawing(a_graph([("agent", "gateway"), ("gateway", "model"), ("agent", "model")]))
    columns = {box.node.name: box.x for box in drawn.boxes}
    assert columns["model"] < columns["gateway"] < columns["agent"]
    assert len(drawn.lines) == 3


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawing(Graph()).boxes == ()


def test_lines_that_need_not_cross_do_not() -> None:
    drawn = drawing(a_graph([("a", "z"), ("b", "y"), ("c", "x")]))
    rows = {box.node.name: box.y for box in drawn.boxes}
    assert (rows["a"], rows["b"], rows["c"]) == (rows["z"], rows["y"], rows["x"])


@given(PAIRS)
def test_every_box_has_a_place_of_its_own_inside_the_drawing(pairs: list[tuple[str, str]]) -> None:
    graph = a_graph(pairs)
    drawn = drawing(graph)
    assert sorted(box.node.name for box in drawn.boxes) == [node.name for node in graph.nodes]
    for box in drawn.boxes:
        assert 0 <= box.x <= drawn.width - WIDTH
        assert 0 <= box.y <= drawn.height - HEIGHT
        others = [each for each in drawn.boxes if each is not box]
        assert not any(_overlap(box.x - o.x, box.y - o.y) for o in others)


@given(PAIRS)
def test_what_uses_something_stands_to_its_right_unless_they_use_each_other(
    pairs: list[tuple[str, str]],
) -> None:
    acyclic = [(user, used) for user, used in pairs if user > used]
    drawn = drawing(a_graph(acyclic))
    columns = {box.node.name: box.x for box in drawn.boxes}
    assert all(columns[used] < columns[user] for user, used in acyclic)


@given(PAIRS)
def test_the_same_graph_is_drawn_the_same(pairs: list[tuple[str, str]]) -> None:
    assert drawing(a_graph(pairs)) == drawing(a_graph(pairs))


def _overlap(x: float, y: float) -> bool:
    return abs(x) < WIDTH and abs(y) < HEIGHT
