"""The built-in layout: nothing overlaps, everything is inside where it belongs, and any size is laid out."""

import random
from itertools import pairwise

import pytest

from gradtrace.layout.columns import spread
from gradtrace.layout.layout import BoxSize, GroupSize, Layout, Link, Rectangle, lay_out
from gradtrace.layout.order import order_layers
from gradtrace.layout.routes import assign_lanes

SLACK = 0.01


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return (
        a.x < b.x + b.width - SLACK
        and b.x < a.x + a.width - SLACK
        and a.y < b.y + b.height - SLACK
        and b.y < a.y + a.height - SLACK
    )


def _contains(outer: Rectangle, inner: Rectangle) -> bool:
    return (
        outer.x <= inner.x + SLACK
        and outer.y <= inner.y + SLACK
        and inner.x + inner.width <= outer.x + outer.width + SLACK
        and inner.y + inner.height <= outer.y + outer.height + SLACK
    )


def _random_net(seed: int, n: int = 60, n_groups: int = 8) -> tuple[list[BoxSize], list[Link], list[GroupSize]]:
    dice = random.Random(seed)
    groups = [GroupSize(dice.choice([None, *range(i)]) if i else None, 60, 14) for i in range(n_groups)]
    homes = sorted(
        (dice.choice([None, *range(n_groups)]) for _ in range(n)), key=lambda home: -1 if home is None else home
    )
    boxes = [BoxSize(dice.uniform(20, 200), dice.uniform(15, 90), home) for home in homes]
    pairs = {(dice.randrange(i), i) for i in range(1, n) for _ in range(2)}
    links = [Link(a, b, (dice.uniform(20, 80), 14) if dice.random() < 0.5 else None) for a, b in sorted(pairs)]
    return boxes, links, groups


def _inside(layout: Layout, groups: list[GroupSize], boxes: list[BoxSize]) -> None:
    for place, box in zip(layout.boxes, boxes, strict=True):
        if box.group is not None:
            assert _contains(layout.groups[box.group], place)
    for number, group in enumerate(groups):
        has_content = layout.groups[number].width > 0
        if group.parent is not None and has_content:
            assert _contains(layout.groups[group.parent], layout.groups[number])


@pytest.mark.parametrize("seed", range(12))
def test_boxes_never_overlap_and_stay_in_their_modules(seed: int) -> None:
    """Whatever the graph and the nesting, boxes stand apart and inside the rectangles of their modules."""
    boxes, links, groups = _random_net(seed)

    layout = lay_out(boxes, links, groups)

    for i, one in enumerate(layout.boxes):
        assert not any(_overlap(one, other) for other in layout.boxes[:i])
    _inside(layout, groups, boxes)


@pytest.mark.parametrize("seed", range(6))
def test_siblings_never_overlap(seed: int) -> None:
    """Modules side by side, and boxes beside modules, stand apart."""
    boxes, links, groups = _random_net(seed)

    layout = lay_out(boxes, links, groups)

    siblings: dict[int | None, list[Rectangle]] = {}
    for place, box in zip(layout.boxes, boxes, strict=True):
        siblings.setdefault(box.group, []).append(place)
    for place, group in zip(layout.groups, groups, strict=True):
        if place.width:
            siblings.setdefault(group.parent, []).append(place)
    for places in siblings.values():
        assert not any(_overlap(a, b) for i, a in enumerate(places) for b in places[:i])


@pytest.mark.parametrize("seed", range(6))
def test_producers_stand_above_consumers_without_modules(seed: int) -> None:
    """Without modules the forward pass runs downwards along every edge."""
    boxes, links, _ = _random_net(seed, n_groups=1)
    boxes = [BoxSize(box.width, box.height) for box in boxes]

    layout = lay_out(boxes, links)

    for link in links:
        producer, consumer = layout.boxes[link.producer], layout.boxes[link.consumer]
        assert producer.y + producer.height < consumer.y


@pytest.mark.parametrize("seed", range(6))
def test_routes_begin_and_end_at_their_boxes(seed: int) -> None:
    """An edge leaves at the bottom of its producer and arrives at the top of its consumer, in whole Bézier pieces."""
    boxes, links, groups = _random_net(seed)

    layout = lay_out(boxes, links, groups)

    for link, route in zip(links, layout.routes, strict=True):
        producer, consumer = layout.boxes[link.producer], layout.boxes[link.consumer]
        (x0, y0), (x1, y1) = route[0], route[-1]
        assert y0 == pytest.approx(producer.y + producer.height)
        assert y1 == pytest.approx(consumer.y)
        assert producer.x <= x0 <= producer.x + producer.width
        assert consumer.x <= x1 <= consumer.x + consumer.width
        assert len(route) % 3 == 1


def test_labels_stand_apart_from_boxes_and_each_other() -> None:
    """A label has a place of its own."""
    boxes = [BoxSize(60, 30) for _ in range(6)]
    links = [Link(a, 5, (50, 14)) for a in range(5)]

    layout = lay_out(boxes, links)

    labels = [Rectangle(at[0] - 25, at[1] - 7, 50, 14) for at in layout.labels if at is not None]
    places = [*layout.boxes, *labels]
    assert len(labels) == 5
    assert not any(_overlap(a, b) for i, a in enumerate(places) for b in places[:i])


def test_parallel_edges_are_drawn_apart() -> None:
    """`w * w` has two edges between the same boxes: each has its own route and label."""
    layout = lay_out([BoxSize(100, 30), BoxSize(80, 30)], [Link(0, 1, (40, 14)), Link(0, 1, (40, 14))])

    assert layout.labels[0] != layout.labels[1]
    assert layout.routes[0] != layout.routes[1]


