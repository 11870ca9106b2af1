"""The caption above a picture and the legend below it, in SVG."""

from gradtrace.layout.layout import Rectangle
from gradtrace.renderers.picture.scene import Box, Scene, Span
from gradtrace.renderers.picture.svg_boxes import draw_box, number, text_of
from gradtrace.renderers.picture.svg_text import line_height, text_width
from gradtrace.text import wording
from gradtrace.text.palette import Theme

_SWATCH = (26.0, 14.0)
_ENTRY_GAP = 20.0
_ROW = 22.0
EDGE_STATES = {
    "zero": ("1.5 3", "sent exactly zero"),
    "non-finite": ("8 3", "sent NaN or Inf"),
    "none": ("5 4", "sent nothing"),
    "unknown": ("", "gradient not measured"),
    "carried": ("9 4", "to the repetition before"),
}


def caption(scene: Scene) -> tuple[list[str], float, float]:
    """Title and lines above the picture, with their width and height."""
    lines = [(scene.title, "title"), *((line, "muted") for line in scene.caption)]
    parts, y, width = [], 0.0, 0.0
    for text, role in lines:
        height = line_height(role)
        parts.append(text_of((Span(text, role),), 0, y + height * 0.76, "start"))
        y += height + 2
        width = max(width, text_width(text, role))
    return parts, width, y + 14


def reading(scene: Scene, *, is_turned: bool = False) -> str:
    """How to read the picture, in one sentence."""
    forward, back = ("to the right", "to the left") if is_turned else ("downwards", "upwards")
    if "sent" not in scene.edge_states:
        return f"The forward pass runs {forward}; arrows point {back}, the way that gradients take."
    return f"The forward pass runs {forward}; gradients flow {back}, along the arrows."


def legend(scene: Scene, theme: Theme, width: float, *, is_turned: bool = False) -> tuple[list[str], float, float]:
    """What colours, borders and lines mean, and what was folded away, with width and height."""
    entries = [_box_entry(style, theme) for style in scene.legend]
    entries += [_state_entry(state, theme) for state in scene.edge_states if state in EDGE_STATES]
    if scene.scale is not None:
        entries.append(_scale_entry(scene, theme))
    parts = [f'<path d="M0 14H{number(width)}" stroke="{theme.rule}" stroke-width="0.7"/>']
    x, y, widest = 0.0, 26.0, 0.0
    for drawing, size in entries:
        if x and x + size > width:
            x, y = 0.0, y + _ROW
        parts.append(f'<g transform="translate({number(x)} {number(y)})">{drawing}</g>')
        x += size + _ENTRY_GAP
        widest = max(widest, x - _ENTRY_GAP)
    y += _ROW + 4
    for text in (reading(scene, is_turned=is_turned), *scene.notes):
        parts.append(_text(text, 0, y + 8))
        widest = max(widest, text_width(text, "muted"))
        y += line_height("muted") + 1
    return parts, widest, y + 4


def _text(text: str, x: float, y: float = 11) -> str:
    return text_of((Span(text, "muted"),), x, y, "start")


def _box_entry(style: str, theme: Theme) -> tuple[str, float]:
    words = theme.boxes[style].meaning
    swatch = draw_box(Box(style, ((Span("", "muted"),),), words), Rectangle(0, 0, *_SWATCH), theme)
    return swatch + _text(words, _SWATCH[0] + 8), _SWATCH[0] + 8 + text_width(words, "muted")


def _state_entry(state: str, theme: Theme) -> tuple[str, float]:
    dashes, words = EDGE_STATES[state]
    colour = theme.non_finite if state == "non-finite" else theme.muted if state == "unknown" else theme.no_gradient
    width = 3.5 if state == "non-finite" else 1.5
    line = f'<path d="M0 7h30" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes or "none"}"/>'
    return line + _text(words, 36), 36 + text_width(words, "muted")


def _scale_entry(scene: Scene, theme: Theme) -> tuple[str, float]:
    """Three lines of rising width with the norms for which they stand."""
    scale = scene.scale
    if scale is None:
        return "", 0.0
    words = "gradient |g|"
    parts, x = [_text(words, 0)], text_width(words, "muted") + 8
    for norm in scale.ticks():
        text = wording.number(norm, 2)
        line = f'<path d="M{number(x)} 7h24" stroke="{scale.colour(norm, theme)}" stroke-width="{scale.width(norm)}"/>'
        parts += [line, _text(text, x + 29)]
        x += 29 + text_width(text, "muted") + 10
    return "".join(parts), x - 10
