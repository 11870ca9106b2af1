"""`render`, `page`, `to_graphviz`: a trace as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradtrace.api import views
from gradtrace.errors import UsageError
from gradtrace.model import Trace
from gradtrace.renderers import registry
from gradtrace.renderers.page.frame import HEIGHT
from gradtrace.renderers.view_options import ViewContext, ViewOptions

if TYPE_CHECKING:
    import graphviz


def render(
    trace: Trace,
    format: str = "tree",  # noqa: A002 - the command's own word
    *,
    pass_index: int | None = None,
    depth: int | None = None,
    fold: bool | None = None,
    max_lines: int | None = None,
    focus: str | None = None,
    expand: Sequence[str] | None = None,
    values: bool | None = None,
    shapes: bool | None = None,
    source: bool | None = None,
    aten: bool | None = None,
    direction: str | None = None,
    style: str | None = None,
    size: str | None = None,
    engine: str | None = None,
    theme: str | None = None,
    ascii_only: bool | None = None,
    width: int | None = None,
    color: bool = False,
) -> str | bytes:
    """Draw a trace: `tree`, `dot`, `svg`, `png`, `pdf`, `mermaid`, `html` or `json`.

    Args:
        trace: what was recorded.
        format: the name of the format.
        pass_index: which pass, from 1; by default the first that was recorded in full.
        depth: modules below this level are closed.
        fold: False to draw every node, however many.
        max_lines: of a tree, at most so many lines.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        values: whether labels carry forward values; None: where there is room.
        shapes: whether they carry shapes.
        source: whether they carry places in the source.
        aten: show torch's own nodes and their names, not what the program called.
        direction: of a picture: `tb` (the forward pass runs downwards) or `lr` (to the right).
        style: of a picture: `full`, or `slide` (values in boxes, ops as circles).
        size: of a picture: `page`, `a4`, `slide` or `WxH` in pixels.
        engine: what lays a picture out: `auto`, `dot` or `builtin`.
        theme: of a picture: `light` or `dark`.
        ascii_only: of a tree, no characters beyond ASCII.
        width: of a tree, in columns; 100 when None.
        color: of a tree, with escape codes.

    Returns:
        Text, or bytes for `png` and `pdf`.

    Raises:
        UsageError: there is no such format, or an option means nothing to it.
        RenderError: the picture cannot be drawn.
    """
    asked = ViewOptions(
        pass_index=pass_index,
        depth=depth,
        fold=fold,
        max_lines=max_lines,
        focus=focus,
        expand=None if expand is None else tuple(expand),
        values=values,
        shapes=shapes,
        source=source,
        aten=aten,
        direction=direction,
        style=style,
        size=size,
        engine=engine,
        theme=theme,
        ascii_only=ascii_only,
    )
    drawn = registry.find(format, registry.PICTURES).render(trace, asked, ViewContext(width=width, color=color))
    return views.of_format(drawn, format)


def page(trace: Trace, *, pass_index: int | None = None, height: int = HEIGHT) -> str:
    """The page to look around in, which a notebook shows in a frame.

    Args:
        trace: what was recorded.
        pass_index: which pass it opens, from 1; by default the first that was recorded in full.
        height: of the frame, in pixels.

    Raises:
        UsageError: there is no such pass, or the height is none.
    """
    if height < 1:
        raise UsageError(f"height={height}: it is a number of pixels")
    drawn = registry.find("html", registry.PICTURES).render(trace, ViewOptions(pass_index=pass_index))
    return views.of_format(str(drawn), "html", height)


def to_graphviz(
    trace: Trace,
    *,
    pass_index: int | None = None,
    depth: int | None = None,
    fold: bool | None = None,
    focus: str | None = None,
    expand: Sequence[str] | None = None,
    values: bool | None = None,
    shapes: bool | None = None,
    source: bool | None = None,
    aten: bool | None = None,
    direction: str | None = None,
    theme: str | None = None,
) -> graphviz.Source:
    """Draw a trace as an object of the package `graphviz`: with `.pipe()`, `.render()`, `.view()`, shown in notebooks.

    These call Graphviz's program `dot`, which has to be installed; `render` needs none.

    Args:
        trace: what was recorded.
        pass_index: which pass, from 1; by default the first that was recorded in full.
        depth: modules below this level are closed.
        fold: False to draw every node, however many.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        values: whether labels carry forward values; None: where there is room.
        shapes: whether they carry shapes.
        source: whether they carry places in the source.
        aten: show torch's own nodes and their names, not what the program called.
        direction: `tb` (the forward pass runs downwards) or `lr` (to the right).
        theme: `light` or `dark`.

    Raises:
        UsageError: an option means nothing to DOT.
        RenderError: the graph cannot be drawn.
    """
    import graphviz  # noqa: PLC0415 - only this verb needs it

    text = render(
        trace,
        "dot",
        pass_index=pass_index,
        depth=depth,
        fold=fold,
        focus=focus,
        expand=expand,
        values=values,
        shapes=shapes,
        source=source,
        aten=aten,
        direction=direction,
        theme=theme,
    )
    return graphviz.Source(str(text), filename="gradtrace.gv")
