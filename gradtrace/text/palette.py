"""Colours of the pictures, one meaning each, after Okabe and Ito so that colour-blind people tell them apart.

Nothing is said by colour alone: every kind of box has its own border (thick, double, dashed, corners cut, stacked), a
larger gradient has a thicker line, and what is not finite says so in words. So a picture printed in black and white
still reads.
"""

import math
from dataclasses import dataclass

FONT = "Helvetica,Arial,Liberation Sans,sans-serif"
"""For Graphviz. Its metrics are those of Arial and Liberation Sans, so text measured here fits nearly everywhere."""

FONT_STACK = (
    "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', 'DejaVu Sans Condensed', 'DejaVu Sans', 'Noto Sans', "
    "sans-serif"
)
"""For SVG. What draws it without a browser takes no other font than one of these."""

SIZES = {"title": 13, "name": 13, "plain": 11, "muted": 10, "alarm": 11, "badge": 10, "strong": 11, "head": 9}
"""Point size of each role that a piece of text can have."""

BOLD = frozenset({"title", "alarm", "strong"})
ITALIC = frozenset({"name"})


@dataclass(frozen=True, slots=True)
class BoxStyle:
    """How a kind of box looks; `meaning` is what the legend says.

    `shape` is the part that survives black and white: `round`, `square`, `cut` (a line across each corner) or `stack`.
    """

    meaning: str
    fill: str
    border: str
    ink: str
    width: float = 1.0
    shape: str = "round"
    double: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Theme:
    """All colours of one picture. `ramp` runs from the smallest gradient to the largest."""

    name: str
    paper: str
    ink: str
    muted: str
    boxes: dict[str, BoxStyle]
    ramp: tuple[str, ...]
    no_gradient: str
    non_finite: str
    badge: str
    badge_ink: str
    cluster_fill: str
    cluster_border: str
    rule: str
    """Lines inside a leaf's box."""
    drawn: str
    """Behind the row of the drawn pass."""


LIGHT = Theme(
    name="light",
    paper="#FFFFFF",
    ink="#1B2430",
    muted="#5B6673",
    boxes={
        "op": BoxStyle("operation", "#F6F8FA", "#66727F", "#1B2430"),
        "leaf": BoxStyle("leaf: gradients land in its .grad", "#E0F4EC", "#00795A", "#1B2430", 1.8, "square"),
        "root": BoxStyle("backward starts here", "#DCECF8", "#0072B2", "#1B2430", 1.2, double=True),
        "custom": BoxStyle("custom autograd.Function", "#F8E8F1", "#A8497F", "#1B2430", 1.2, "cut"),
        "compiled": BoxStyle(
            "compiled: many operations in one", "#ECEAF9", "#5B4FB0", "#1B2430", 1.2, "cut", double=True
        ),
        "folded": BoxStyle("folded: several nodes", "#FFF4DA", "#A87400", "#1B2430", 1.2, "stack"),
        "idle": BoxStyle("did not run in this pass", "#FFFFFF", "#8A95A1", "#66727F", dashed=True),
        "cut": BoxStyle("a value left the graph", "#E9ECEF", "#66727F", "#4A5561", 1.2, "square", dashed=True),
        "value": BoxStyle("value, with data and gradient", "#F6F8FA", "#66727F", "#1B2430", shape="square"),
        "operator": BoxStyle("operation", "#FFFFFF", "#66727F", "#1B2430", 1.5),
        "constant": BoxStyle("constant: takes no gradient", "#FFFFFF", "#B4BEC8", "#5B6673", 0.7),
        "non-finite": BoxStyle("NaN or Inf", "#FCE5D8", "#D55E00", "#1B2430", 3.0),
        "non-finite leaf": BoxStyle("leaf with NaN or Inf", "#FCE5D8", "#D55E00", "#1B2430", 3.0, "square"),
        "failed": BoxStyle("the pass failed here", "#1B2430", "#1B2430", "#FFFFFF", 3.0, "square"),
    },
    ramp=("#9CC9E8", "#56A3D6", "#1F7FBF", "#0A5A96", "#083A66"),
    no_gradient="#A3ADB8",
    non_finite="#D55E00",
    badge="#F0E442",
    badge_ink="#1B2430",
    cluster_fill="#FFFBF1",
    cluster_border="#CDB178",
    rule="#9BCDBB",
    drawn="#C5E8DA",
)

