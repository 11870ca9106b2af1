"""Pictures keep to a page: what does not fit is told in fewer words, then folded."""

import xml.etree.ElementTree as ET

import builders
import pytest

from gradtrace.errors import RenderError
from gradtrace.renderers.picture import pictures
from gradtrace.renderers.picture.fitting import fitting, page_named
from gradtrace.renderers.picture.scene import Choice, compose


def _texts(size: str | None, direction: str = "tb", **choice: object) -> tuple[list[str], float, float]:
    scene, layout = fitting(builders.module_net_trace(), Choice(**choice), size, direction)  # type: ignore[arg-type]
    texts = [" ".join(span.text for span in row) for box in scene.boxes for row in box.rows]
    return texts, layout.width, layout.height


def test_as_much_is_told_as_fits() -> None:
    """A smaller page has fewer boxes, and keeps to its size."""
    large, *_, high = _texts("4000x8000")
    small, width, height = _texts("1400x1400")

    assert len(small) < len(large)
    assert width <= 1400 / 0.75
    assert height <= 1400 / 0.75 < high


def test_who_asks_for_everything_gets_it() -> None:
    """Whatever the page."""
    assert _texts("100x100", fold=False)[0] == _texts(None, fold=False)[0]


def test_to_the_right_is_wider_than_downwards() -> None:
    """Each layer stands beside the one before it."""
    _, wide, low = _texts(None, "lr", compactness=1, depth=2)
    _, narrow, high = _texts(None, "tb", compactness=1, depth=2)

    assert wide > narrow
    assert low < high


def test_sizes_have_names_or_numbers() -> None:
    """Others are an error with the list."""
    assert page_named("a4") == (794, 1123)
    assert page_named("640x480") == (640, 480)
    with pytest.raises(RenderError, match=r"'a9': choose page, a4, slide, or width and height"):
        page_named("a9")


def test_a_focus_folds_all_else_into_one_box() -> None:
    """And says how much that is; what was asked for stays a box of its own."""
    texts, *_ = _texts(None, focus="net.layers.2.fc1.weight")

    assert texts.count("all else") == 1
    assert any(" ops and " in text for text in texts)
    assert any("weight" in text for text in texts)


def test_a_picture_of_a_size_has_that_size() -> None:
    """Whatever is drawn, all of it is in the frame, and the frame is painted."""
    drawn = str(pictures.render(builders.product_trace(), pictures.Options(size="slide", direction="lr")))
    root = ET.fromstring(drawn)

    assert (root.get("width"), root.get("height")) == ("1280", "720")
    x, y, width, height = map(float, str(root.get("viewBox")).split())
    paper = next(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert [paper.get(name) for name in ("x", "y", "width", "height")] == str(root.get("viewBox")).split()
    assert x <= 0
    assert y <= 0
    assert width / height == pytest.approx(1280 / 720, rel=0.01)


def test_constants_stand_beside_what_takes_gradient() -> None:
    """A product has two arms, and the constant's says that no gradient goes there; where there is room."""
    scene = compose(builders.hooked_trace(), Choice())
    chip = next(number for number, box in enumerate(scene.boxes) if box.style == "constant")
    arm = next(arrow for arrow in scene.arrows if arrow.target == chip)

    assert arm.state == "constant"
    assert "constant" in scene.legend
    assert "constant" not in compose(builders.hooked_trace(), Choice(compactness=1)).legend


def test_a_slide_has_values_in_boxes_and_ops_in_circles() -> None:
    """Gradients go from a value through the circle of its op to the operands."""
    scene = compose(builders.product_trace(), pictures.Options(style="slide").choice())
    kinds = [box.style for box in scene.boxes]
    ways = {(kinds[arrow.source], kinds[arrow.target]) for arrow in scene.arrows}

    assert kinds.count("operator") == 2
    assert [span.text for box in scene.boxes if box.style == "operator" for row in box.rows for span in row] == [
        "×"
    ] * 2
    assert ways == {("root", "operator"), ("value", "operator"), ("operator", "value"), ("operator", "leaf")}
    assert any([span.text for span in box.rows[0]] == ["data", "0.25", "grad", "2"] for box in scene.boxes)
    with pytest.raises(RenderError, match="choose full or slide"):
        pictures.Options(style="round").choice()
