"""Where a gradient does not go: the elements of an input that an op leaves without any, and why."""

from gradtrace.model import Edge, Node, TensorStats
from gradtrace.text.steps.arrays import Array

_NEVER_TAKEN = "never taken"
_OUTSIDE = "outside the limits"
_NOT_LARGEST = "not the largest"
_NOT_SMALLEST = "not the smallest"
_NOT_POSITIVE = "the input is not positive there"

_REASONS: dict[str, str] = {
    **dict.fromkeys(
        ("gather", "index", "index_select", "take", "select", "slice", "embedding", "narrow"), _NEVER_TAKEN
    ),
    **dict.fromkeys(("masked_select", "diagonal", "unfold"), _NEVER_TAKEN),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "hardtanh"), _OUTSIDE),
    **dict.fromkeys(("max", "amax", "max_pool2d_with_indices", "max_pool2d", "maximum"), _NOT_LARGEST),
    **dict.fromkeys(("min", "amin", "minimum"), _NOT_SMALLEST),
    "relu": _NOT_POSITIVE,
    "threshold": _NOT_POSITIVE,
    "where": "the other tensor was taken there",
    "masked_fill": "overwritten there",
    "native_dropout": "dropped",
    "topk": "not among those taken",
    "kthvalue": "not the one taken",
    "median": "not the one taken",
    "nll_loss": "not the right class",
}
"""By op, why an element whose result got a gradient got none itself."""


def untaken(node: Node, edge: Edge) -> str:
    """`; 9 of 12 elements get exactly 0: never taken`; empty where every element gets something.

    The reason is left out where zeros had arrived already: then it is not known to be the only one.
    """
    reason = _REASONS.get(node.op.removesuffix("_"))
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
