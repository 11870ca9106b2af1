"""What the page calls an op."""

from collections import Counter
from collections.abc import Sequence

from gradtrace.analysis.calls import called
from gradtrace.model import Node


def op_names(nodes: Sequence[Node]) -> list[str]:
    """The call that made a node, if it made no other: `batch_norm`; else torch's op: `t` and `addmm` of a `linear`."""
    made = Counter(node.call_number for node in nodes)
    return [called(node) if made[node.call_number] == 1 else node.op for node in nodes]
