"""The elements of tensors: how many a run holds."""

from __future__ import annotations

import math

from gradtrace.model import TensorStats, Trace


def n_elements(trace: Trace) -> int:
    """How many numbers the measurements of a run hold as elements of tensors, each object counted once."""
    seen: dict[int, TensorStats] = {}
    for item in trace.passes:
        for edge in item.graph.edges if item.graph is not None else ():
            if edge.sent is not None:
                seen[id(edge.sent)] = edge.sent
        for node in item.graph.nodes if item.graph is not None else ():
            for output in node.outputs:
                for stats in (output.received, output.arrived, output.value):
                    if stats is not None:
                        seen[id(stats)] = stats
    measured = sum(stats.numel for stats in seen.values() if stats.value is not None)
    return measured + sum(math.prod(leaf.shape) for leaf in trace.leaves if leaf.value is not None)
