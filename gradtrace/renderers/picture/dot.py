"""DOT, for Graphviz: one pass as a picture with clusters, gradients on the arrows and the ledger in the leaves."""

from collections import defaultdict
from dataclasses import dataclass

from gradtrace.errors import RenderError
from gradtrace.model import Trace
from gradtrace.renderers.picture.dot_labels import box_label, caption_label, inline_label, legend_label, quoted
from gradtrace.renderers.picture.scene import Arrow, Box, Cluster, DrawingOptions, Scene, compose
from gradtrace.text.palette import FONT, THEMES, BoxStyle, Theme

DIRECTIONS = ("tb", "lr")
ARROW_LIMIT = 5_000
ARROWS_A_BOX = 4
"""A picture of more arrows than this in all is drawn only if it has no more than that for each box: a long chain."""

_DASHES = {"zero": "dotted", "none": "dashed", "carried": "dashed", "non-finite": "dashed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(DrawingOptions):
    """What to draw, and how.

    Attributes:
        theme: `light` or `dark`.
        direction: of the forward pass: `tb` (from top to bottom) or `lr` (from left to right).
    """

    theme: str = "light"
    direction: str = "tb"


def render(trace: Trace, options: Options = Options()) -> str:
    """One pass as DOT.

    Raises:
        RenderError: there is nothing to draw, no such pass, or far too many arrows.
    """
    scene = compose(trace, options.choice())
    check_density(scene)
    return draw(scene, theme_named(options.theme), direction_named(options.direction))


def check_density(scene: Scene) -> None:
    """Make sure that arrows can be told apart, and drawn in seconds.

    Raises:
        RenderError: with what to do instead, if not.
    """
    n_boxes, n_arrows = len(scene.boxes), len(scene.arrows)
    if n_arrows > ARROW_LIMIT and n_arrows > ARROWS_A_BOX * n_boxes:
        raise RenderError(
            f"the picture has {n_arrows:,} arrows between {n_boxes:,} boxes, which nobody could tell apart (limit "
            f"{ARROW_LIMIT:,}). Draw a part of it with --focus NAME, fold it with --depth N (without --no-fold), or "
            "write HTML or JSON."
        )


def direction_named(name: str) -> str:
    """The direction of this name.

    Raises:
        RenderError: with the list, if there is none.
    """
    if name not in DIRECTIONS:
        raise RenderError(f"there is no direction {name!r}: choose {' or '.join(DIRECTIONS)}")
    return name


def theme_named(name: str) -> Theme:
    """The theme of this name.

    Raises:
        RenderError: with the list, if there is none.
    """
    if name not in THEMES:
        raise RenderError(f"there is no theme {name!r}: choose {' or '.join(THEMES)}")
    return THEMES[name]


def draw(scene: Scene, theme: Theme, direction: str = "tb") -> str:
    """A scene as DOT, with the forward pass from top to bottom (`tb`) or from left to right (`lr`).

    Producers stand above consumers, so edges are written forwards and their arrows point back.
    """
    inside: defaultdict[int | None, list[str]] = defaultdict(list)
    for number, box in enumerate(scene.boxes):
        inside[box.cluster].append(_node(number, box, theme))
    children: defaultdict[int | None, list[int]] = defaultdict(list)
    for number, cluster in enumerate(scene.clusters):
        children[cluster.parent].append(number)
    lines = [
        "digraph gradtrace {",
        *(f"  {line}" for line in _defaults(scene, theme, direction)),
        "  subgraph cluster_picture {",
        '    peripheries=0; bgcolor="transparent"; labelloc=b; labeljust=l; margin=4; tooltip=" ";',
        f"    label={legend_label(scene, theme, is_turned=direction == 'lr')};",
        *_contents(scene.clusters, children, inside, theme),
        "  }",
        *(f"  {_edge(arrow, scene, theme)}" for arrow in scene.arrows),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _defaults(scene: Scene, theme: Theme, direction: str) -> list[str]:
    font = f'fontname={quoted(FONT)}, fontcolor="{theme.ink}"'
    page = f'bgcolor="{theme.paper}", tooltip={quoted(scene.title or " ")}'
    return [
        f"graph [rankdir={direction.upper()}, outputorder=edgesfirst, pad=0.25, nodesep=0.25, ranksep=0.4];",
        f"graph [{page}, {font}];",
        f'graph [charset="UTF-8", labelloc=t, labeljust=l, label={caption_label(scene, theme)}];',
        f'node [shape=box, {font}, fontsize=11, margin="0.09,0.05", height=0.2, width=0.3];',
        f"edge [dir=back, {font}, fontsize=10, arrowsize=0.8];",
    ]


def _contents(
    clusters: tuple[Cluster, ...],
    children: dict[int | None, list[int]],
    inside: dict[int | None, list[str]],
    theme: Theme,
) -> list[str]:
    """The nodes of every cluster, nested, without recursion: modules may be nested as deep as the user likes."""
    lines: list[str] = []
    waiting: list[tuple[int | None, bool, int]] = [(None, False, 1)]
    while waiting:
        number, is_done, level = waiting.pop()
        indent = "  " * (level + 1)
        if is_done:
            lines.append(f"{indent[2:]}}}")
            continue
        if number is not None:
            lines += [f"{indent[2:]}{line}" for line in _cluster_head(number, clusters[number], theme)]
            waiting.append((number, True, level))
        lines += [f"{indent}{line}" for line in inside.get(number, ())]
        waiting += [(child, False, level + 1) for child in reversed(children.get(number, []))]
    return lines


def _cluster_head(number: int, cluster: Cluster, theme: Theme) -> list[str]:
    return [
        f"subgraph cluster_{number} {{",
        f'  style="rounded,filled"; fillcolor="{theme.cluster_fill}"; color="{theme.cluster_border}"; margin=10;',
        f"  peripheries=1; labelloc=t; labeljust=l; tooltip={quoted(cluster.tooltip or ' ')};",
        f"  label={inline_label(cluster.title, theme)};",
    ]


def _node(number: int, box: Box, theme: Theme) -> str:
    style = theme.boxes[box.style]
    attributes = [
        f"label={box_label(box, style, theme)}",
        f"tooltip={quoted(box.tooltip or ' ')}",
        f'fillcolor="{style.fill}"',
        f'color="{style.border}"',
        f"penwidth={style.width:g}",
        f'style="{_look(style, is_chip=box.is_chip)}"',
    ]
    if style.double:
        attributes.append("peripheries=2")
    if style.shape == "stack":
        attributes.append("shape=box3d")
    if box.is_chip:
        attributes.append('margin="0.08,0.01"')
    return f"n{number} [{', '.join(attributes)}];"


def _look(style: BoxStyle, *, is_chip: bool) -> str:
    looks = ["filled"]
    if is_chip or style.shape == "round":
        looks.append("rounded")
    elif style.shape == "cut":
        looks.append("diagonals")
    if style.dashed:
        looks.append("dashed")
    return ",".join(looks)


def _edge(arrow: Arrow, scene: Scene, theme: Theme) -> str:
    colour, width = _stroke(arrow, scene, theme)
    attributes = [f'color="{colour}"', f"penwidth={width:g}"]
    if arrow.state in _DASHES:
        attributes.append(f"style={_DASHES[arrow.state]}")
    if width > 2:  # noqa: PLR2004 - thick lines need no bigger heads
        attributes.append(f"arrowsize={max(0.4, 0.9 - width * 0.08):.2g}")
    if arrow.state == "constant":
        attributes.append("dir=none")
    if arrow.label:
        attributes.append(f"label={inline_label(arrow.label, theme)}")
    if arrow.tooltip:
        attributes += [f"tooltip={quoted(arrow.tooltip)}", f"labeltooltip={quoted(arrow.tooltip)}"]
    if arrow.state == "carried":
        attributes.append("constraint=false")
    return f"n{arrow.target} -> n{arrow.source} [{', '.join(attributes)}];"


def _stroke(arrow: Arrow, scene: Scene, theme: Theme) -> tuple[str, float]:
    """Colour and width of an arrow."""
    if arrow.state == "sent" and arrow.norm is not None and scene.scale is not None:
        return scene.scale.colour(arrow.norm, theme), scene.scale.width(arrow.norm)
    if arrow.state == "non-finite":
        return theme.non_finite, 3.5
    return (theme.muted if arrow.state == "unknown" else theme.no_gradient), 1.2