DARK = Theme(
    name="dark",
    paper="#14181D",
    ink="#E8ECF0",
    muted="#9DA8B4",
    boxes={
        "op": BoxStyle("operation", "#232A32", "#8592A0", "#E8ECF0"),
        "leaf": BoxStyle("leaf: gradients land in its .grad", "#0F3329", "#2FBF93", "#E8ECF0", 1.8, "square"),
        "root": BoxStyle("backward starts here", "#0E2E45", "#56B4E9", "#E8ECF0", 1.2, double=True),
        "custom": BoxStyle("custom autograd.Function", "#3B1F30", "#E29CC4", "#E8ECF0", 1.2, "cut"),
        "compiled": BoxStyle(
            "compiled: many operations in one", "#25203F", "#A99CF0", "#E8ECF0", 1.2, "cut", double=True
        ),
        "folded": BoxStyle("folded: several nodes", "#382B0B", "#E6A92F", "#E8ECF0", 1.2, "stack"),
        "idle": BoxStyle("did not run in this pass", "#14181D", "#78838F", "#9DA8B4", dashed=True),
        "cut": BoxStyle("a value left the graph", "#2A3037", "#8592A0", "#B4BEC8", 1.2, "square", dashed=True),
        "value": BoxStyle("value, with data and gradient", "#232A32", "#8592A0", "#E8ECF0", shape="square"),
        "operator": BoxStyle("operation", "#14181D", "#8592A0", "#E8ECF0", 1.5),
        "constant": BoxStyle("constant: takes no gradient", "#14181D", "#5A6570", "#9DA8B4", 0.7),
        "non-finite": BoxStyle("NaN or Inf", "#4A2208", "#FF8A3C", "#FFFFFF", 3.0),
        "non-finite leaf": BoxStyle("leaf with NaN or Inf", "#4A2208", "#FF8A3C", "#FFFFFF", 3.0, "square"),
        "failed": BoxStyle("the pass failed here", "#FFFFFF", "#FFFFFF", "#14181D", 3.0, "square"),
    },
    ramp=("#2F6F9B", "#3D8DC4", "#56B4E9", "#93D0F4", "#D3EDFC"),
    no_gradient="#5A6570",
    non_finite="#FF8A3C",
    badge="#F0E442",
    badge_ink="#14181D",
    cluster_fill="#1A1D1F",
    cluster_border="#7A6430",
    rule="#2C6B57",
    drawn="#1B4A3C",
)

THEMES = {"light": LIGHT, "dark": DARK}


_THIN, _THICK = 1.0, 4.5


@dataclass(frozen=True, slots=True)
class Scale:
    """Norm of a gradient to the width and colour of its edge, on a logarithmic scale from `low` to `high`.

    `smallest` and `largest` are the norms that really occur.
    """

    low: float
    high: float
    smallest: float
    largest: float

    def position(self, norm: float) -> float:
        """0 at `low` and below, 1 at `high` and above."""
        if norm <= self.low or self.high <= self.low:
            return 0.0 if norm < self.high else 0.5
        return min(1.0, math.log(norm / self.low) / math.log(self.high / self.low))

    def width(self, norm: float) -> float:
        """Width of the line, in points."""
        return round(_THIN + (_THICK - _THIN) * self.position(norm), 1)

    def colour(self, norm: float, theme: Theme) -> str:
        """Colour of the line."""
        return theme.ramp[min(len(theme.ramp) - 1, int(self.position(norm) * len(theme.ramp)))]

    def ticks(self) -> tuple[float, ...]:
        """The norms which the legend shows."""
        if self.smallest == self.largest:
            return (self.largest,)
        return (self.smallest, math.sqrt(self.smallest) * math.sqrt(self.largest), self.largest)


def scale_of(norms: list[float]) -> Scale | None:
    """The scale that shows these norms: at least one decade wide, so that equal gradients look alike, at most eight."""
    shown = [norm for norm in norms if 0 < norm < math.inf]
    if not shown:
        return None
    low, high = min(shown), max(shown)
    if high < low * 10:
        middle = math.sqrt(low) * math.sqrt(high)
        low, high = middle / math.sqrt(10), middle * math.sqrt(10)
    return Scale(max(low, high / 1e8), high, min(shown), max(shown))
