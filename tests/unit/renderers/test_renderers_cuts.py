"""Cuts in pictures, and what the options of `render` choose."""

import builders
import pytest

from gradtrace.errors import RenderError
from gradtrace.renderers.picture import dot, mermaid, pictures
from gradtrace.renderers.picture.scene import Choice, Labels, compose
from gradtrace.renderers.tree import tree


def test_a_cut_is_a_greyed_box_at_what_took_the_value_in() -> None:
    """It says what was written, where, and whose gradient ends; no gradient goes to it."""
    scene = compose(builders.cut_trace(), Choice())

    number, box = next((i, box) for i, box in enumerate(scene.boxes) if box.style == "cut")
    text = " ".join(span.text for row in box.rows for span in row)
    assert "detach()" in text
    assert "enc.weight" in text
    assert ":3" in text
    arrow = next(one for one in scene.arrows if one.target == number)
    assert arrow.state == "none"
    assert "h" in [span.text for span in scene.boxes[arrow.source].rows[0]]


def test_leaves_outside_of_the_graph_are_named() -> None:
    """A reader does not look in vain for a parameter that gets nothing."""
    assert any("enc.weight" in note for note in compose(builders.cut_trace(), Choice()).notes)


@pytest.mark.parametrize("draw", [dot, mermaid, pictures])
def test_every_picture_draws_cuts(draw: object) -> None:
    """DOT, Mermaid and SVG say that a value left the graph."""
    options = {"engine": "builtin"} if draw is pictures else {}
    assert "detach" in draw.render(builders.cut_trace(), draw.Options(**options))


def test_the_tree_says_what_was_cut() -> None:
    """One sentence names the place and the leaves."""
    text = tree.render(builders.cut_trace(), tree.Options(width=200))
    assert "detach() at" in text
    assert "no gradient this way to enc.weight" in text


@pytest.mark.parametrize("draw", [dot, mermaid, pictures, tree])
def test_focus_leaves_out_the_rest_and_says_so(draw: object) -> None:
    """Only what leads to the bias is drawn, and the picture tells that something is missing."""
    options = {"engine": "builtin"} if draw is pictures else {}
    text = draw.render(builders.module_net_trace(1), draw.Options(focus="net.head.bias", **options))
    assert "net.head.bias" in text
    assert "--focus" in text
    assert "net.embed" not in text.split("What happened")[0]


def test_focus_on_an_unknown_name_names_those_that_come_close() -> None:
    """A slip of the finger costs one more try."""
    with pytest.raises(RenderError, match=r"net\.head\.bias"):
        compose(builders.module_net_trace(), Choice(focus="net.head.bais"))


def test_an_expanded_module_is_open_though_its_like_are_folded() -> None:
    """Its siblings before and after it stay one box each."""
    view_titles = [
        " ".join(span.text for span in cluster.title)
        for cluster in compose(builders.module_net_trace(12), Choice(depth=1, expand=("net.layers.5",))).clusters
    ]
    assert any(title.startswith("5") for title in view_titles)
    scene = compose(builders.module_net_trace(12), Choice(depth=1, expand=("net.layers.5",)))
    texts = [" ".join(span.text for row in box.rows for span in row) for box in scene.boxes]
    assert any("0 … 4" in text and "×5" in text for text in texts)
    assert any("6 … 11" in text and "×6" in text for text in texts)


def test_labels_carry_what_was_chosen() -> None:
    """Values, shapes and places come and go independently."""
    trace = builders.product_trace()

    def first(**chosen: bool) -> str:
        scene = compose(trace, Choice(labels=Labels(**chosen)))
        box = next(box for box in scene.boxes if box.style in {"op", "root"})
        return " ".join(span.text for row in box.rows for span in row)

    assert "value" in first()
    assert "value" not in first(values=False)
    assert "f32[]" in first()
    assert "f32[]" not in first(shapes=False)
    assert "w * w" in first()
    assert "w * w" not in first(source=False)


def test_columns_of_the_tree_can_be_chosen() -> None:
    """A column that is wanted stays on a narrow line; one that is not is gone on a wide one."""
    trace = builders.module_net_trace(1)
    assert "net.py:12" in tree.render(trace, tree.Options(width=200))
    assert "net.py:12" not in tree.render(trace, tree.Options(width=200, source=False))
    assert "f32[4,5]" in tree.render(trace, tree.Options(width=60, shapes=True))
