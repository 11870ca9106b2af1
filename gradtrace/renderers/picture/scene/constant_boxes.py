"""Constants that take part: inputs, targets and numbers, small and grey, so that a product has two arms."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass

from gradtrace.analysis.calls import called
from gradtrace.analysis.constants import constants
from gradtrace.formulas.operand_words import operand_word
from gradtrace.model import BackwardPass, Trace
from gradtrace.renderers.picture.scene.model import Box, Span
from gradtrace.text import wording
from gradtrace.text.escape import visible
from gradtrace.text.steps.operands import Operands

_MOST_NODES = 200
"""Of larger graphs no constant is drawn in any picture."""
_LONGEST_VALUE = 16


@dataclass(frozen=True, slots=True)
class ConstantBox:
    """A constant as it is drawn, and what it is to the op that takes it in."""

    box: Box
    word: str


def constants_of(trace: Trace, backward: BackwardPass) -> dict[int, list[ConstantBox]]:
    """The constants of a small graph, by the node that keeps them."""
    graph = backward.graph
    found: defaultdict[int, list[ConstantBox]] = defaultdict(list)
    if graph is None or len(graph.nodes) > _MOST_NODES:
        return found
    for one in constants(graph):
        node = graph.nodes[one.node]
        first, last = (bisect_left(graph.edges, end, key=lambda edge: edge.source) for end in (node.id, node.id + 1))
        name = Operands(graph, trace.leaves, node, graph.edges[first:last]).known_text(one.saved.name)
        value = wording.elements(one.saved.value) if one.saved.value is not None else ""
        spans = [Span(visible(name, 24), "muted")] if name and name != value else []
        if value and len(value) <= _LONGEST_VALUE:
            spans.append(Span(f"= {value}" if spans else value, "muted"))
        else:
            spans.append(Span(wording.spec(one.saved.shape, one.saved.dtype, one.saved.device) or "constant", "muted"))
        box = Box("constant", (tuple(spans),), "a constant: it takes no gradient", is_chip=True)
        word = operand_word(called(node), f"{node.op}:{one.saved.name}")
        found[one.node].append(ConstantBox(box, word))
    return found
