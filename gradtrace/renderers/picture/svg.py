"""SVG drawn by ourselves: a scene at the positions of the built-in layout, in the look of the DOT pictures."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape

from gradtrace.layout.layout import BoxSize, GroupSize, Layout, Link, Rectangle, lay_out
from gradtrace.layout.routes import Point
from gradtrace.renderers.picture.scene import Arrow, Scene
from gradtrace.renderers.picture.svg_boxes import (
    CLASS,
    box_size,
    draw_box,
    number,
    rectangle,
    row_height,
    row_width,
    text_of,
)
from gradtrace.renderers.picture.svg_legend import caption, legend
from gradtrace.renderers.picture.svg_text import line_height
from gradtrace.text.palette import BOLD, FONT_STACK, ITALIC, SIZES, Theme

MARGIN = 18.0
_LARGEST = 2.0
"""A picture that is small on its page is enlarged by no more than this."""
LABEL_X = 7.0
"""Between an arrow and its label."""
_BELOW = 8.0
"""Above and below the label of an arrow that runs to the left."""


def draw(scene: Scene, theme: Theme, layout: Layout | None = None, page: tuple[int, int] | None = None) -> str:
    """The whole picture as one SVG document.

    Args:
        scene: what is drawn.
        theme: how it looks.
        layout: where everything stands; from top to bottom when None.
        page: width and height in pixels; as large as it has to be when None.
    """
    layout = layout or place(scene)
    font = f'font-family="{FONT_STACK}"'
    head, head_width, head_height = caption(scene)
    foot, foot_width, foot_height = legend(scene, theme, max(layout.width, 520.0), is_turned=layout.is_turned)
    width = max(layout.width, head_width, foot_width) + 2 * MARGIN
    height = layout.height + head_height + foot_height + 2 * MARGIN
    left, top = (width - layout.width) / 2, MARGIN + head_height
    rules = _styles(theme)
    scope = CLASS + sha256("".join(rules).encode()).hexdigest()[:8]
    size = f'width="{number(width)}" height="{number(height)}"'
    frame = Rectangle(0.0, 0.0, width, height)
    if page is not None:
        size = f'width="{page[0]}" height="{page[1]}"'
        scale = min(page[0] / width, page[1] / height, _LARGEST)
        across, down = page[0] / scale, page[1] / scale
        frame = Rectangle((width - across) / 2, (height - down) / 2, across, down)
    view = 'viewBox="{} {} {} {}"'.format(*map(number, (frame.x, frame.y, frame.width, frame.height)))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{scope}" {size} {view} role="img" {font} fill="{theme.ink}">',
        f"<title>{escape(scene.title)}</title>",
        f"<desc>{escape(' '.join((*scene.caption, *scene.notes)))}</desc>",
        "<style>" + "".join(f".{scope} {rule}" for rule in rules) + "</style>",
        rectangle((frame.x, frame.y, frame.width, frame.height), f' fill="{theme.paper}"'),
        _move(MARGIN, MARGIN, head),
        _move(left, top, _drawing(scene, layout, theme)),
        _move(MARGIN, height - MARGIN - foot_height, foot),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def place(scene: Scene, direction: str = "tb") -> Layout:
    """Positions for all parts of a scene; `direction` is that of the forward pass: `tb` or `lr`."""
    is_turned = direction == "lr"
    boxes = [BoxSize(*box_size(box), box.cluster) for box in scene.boxes]
    groups = [
        GroupSize(cluster.parent, row_width(cluster.title), row_height(cluster.title)) for cluster in scene.clusters
    ]
    links = [
        Link(
            arrow.target,
            arrow.source,
            (row_width(arrow.label) + LABEL_X, line_height("plain") + _BELOW * is_turned) if arrow.label else None,
        )
        for arrow in scene.arrows
    ]
    return lay_out(boxes, links, groups, is_turned=is_turned)


def _move(x: float, y: float, parts: Iterable[str]) -> str:
    return f'<g transform="translate({number(x)} {number(y)})">\n' + "\n".join(parts) + "\n</g>"


def _styles(theme: Theme) -> list[str]:
    """One class for each role of text."""
    rules = ["text{white-space:pre}", f".{CLASS}m{{text-anchor:middle}}"]
    for role, size in SIZES.items():
        rule = f"font-size:{size}px"
        rule += ";font-weight:bold" if role in BOLD else ""
        rule += ";font-style:italic" if role in ITALIC else ""
        rule += f";fill:{theme.muted}" if role in {"muted", "head"} else ""
        rule += f";fill:{theme.badge_ink}" if role == "badge" else ""
        rules.append(f".{CLASS}{role}{{{rule}}}")
    halo = f"paint-order:stroke;stroke:{theme.paper};stroke-width:3px;stroke-linejoin:round"
    rules += [f".{CLASS}halo{{{halo}}}", f".{CLASS}arrow{{fill:none;stroke-linecap:butt}}"]
    rules.append(f".{CLASS}own .{CLASS}muted{{fill:inherit}}")
    return rules


def _drawing(scene: Scene, layout: Layout, theme: Theme) -> list[str]:
    """Clusters below arrows below boxes below labels."""
    parts = [_cluster(layout.groups[i], theme) for i in range(len(scene.clusters))]
    parts += [
        _arrow(arrow, route, scene, theme, is_turned=layout.is_turned)
        for arrow, route in zip(scene.arrows, layout.routes, strict=True)
        if route
    ]
    parts += [draw_box(box, where, theme) for box, where in zip(scene.boxes, layout.boxes, strict=True)]
    parts += [
        _label(arrow, at, is_turned=layout.is_turned)
        for arrow, at in zip(scene.arrows, layout.labels, strict=True)
        if at is not None and arrow.label
    ]
    for cluster, where in zip(scene.clusters, layout.groups, strict=True):
        text = text_of(cluster.title, where.x + 8, where.y + row_height(cluster.title), "start")
        parts.append(f'<g class="{CLASS}halo"><title>{escape(cluster.tooltip)}</title>{text}</g>')
    return parts


def _cluster(where: Rectangle, theme: Theme) -> str:
    look = f' rx="8" fill="{theme.cluster_fill}" stroke="{theme.cluster_border}"'
    return rectangle((where.x, where.y, where.width, where.height), look)


def stroke(arrow: Arrow, scene: Scene, theme: Theme) -> tuple[str, float, str]:
    """Colour, width and dashes of an arrow."""
    if arrow.state == "sent" and arrow.norm is not None and scene.scale is not None:
        return scene.scale.colour(arrow.norm, theme), scene.scale.width(arrow.norm), ""
    if arrow.state == "non-finite":
        return theme.non_finite, 3.5, "8 3"
    if arrow.state in {"unknown", "constant"}:
        return theme.muted, 1.2 if arrow.state == "unknown" else 0.8, ""
    return theme.no_gradient, 1.2, {"zero": "1.5 3", "carried": "9 4"}.get(arrow.state, "5 4")


def _arrow(arrow: Arrow, route: Sequence[Point], scene: Scene, theme: Theme, *, is_turned: bool) -> str:
    """The curve and its head; the route begins at the producer, which is where the gradient arrives."""
    colour, width, dashes = stroke(arrow, scene, theme)
    (x, y), *others = route
    half, length = 2.6 + width * 0.75, 6 + width
    points = [(x + length - 1, y) if is_turned else (x, y + length - 1), *others]
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    away = (length, -half, "v") if is_turned else (-half, length, "h")
    tip = f"M{number(x)} {number(y)}l{number(away[0])} {number(away[1])}{away[2]}{number(2 * half)}z"
    line = f'<path class="{CLASS}arrow" d="{_curve(points)}" stroke="{colour}" stroke-width="{number(width)}"{dash}/>'
    title = f"<title>{escape(arrow.tooltip)}</title>" if arrow.tooltip else ""
    if arrow.state == "constant":  # nothing goes this way
        return f"<g>{title}{line}</g>"
    return f'<g>{title}{line}<path d="{tip}" fill="{colour}"/></g>'


def _curve(points: Sequence[Point]) -> str:
    """SVG path of a Bézier curve; straight vertical pieces in their short form."""
    d = [f"M{number(points[0][0])} {number(points[0][1])}"]
    x = points[0][0]
    for i in range(1, len(points) - 2, 3):
        first, second, end = points[i : i + 3]
        if number(first[0]) == number(second[0]) == number(end[0]) == number(x):
            d.append(f"V{number(end[1])}")
        else:
            d.append("C" + " ".join(f"{number(px)} {number(py)}" for px, py in (first, second, end)))
        x = end[0]
    return "".join(d)


def _label(arrow: Arrow, at: Point, *, is_turned: bool) -> str:
    x, y = (at[0], at[1] + 7) if is_turned else (at[0] + LABEL_X / 2, at[1] + 4)
    return f'<g class="{CLASS}halo">{text_of(arrow.label, x, y, "middle")}</g>'