def test_a_chain_is_straight() -> None:
    """Boxes one after the other stand in one column, joined by vertical lines."""
    layout = lay_out([BoxSize(40 + 10 * i, 30) for i in range(5)], [Link(i, i + 1) for i in range(4)])

    centres = {round(box.x + box.width / 2, 3) for box in layout.boxes}
    assert len(centres) == 1
    assert all(len({round(x, 3) for x, _ in route}) == 1 for route in layout.routes)


def test_an_edge_against_the_order_is_routed_too() -> None:
    """A hidden state carried to the repetition before runs upwards; its boxes keep their places."""
    boxes, forward = [BoxSize(60, 30) for _ in range(3)], [Link(0, 1), Link(1, 2)]

    plain, carried = lay_out(boxes, forward), lay_out(boxes, [*forward, Link(2, 0, (30, 14))])

    assert [box.y < other.y for box, other in pairwise(carried.boxes)] == [True, True]
    assert carried.routes[2][0][1] > carried.routes[2][-1][1]
    assert carried.width > plain.width


def test_a_very_long_edge_passes_beside_everything() -> None:
    """A skip over fifty layers takes a lane at the right and crosses no box."""
    boxes = [BoxSize(60, 30) for _ in range(50)]

    layout = lay_out(boxes, [*(Link(i, i + 1) for i in range(49)), Link(0, 49)])

    right = max(box.x + box.width for box in layout.boxes)
    assert max(x for x, _ in layout.routes[-1]) > right


def test_boxes_without_edges_stand_below() -> None:
    """The ledger of a leaf that is drawn as chips has no edges: it stands on a shelf below the graph."""
    layout = lay_out([BoxSize(60, 30) for _ in range(4)], [Link(0, 1)])

    bottom = max(layout.boxes[i].y + layout.boxes[i].height for i in (0, 1))
    assert layout.boxes[2].y > bottom
    assert layout.boxes[2].y == layout.boxes[3].y


def test_modules_in_a_row_stand_in_one_column() -> None:
    """Ports stand amidst their module, so a deep net does not drift to the side."""
    groups = [GroupSize(None) for _ in range(30)]
    boxes = [BoxSize(width, 30, i) for i in range(30) for width in (150, 40, 40)]
    links = [link for i in range(30) for link in (Link(3 * i, 3 * i + 2), Link(3 * i + 1, 3 * i + 2))]
    links += [Link(3 * i + 2, 3 * i + 4) for i in range(29)]

    layout = lay_out(boxes, links, groups)

    assert layout.width < 2 * max(group.width for group in layout.groups)


def test_deep_nesting_needs_no_recursion() -> None:
    """Three thousand modules inside each other are laid out."""
    depth = 3000
    groups = [GroupSize(i - 1 if i else None) for i in range(depth)]

    layout = lay_out([BoxSize(40, 20, depth - 1), BoxSize(40, 20)], [Link(0, 1)], groups)

    assert _contains(layout.groups[0], layout.groups[-1])


def test_a_long_chain_needs_no_recursion() -> None:
    """Twenty thousand boxes one after the other are laid out."""
    n = 20_000

    layout = lay_out([BoxSize(40, 20)] * n, [Link(i, i + 1) for i in range(n - 1)])

    assert layout.boxes[-1].y > layout.boxes[0].y + 20 * n


def test_equal_input_gives_equal_output() -> None:
    """The layout depends on nothing but its input."""
    assert lay_out(*_random_net(3)) == lay_out(*_random_net(3))


def test_nothing_to_lay_out() -> None:
    """An empty picture has no size."""
    layout = lay_out([], [])

    assert (layout.width, layout.height) == (0.0, 0.0)


def test_spread_grants_wishes_that_keep_their_distance() -> None:
    """Where nothing is in the way, everything stands where it wants to."""
    assert spread([0, 10, 30], [1, 1, 1], [0, 5, 5]) == [0, 10, 30]


def test_spread_finds_the_least_squares() -> None:
    """Two that want the same spot give way equally, and by weight."""
    assert spread([0, 0], [1, 1], [0, 4]) == [-2, 2]
    assert spread([0, 0], [3, 1], [0, 4]) == [-1, 3]


@pytest.mark.parametrize("seed", range(5))
def test_spread_keeps_distances(seed: int) -> None:
    """Whatever is wished, the order and the distances hold."""
    dice = random.Random(seed)
    wishes, distances = [dice.uniform(-50, 50) for _ in range(40)], [dice.uniform(1, 9) for _ in range(40)]

    row = spread(wishes, [dice.uniform(0.1, 5) for _ in range(40)], distances)

    assert all(b - a >= gap - 1e-9 for (a, b), gap in zip(pairwise(row), distances[1:], strict=True))


def test_crossings_are_undone() -> None:
    """Two edges that cross are uncrossed by swapping their ends."""
    above = [[], [], [(1, 0.0)], [(0, 0.0)]]
    below = [[(3, 0.0)], [(2, 0.0)], [], []]

    top, bottom = order_layers([[0, 1], [2, 3]], above, below)

    assert (top, bottom) in (([0, 1], [3, 2]), ([1, 0], [2, 3]))


def test_lanes_are_shared_by_spans_that_do_not_touch() -> None:
    """Two spans one after the other share a lane; one that overlaps both has its own."""
    assert assign_lanes([(0, 3), (5, 9), (1, 8)]) == [0, 0, 1]
