"""How much a picture tells, so that it fits on a page: as much as there is room for."""

import re
from collections.abc import Iterator
from dataclasses import replace

from gradtrace.errors import RenderError
from gradtrace.layout.layout import Layout
from gradtrace.model import Trace
from gradtrace.renderers.picture import svg
from gradtrace.renderers.picture.scene import Choice, Scene, compose
from gradtrace.text.chosen_pass import drawn_pass

PAGES = {"page": (1400, 2000), "a4": (794, 1123), "slide": (1280, 720)}
"""Width and height in pixels, 96 an inch."""
_AROUND = (36, 210)
"""Room for the margins, and for what stands above and below the drawing."""
_SMALLEST = 0.75
"""A picture of a given size is shrunk by no more than this, if folding more can avoid it: text has to stay readable."""
_LARGE = 10_000
"""Graphs of more nodes are folded at most twice: that takes seconds for a hundred thousand."""
_LEVELS_OF_LARGE = ((1, 40), (2, 15))
_UNFOLDED = 1500
"""Where the reader says how deep modules are opened, only more items than this are folded further."""
_LEVELS = ((0, 40), (1, 40), (2, 40), (2, 30), (2, 22), (2, 15), (2, 10))
"""Compactness, and how many items are left at most."""


def page_named(size: str | None) -> tuple[int, int] | None:
    """Width and height of a page by its name or as `WxH`; None where none is asked for.

    Raises:
        RenderError: it is neither.
    """
    if size is None:
        return None
    if size in PAGES:
        return PAGES[size]
    numbers = re.fullmatch(r"(\d{2,5})x(\d{2,5})", size)
    if numbers is None:
        names = ", ".join(PAGES)
        raise RenderError(f"there is no size {size!r}: choose {names}, or width and height in pixels, as 1200x800")
    return int(numbers[1]), int(numbers[2])


def fitting(trace: Trace, choice: Choice, size: str | None, direction: str) -> tuple[Scene, Layout]:
    """The scene that tells most of those that fit, and its layout; the last one if none does.

    Args:
        trace: what was recorded.
        choice: what is asked for; who says how deep modules are opened, or that nothing is folded, gets that.
        size: as for `page_named`.
        direction: of the layout, as for `svg.place`.

    Raises:
        RenderError: the trace has no such pass, or nothing to draw.
    """
    page = page_named(size)
    width, height = page or (PAGES["page"] if direction == "tb" else PAGES["page"][::-1])
    scale = 1.0 if page is None else _SMALLEST
    graph = drawn_pass(trace, choice.pass_index).graph
    for level in _levels(choice, is_large=graph is not None and len(graph.nodes) > _LARGE):
        scene = compose(trace, level)
        layout = svg.place(scene, direction)
        if layout.width + _AROUND[0] <= width / scale and layout.height + _AROUND[1] <= height / scale:
            break
    return scene, layout


def _levels(choice: Choice, *, is_large: bool) -> Iterator[Choice]:
    if not choice.fold:
        yield choice
    elif choice.depth is not None:
        yield replace(choice, max_items=_UNFOLDED)
        yield replace(choice, max_items=_UNFOLDED, compactness=1)
    else:
        levels = _LEVELS_OF_LARGE if is_large else _LEVELS if choice.focus is None else _LEVELS[:3]
        yield from (replace(choice, compactness=level, max_items=most) for level, most in levels)
