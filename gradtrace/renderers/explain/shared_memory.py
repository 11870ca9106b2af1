"""Values that were written to between forward and backward where torch could not tell: numpy, `.data`, detach()."""

from collections.abc import Iterator

from gradtrace.formulas.factors import OF_ONE, OF_TWO
from gradtrace.model import BackwardPass, Graph, Leaf, Node, Trace
from gradtrace.text import wording
from gradtrace.text.source_maths import operands as operands_in
from gradtrace.text.source_maths import span
from gradtrace.text.steps.arrays import Array
from gradtrace.text.steps.operands import Operands

_LARGEST = 400
"""Nodes of a graph that is looked through."""
_MOST = 2

_WHY = "written to in between, where torch does not see it: numpy(), .data and detach() share memory with their tensor"


def written_between(trace: Trace, one: BackwardPass) -> Iterator[str]:
    """A sentence for each of the first ops whose result is not that of the values which backward finds."""
    if one.graph is None or len(one.graph.nodes) > _LARGEST or one.is_drawn_only or one.error is not None:
        return
    found = [text for node in one.graph.nodes if (text := _of(one.graph, trace.leaves, node))]
    yield from found[:_MOST]


def _of(graph: Graph, leaves: tuple[Leaf, ...], node: Node) -> str:
    value = Array.read(node.value.value) if node.value is not None and node.value.value is not None else None
    if value is None or len(node.outputs) != 1 or node.location is None:
        return ""
    source, line = span(node.location), wording.at(node.location)
    kept = next((saved.value for saved in node.saved if saved.name == "result" and saved.value is not None), None)
    saved = Array.read(kept) if kept is not None else None
    if saved is not None and saved.shape == value.shape and not saved.is_close(value):
        return (
            f"{source}{line} was {wording.elements(value.nested)}, and backward found {wording.elements(kept)} there: "
            f"it was {_WHY}."
        )
    again = _again(graph, leaves, node)
    if again is None or again.shape != value.shape or again.is_close(value):
        return ""
    texts = [text for text in operands_in(source, node.op.removesuffix("_")) if not _is_number(text)]
    names = wording.listing(list(dict.fromkeys(texts))) or "its operands"
    return (
        f"{source}{line} was {wording.elements(value.nested)}; with what backward finds in {names} it would be "
        f"{wording.elements(again.nested)}: something was {_WHY}."
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _again(graph: Graph, leaves: tuple[Leaf, ...], node: Node) -> Array | None:
    """What the op would give for the values that it saved, and for those of leaves."""
    if node.op.removesuffix("_") == "pow":
        return _power(graph, leaves, node)
    edges = tuple(edge for edge in graph.edges if edge.source == node.id)
    saved = {one.name for one in node.saved if one.value is not None}
    op = node.op.removesuffix("_")
    names = ("self", "other") if op in OF_TWO else ("self",) if op in OF_ONE else ()
    of_leaves = {edge.input for edge in edges if graph.nodes[edge.target].leaf is not None}
    if not names or not saved or not set(names) <= saved | of_leaves:
        return None
    values = [Operands(graph, leaves, node, edges).value(name) for name in names]
    first, *others = values
    if first is None or any(other is None for other in others):
        return None
    return first.zip(others[0], OF_TWO[op]) if others and others[0] is not None else first.map(OF_ONE[op])


def _power(graph: Graph, leaves: tuple[Leaf, ...], node: Node) -> Array | None:
    """A power with a number as exponent."""
    operands = Operands(graph, leaves, node, ())
    base, exponent = operands.value("self"), operands.value("exponent")
    if base is None or exponent is None or exponent.shape:
        return None
    return base.zip(exponent, lambda x, n: x**n)
