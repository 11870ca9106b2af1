"""A pass as a person wrote it: what one call of torch made is one op, with the arguments of that call."""

from dataclasses import replace

from gradtrace.analysis.calls import by_call, called, is_joined
from gradtrace.formulas.catalogue.compositions import FORMULAS as COMPOSITIONS
from gradtrace.formulas.formula import Formula
from gradtrace.formulas.lookup import describe, describe_call
from gradtrace.formulas.operand_words import argument_of_call
from gradtrace.model import BackwardPass, Edge, NestedValue, Node
from gradtrace.text import wording
from gradtrace.text.source_maths import span
from gradtrace.text.steps.arrays import Array
from gradtrace.text.steps.operands import Operands
from gradtrace.text.steps.outputs import target


def in_calls(one: BackwardPass) -> BackwardPass:
    """The pass with all that one call made as one node; a node that a call made alone stays as it is."""
    joined = by_call(one, is_renamed=False)
    if joined.graph is None or joined is one:
        return one
    nodes = joined.graph.nodes
    edges = tuple(_edge(nodes[edge.source], edge) for edge in joined.graph.edges)
    return replace(joined, graph=replace(joined.graph, edges=edges))


def _edge(source: Node, edge: Edge) -> Edge:
    argument = argument_of_call(source.op, edge.input) if is_joined(source) else None
    return edge if argument is None else replace(edge, input=argument)


def word(node: Node) -> str:
    """What a node is called: the call that made it, `linear`, or torch's op."""
    return node.op if is_joined(node) else called(node, is_spelled=False)


def made_by(node: Node, name: str) -> str:
    """How a value came to be: `h = x + 1`, `h[0] = 7`; of one that was changed in place `h (changed by row += 1)`."""
    source = span(node.location)
    if not source or source == name:
        return name
    if is_write(node) and target(node.location) != name:
        begins = source.removeprefix(name)
        return (
            source
            if begins != source and not (begins[0].isalnum() or begins[0] == "_")
            else f"{name} (changed by {source})"
        )
    return f"{name} = {source}"


def is_write(node: Node) -> bool:
    """Whether the call that made a node changed a tensor in place: `fill_`, `+=`, `x[0] = y`."""
    call = (node.call or "").rpartition(".")[2]
    if call.startswith("__"):
        return call == "__setitem__" or call.startswith("__i")
    return call.endswith("_")


def formula_of(node: Node) -> Formula:
    """The formula of a node, or of the call that it stands for."""
    if not is_joined(node):
        return describe(node)
    if node.is_custom:
        return describe(replace(node, type=node.type.split()[0]))
    parts = [describe(replace(node, type=type_)) for type_ in node.type.split()]
    own = next((one for one in parts if one.op == node.op), None)  # `mul_` of a view makes what keeps it a view besides
    return own or describe_call(node.op, [one.op for one in parts])


def formula_in_words(node: Node) -> Formula:
    """As `formula_of`; of a function that has a page of its own that page, also where torch makes it of one op."""
    called_as = word(node)
    if called_as != node.op and not node.is_custom:
        known = next((one for one in COMPOSITIONS if called_as == one.op), None)
        if known is not None:
            return known
    return formula_of(node)


def linear_step(operands: Operands, edge: Edge) -> str:
    """What a linear layer sends to input, weight or bias, where the numbers confirm it; else empty."""
    received, sent = operands.node.received, edge.sent
    if operands.node.op != "linear" or received is None or sent is None or not received.shape:
        return ""
    arrived, brought = _matrix(received.value), Array.read(sent.value)
    saved = {one.name: _matrix(one.value) for one in operands.node.saved if one.value is not None}
    inputs, weight = saved.get("mat1") or saved.get("self"), saved.get("mat2")
    if arrived is None or brought is None:
        return ""
    known: Array | None = None
    text = ""
    if edge.input == "input" and weight is not None:
        known, text = arrived.matmul(weight.transposed), f"= gradient @ {operands.text('weight')}"
    elif edge.input == "weight" and inputs is not None:
        known, text = arrived.transposed.matmul(inputs), f"= gradientᵀ @ {operands.text('input')}"
    elif edge.input == "bias":
        shown = wording.elements(received.value)
        known = arrived.summed_to((arrived.shape[-1],))
        text = f"= {shown if len(shown) <= _INLINE else 'gradient'}, summed over the batch, because "
        text += f"{operands.text('bias')} was broadcast"
    return text if known is not None and Array(brought.shape, known.flat).is_close(brought) else ""


_INLINE = 20


def _matrix(value: NestedValue) -> Array | None:
    """A value as rows of its last dimension."""
    array = Array.read(value) if value is not None else None
    if array is None or not array.shape or not array.flat:
        return None
    return Array((len(array.flat) // array.shape[-1], array.shape[-1]), array.flat)
