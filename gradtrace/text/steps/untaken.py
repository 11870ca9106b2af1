"""Where a gradient does not go: the elements of an input that an op leaves without any, and why."""

from gradtrace.formulas import traits
from gradtrace.model import Edge, Node, TensorStats
from gradtrace.text.steps.arrays import Array


def untaken(node: Node, edge: Edge) -> str:
    """`; 9 of 12 elements get exactly 0: never taken`; empty where every element gets something.

    The reason is left out where zeros had arrived already: then it is not known to be the only one.
    """
    reason = traits.of(node).zeros
    sent = edge.sent
    if reason is None or sent is None or sent.numel < 2:  # noqa: PLR2004
        return ""
    n = zeros(sent)
    if not n:
        return ""
    received = node.received
    why = f": {reason}" if received is not None and zeros(received) == 0 else ""
    return f"; {n:,} of {sent.numel:,} elements get exactly 0{why}"


def zeros(stats: TensorStats) -> int | None:
    """How many elements are exactly 0; None where that was not measured."""
    if stats.zero is not None:
        return stats.zero
    array = Array.read(stats.value) if stats.value is not None else None
    return sum(x == 0 for x in array.flat) if array is not None else None
