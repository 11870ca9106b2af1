"""Pictures keep to a page: what does not fit is told in fewer words, then folded."""

import builders
import pytest

from gradtrace.errors import RenderError
from gradtrace.renderers.picture.fitting import fitting, page_named
from gradtrace.renderers.picture.scene import Choice


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
