"""What a caller chooses of a picture."""

from dataclasses import dataclass

from gradtrace.errors import RenderError
from gradtrace.renderers.picture.scene.model import NO_WISHES, Labels

STYLES = ("full", "slide")
PAGE = 40
"""So many items are left at most, where nothing else is asked for: what can be read on a page."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pass is drawn, how far it is folded, and what its labels carry.

    Attributes:
        pass_index: which pass; by default the first one with a graph.
        depth: modules below this depth are closed.
        fold: whether anything is folded beyond what `depth` closes.
        max_items: items that are left at most.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        aten: nodes are torch's own, not calls of the program.
        labels: what ops say of themselves.
        compactness: 0: everything is told; 1: of leaves the drawn pass alone, and no gradient twice; 2: modules of one
            op are closed too.
    """

    pass_index: int | None = None
    depth: int | None = None
    fold: bool = True
    max_items: int = PAGE
    focus: str | None = None
    expand: tuple[str, ...] = ()
    aten: bool = False
    labels: Labels = NO_WISHES
    compactness: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingOptions:
    """What every renderer that draws a scene lets its caller choose.

    Attributes:
        pass_index: which pass; by default the first one with a graph.
        depth: modules below this depth are closed.
        fold: whether anything is folded beyond what `depth` closes.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        aten: show torch's own nodes and their names, not what the program called.
        values: whether ops tell their values; None: where there is room.
        shapes: whether they tell their shapes.
        style: `full`, or `slide`: data and gradient in each box, and the op between them as a circle.
        source: whether they tell where they stand in the source.
    """

    pass_index: int | None = None
    depth: int | None = None
    fold: bool = True
    focus: str | None = None
    expand: tuple[str, ...] = ()
    aten: bool = False
    values: bool | None = None
    shapes: bool | None = None
    source: bool | None = None
    style: str = "full"

    def choice(self) -> Choice:
        """The same for `compose`.

        Raises:
            RenderError: there is no such style.
        """
        if self.style not in STYLES:
            raise RenderError(f"there is no style {self.style!r}: choose {' or '.join(STYLES)}")
        labels = Labels(self.values, self.shapes, self.source, is_slide=self.style == "slide")
        return Choice(
            self.pass_index,
            self.depth,
            self.fold,
            focus=self.focus,
            expand=self.expand,
            aten=self.aten,
            labels=labels,
        )
