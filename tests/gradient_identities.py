"""The identities that hold in every pass that was recorded in full, whatever the program.

What a node received is the sum of what its incoming edges sent (and of what the pass started with there); what a leaf
got is the sum over its incoming edges; what a leaf has afterwards is what it had before and what it got.
"""

import cmath
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from gradtrace.model import BackwardPass, Graph, TensorStats, Trace

RELATIVE = {
    "float64": 1e-12,
    "complex128": 1e-12,
    "float32": 1e-5,
    "complex64": 1e-5,
    "float16": 1e-2,
    "bfloat16": 5e-2,
}
"""By dtype: how far a sum may be from torch's, which adds in another order or rounds more often."""


def numbers(value: Any) -> Iterator[complex]:
    """All numbers of nested lists, in order."""
    if isinstance(value, list):
        for one in value:
            yield from numbers(one)
    else:
        yield complex(value) if isinstance(value, str) else value


def broken_identities(one: BackwardPass) -> list[str]:
    """A sentence for each identity that does not hold in a full pass; values must have been recorded."""
    if one.graph is None or one.error is not None:
        return []
    return [*_broken_sums(one, one.graph), *_broken_ledger(one, one.graph)]


def assert_identities(trace: Trace) -> int:
    """Checks every full pass of a recording, and says how many nodes that were."""
    for one in trace.passes:
        assert broken_identities(one) == [], f"pass {one.index}"
    return sum(len(one.graph.nodes) for one in trace.passes if one.graph is not None)


def incoming(one: BackwardPass, graph: Graph) -> dict[tuple[int, int], list[TensorStats]]:
    """By node and output: all that was sent there."""
    sent: dict[tuple[int, int], list[TensorStats]] = defaultdict(list)
    for root in one.roots:
        if root.node is not None:
            sent[root.node, root.output].extend([root.gradient] if root.gradient is not None else [])
    for edge in graph.edges:
        if edge.sent is not None:
            sent[edge.target, edge.output].append(edge.sent)
    return sent


def _broken_sums(one: BackwardPass, graph: Graph) -> Iterator[str]:
    sent = incoming(one, graph)
    for node in graph.nodes:
        for output in node.outputs:
            arrived = output.arrived or output.received
            if arrived is None:
                continue
            where = f"{node.type} {node.id} output {output.index}"
            parts = sent.get((node.id, output.index), [])
            if not parts:
                yield f"{where} received something that nobody sent"
            elif not _is_sum(arrived, parts):
                yield f"{where} received {_short(arrived)}, but was sent {' and '.join(map(_short, parts))}"


def _broken_ledger(one: BackwardPass, graph: Graph) -> Iterator[str]:
    received = {node.leaf: node.outputs[0].received for node in graph.nodes if node.leaf is not None}
    for item in one.accumulations:
        where = f"leaf {item.leaf}"
        if item.contribution is None:
            if item.before != item.after:
                yield f"{where} changed though nothing arrived"
            continue
        at_node = received.get(item.leaf)
        if at_node is not None and not _is_sum(item.contribution, [at_node]):
            yield f"{where} got {_short(item.contribution)}, but its node received {_short(at_node)}"
        if item.effect == "not stored":
            continue
        parts = [item.contribution] if item.before is None else [item.before, item.contribution]
        if item.after is None:
            yield f"{where} has no .grad afterwards"
        elif not _is_sum(item.after, parts):
            yield f"{where} has {_short(item.after)} after {' and '.join(map(_short, parts))}"


def _is_sum(total: TensorStats, parts: list[TensorStats]) -> bool:
    """Whether it is the sum, element by element, as far as all values were recorded; a lone part must be the same."""
    if total.value is None or any(part.value is None for part in parts):
        return total.numel == 0 or len(parts) > 1 or total.norm == parts[0].norm or _close(total, parts[0])
    columns = [list(numbers(part.value)) for part in parts]
    whole = list(numbers(total.value))
    if any(len(column) != len(whole) for column in columns):
        return False
    tolerance = RELATIVE.get(total.dtype, 0.0) if len(parts) > 1 else 0.0
    return all(_equal(one, column, tolerance) for one, column in zip(whole, zip(*columns, strict=True), strict=True))


def _close(total: TensorStats, part: TensorStats) -> bool:
    """Norms of the same tensor, measured in another layout, may differ in the last digits."""
    if total.norm is None or part.norm is None:
        return True
    return math.isnan(total.norm) == math.isnan(part.norm) and math.isclose(total.norm, part.norm, rel_tol=1e-4)


def _equal(one: complex, parts: tuple[complex, ...], tolerance: float) -> bool:
    total = sum(parts[1:], parts[0])
    if cmath.isnan(one) or cmath.isnan(total):
        return cmath.isnan(one) and cmath.isnan(total)
    scale = sum(abs(part) for part in parts)
    return one == total or abs(one - total) <= tolerance * scale


def _short(stats: TensorStats) -> str:
    return f"{stats.dtype}{list(stats.shape)} {str(stats.value)[:120] if stats.value is not None else stats.norm}"
