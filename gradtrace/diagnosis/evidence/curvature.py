"""Second derivatives: passes over the graph of a gradient, and what they leave of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.ownership import owners
from gradtrace.diagnosis.evidence.shapes import full
from gradtrace.model import BackwardPass, Graph, LeafKind, Location, Node, PassCall, Trace

_SECOND = "BackwardBackward"


@dataclass(frozen=True, slots=True)
class Flat:
    """A derivative of a derivative that is zero, in every recorded pass from its line.

    Attributes:
        first: the pass whose gradient was differentiated, if it is known.
        nodes: the operations whose slope never changes, one for each place.
    """

    backward: BackwardPass
    first: BackwardPass | None
    nodes: tuple[Node, ...]


@once
def flat(trace: Trace) -> tuple[Flat, ...]:
    """Second derivatives that are zero everywhere because every slope on the way is constant piece by piece."""
    found: dict[tuple[str, int], Flat] = {}
    open_: set[tuple[str, int]] = set()
    by_index = {one.index: one for one in trace.passes}
    for backward, graph in full(trace):
        place = backward.location
        if place is None or backward.call != PassCall.AUTOGRAD_GRAD or backward.error is not None:
            continue
        nodes = [node for node in graph.nodes if _SECOND in node.type and node.order is not None]
        if not nodes:
            continue
        key = place.source_line
        if not _asks_inputs_only(trace, backward) or not _is_zero(backward, graph):
            open_.add(key)
        elif key not in found:
            first = max((node.made_after or 0 for node in nodes), default=0)
            found[key] = Flat(backward, by_index.get(first), tuple(_once_a_place(nodes)))
    return tuple(one for key, one in found.items() if key not in open_)


def _once_a_place(nodes: list[Node]) -> Iterator[Node]:
    """The nodes in the order of the forward pass, one for each place and module."""
    seen: set[tuple[Location | None, str | None]] = set()
    for node in reversed(nodes):
        if (node.location, node.module) not in seen:
            seen.add((node.location, node.module))
            yield node


def _asks_inputs_only(trace: Trace, backward: BackwardPass) -> bool:
    """Whether a pass asks for derivatives in what is no parameter: those in parameters need no curvature."""
    owned = owners(trace)
    return not any(
        row.leaf in owned or trace.leaves[row.leaf].kind == LeafKind.PARAMETER for row in backward.accumulations
    )


def _is_zero(backward: BackwardPass, graph: Graph) -> bool:
    """Whether a pass begins with something and all that comes out at its ends is exactly zero.

    Its ends are nodes that send nothing on: leaves, and tensors that the pass was asked for.
    """
    if any(root.gradient is not None and root.gradient.norm == 0 for root in backward.roots):
        return False
    sends = {edge.source for edge in graph.edges if edge.sent is not None}
    ends = [
        output.received
        for node in graph.nodes
        if node.id not in sends
        for output in node.outputs
        if output.received is not None
    ]
    return bool(ends) and all(stats.norm == 0 and stats.numel for stats in ends)
