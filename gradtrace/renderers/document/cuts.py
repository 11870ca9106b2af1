"""Where values left the graph."""

from gradtrace.model import Cut as SeenCut
from gradtrace.model import CutKind
from gradtrace.renderers.document.layout import Part
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.run import GradSwitch, switch
from gradtrace.renderers.document.tensors import Location


class Cut(Part, frozen=True, kw_only=True):
    """A value that required grad, and a result that does not: once for each place in the source.

    Attributes:
        id: its position in the list.
        kind: how the value left the graph.
        call: the function that was called: `detach`, `argmax`, `item`.
        location: where.
        source: what a person would call the value, or null.
        name: the name to which the result was assigned, or null.
        leaves: ids of the leaves that get no gradient this way.
        count: how often it happened; 0 where that was before the stretch of a session which this is about.
        reentry: where the result first came back into a graph, as a constant, or null.
        passes: indices of the passes in whose graph it did.
        module: the module that was running, or null.
        process: which process of the run.
        switch: what switched gradients off, for `no_grad` and `inference_mode`, or null.
        is_of_leaves: every value that was cut off was a leaf itself.
    """

    id: int
    kind: CutKind
    call: str
    location: Location | None
    source: str | None
    name: str | None
    leaves: tuple[int, ...]
    count: int
    reentry: Location | None
    passes: tuple[int, ...]
    module: str | None
    process: int
    switch: GradSwitch | None
    is_of_leaves: bool


def cut(one: SeenCut) -> Cut:
    """A cut of a trace."""
    return mirrored(Cut, one, switch=switch(one.switch))
