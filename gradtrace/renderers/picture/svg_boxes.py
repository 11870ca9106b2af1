"""The size of each box of a scene, and how it is drawn in SVG."""

from collections.abc import Sequence
from html import escape

from gradtrace.layout.layout import Rectangle
from gradtrace.renderers.picture.scene import Box, Row, Span, Step
from gradtrace.renderers.picture.svg_text import fitted, line_height, text_width
from gradtrace.text.palette import BoxStyle, Theme

CLASS = "gt-"
"""Begins each class, so that the styles of a page around the picture do not meet ours."""
SPAN_GAP = 6.0
PAD_X, PAD_Y = 10.0, 6.0
_CELL_PAD = 5.0
_STACK = 4.0
"""How far the second sheet of a stack stands out."""
_CUT = 9.0


def number(x: float) -> str:
    """A coordinate: one decimal is finer than any screen."""
    text = f"{x:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def row_width(row: Row) -> float:
    """Width of spans side by side."""
    return sum(text_width(span.text, span.role) for span in row) + SPAN_GAP * max(0, len(row) - 1)


def row_height(row: Row) -> float:
    """Height of the tallest span."""
    return max((line_height(span.role) for span in row), default=0.0)


def _step_role(step: Step) -> str:
    return {"head": "head", "drawn": "strong", "pass": "plain"}.get(step.kind, "muted")


def column_widths(steps: Sequence[Step]) -> list[float]:
    """Widths of the columns of a ledger."""
    tables = [step for step in steps if len(step.cells) > 1]
    if not tables:
        return []
    columns = [
        max(text_width(step.cells[i], _step_role(step)) for step in tables) + 2 * _CELL_PAD
        for i in range(len(tables[0].cells))
    ]
    widest = max((text_width(s.cells[0], "muted") + 2 * _CELL_PAD for s in steps if len(s.cells) == 1), default=0.0)
    missing = widest - sum(columns)
    return [width + max(0.0, missing) / len(columns) for width in columns]


def box_size(box: Box) -> tuple[float, float]:
    """Width and height of a box around its text."""
    if box.is_chip:
        return row_width(box.rows[0]) + 2 * PAD_X, row_height(box.rows[0]) + 6
    width = max([*map(row_width, box.rows), sum(column_widths(box.steps))], default=0.0) + 2 * PAD_X
    height = sum(map(row_height, box.rows)) + 2 * PAD_Y
    if box.steps:
        height += 4 + sum(line_height(_step_role(step)) + 2 for step in box.steps)
    return max(width, 40.0), height


def text_of(row: Row, x: float, y: float, anchor: str) -> str:
    """A row of spans; `y` is its baseline, `x` its middle or its start.

    Where the row begins is worked out here: programs disagree about the middle of text with gaps.
    """
    if len(row) == 1:
        middle = f"{CLASS}m " if anchor == "middle" else ""
        span = row[0]
        look = f'class="{middle}{CLASS}{span.role}"{fitted(span.text, span.role)}'
        return f'<text x="{number(x)}" y="{number(y)}" {look}>{escape(span.text)}</text>'
    start = x - row_width(row) / 2 if anchor == "middle" else x
    spans = []
    for span in row:
        look = f'class="{CLASS}{span.role}"{fitted(span.text, span.role)}'
        spans.append(f'<tspan x="{number(start)}" {look}>{escape(span.text)}</tspan>')
        start += text_width(span.text, span.role) + SPAN_GAP
    return f'<text y="{number(y)}">{"".join(spans)}</text>'


def draw_box(box: Box, place: Rectangle, theme: Theme) -> str:
    """A box with its text; hovering shows the tooltip."""
    style = theme.boxes[box.style]
    ink = f' class="{CLASS}own" fill="{style.ink}"' if style.ink != theme.ink else ""
    parts = [f"<g{ink}>", f"<title>{escape(box.tooltip)}</title>", *_frame(style, place, is_chip=box.is_chip)]
    y = place.y + (3 if box.is_chip else PAD_Y)
    is_table = bool(box.steps)
    for row in box.rows:
        height = row_height(row)
        x = place.x + PAD_X if is_table else place.x + place.width / 2
        badge_height = height - 2
        baseline = y + height * 0.76
        parts += _badges(row, x, y, badge_height, theme, is_centred=not is_table)
        parts.append(text_of(row, x, baseline, "start" if is_table else "middle"))
        y += height
    if box.steps:
        parts += _ledger(box.steps, place.x + PAD_X, y + 4, place.width - 2 * PAD_X, theme)
    return "".join([*parts, "</g>"])


def _badges(row: Row, x: float, y: float, height: float, theme: Theme, *, is_centred: bool) -> list[str]:
    """A patch of colour behind each badge."""
    if all(span.role != "badge" for span in row):
        return []
    at = x - row_width(row) / 2 if is_centred else x
    patches = []
    for span in row:
        width = text_width(span.text, span.role)
        if span.role == "badge":
            patches.append(rectangle((at - 3, y + 0.5, width + 6, height), f' rx="3" fill="{theme.badge}"'))
        at += width + SPAN_GAP
    return patches


def rectangle(place: tuple[float, float, float, float], more: str) -> str:
    """A rectangle (left, top, width, height) with more attributes."""
    x, y, width, height = map(number, place)
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"{more}/>'


def _frame(style: BoxStyle, place: Rectangle, *, is_chip: bool) -> list[str]:
    """The border: what makes kinds of boxes differ without colour."""
    x, y, w, h = place.x, place.y, place.width, place.height
    paint = f' fill="{style.fill}" stroke="{style.border}" stroke-width="{number(style.width)}"'
    if style.dashed:
        paint += ' stroke-dasharray="5 3"'
    corner = h / 2 if is_chip else 5 if style.shape == "round" else 0
    rounded = f' rx="{number(corner)}"' if corner else ""
    parts = []
    if style.shape == "stack":
        parts.append(rectangle((x + _STACK, y - _STACK, w, h), paint))
    parts.append(rectangle((x, y, w, h), rounded + paint))
    if style.double:
        thin = f' fill="none" stroke="{style.border}" stroke-width="0.8"'
        parts.append(rectangle((x + 3, y + 3, w - 6, h - 6), ' rx="3"' + thin))
    if style.shape == "cut":
        c, r, b = _CUT, x + w, y + h
        corners = ((x, y + c, c, -c), (r - c, y, c, c), (r, b - c, -c, c), (x + c, b, -c, -c))
        d = "".join(f"M{number(a)} {number(e)}l{number(dx)} {number(dy)}" for a, e, dx, dy in corners)
        parts.append(f'<path d="{d}" fill="none" stroke="{style.border}"/>')
    return parts


def _ledger(steps: Sequence[Step], x: float, y: float, width: float, theme: Theme) -> list[str]:
    """The table of before, added, after."""
    columns = column_widths(steps)
    spare = (width - sum(columns)) / max(1, len(columns))
    columns = [column + spare for column in columns]
    parts = []
    for step in steps:
        role = _step_role(step)
        height = line_height(role) + 2
        if step.kind == "drawn":
            parts.append(rectangle((x, y, width, height), f' fill="{theme.drawn}"'))
        line = f'<path d="M{number(x)} {number(y)}h{number(width)}" stroke="{theme.rule}" stroke-width="0.7"/>'
        parts.append(line)
        at, baseline = x, y + height * 0.74
        cells = zip(step.cells, columns if len(step.cells) > 1 else [width], strict=True)
        for cell, column in cells:
            parts.append(text_of((Span(cell, role),), at + column / 2, baseline, "middle"))
            at += column
        y += height
    return parts
