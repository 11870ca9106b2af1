"""The elements of tensors: how many a run holds, and how they are written."""

from __future__ import annotations

import json
import math

from gradtrace.model import NestedValue, TensorStats, Trace


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


_encode = json.JSONEncoder(separators=(",", ":")).encode


def value_text(value: NestedValue) -> str:
    """The elements as JSON, with text for what JSON has no number for."""
    text = _encode(value)
    return _encode(_strict(value)) if "N" in text or "I" in text else text


def _strict(value: NestedValue) -> NestedValue:
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
