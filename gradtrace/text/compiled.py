"""Compiled regions in words: what is known of the values inside."""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.model import CompiledOp, CompiledRegion, Node, TensorStats
from gradtrace.text.wording import gradient, value


def is_recomputed(node: Node) -> bool:
    """Whether anything inside of the compiled region that the node stands for was computed a second time."""
    return node.recomputed is not None and any(one is not None for one in node.recomputed.values)


def values_inside(node: Node) -> str:
    """What a reader of a compiled region has to know of its values."""
    is_fused = node.region is not None and node.region.is_fused
    fused = ", the operations are fused" if is_fused else ""
    if not is_recomputed(node):
        return f"values inside are not measured{fused}"
    return f"values inside are recomputed, op by op{fused}"


def result(one: CompiledOp, recomputed: TensorStats | None) -> str:
    """What an op gave when it was run again: a gradient, or a forward value; empty for one that was not."""
    if recomputed is None:
        return ""
    return value(recomputed) if one.is_forward else gradient(recomputed)


def ops_inside(region: CompiledRegion, node: Node) -> Iterator[tuple[CompiledOp, TensorStats | None]]:
    """The ops of the backward graph of a region, each with its recomputed result at this node, if there is one."""
    values = () if node.recomputed is None else node.recomputed.values
    for position, one in enumerate(region.ops or ()):
        yield one, values[position] if position < len(values) else None
