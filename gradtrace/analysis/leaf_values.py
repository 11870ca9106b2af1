"""What leaves held when a pass ran: a leaf itself only tells what it held when it was first met."""

from dataclasses import replace

from gradtrace.model import BackwardPass, NestedValue, Trace


def at_pass(trace: Trace, one: BackwardPass) -> Trace:
    """The trace with the elements of its leaves as they were in one pass; none where that was not measured."""
    earlier = {row.leaf for before in trace.passes if before.index < one.index for row in before.accumulations}
    if not earlier:
        return trace
    known = {**_saved(one), **_stepped(trace, one)}
    leaves = tuple(replace(leaf, value=known.get(leaf.id)) if leaf.id in earlier else leaf for leaf in trace.leaves)
    return replace(trace, leaves=leaves)


def _saved(one: BackwardPass) -> dict[int, NestedValue]:
    """What nodes of the pass had saved of leaves."""
    nodes = one.graph.nodes if one.graph is not None else ()
    return {saved.leaf: saved.value for node in nodes for saved in node.saved if saved.leaf is not None}


def _stepped(trace: Trace, one: BackwardPass) -> dict[int, NestedValue]:
    """What the first step after the pass found."""
    found: dict[int, NestedValue] = {}
    for step in trace.steps:
        if step.began_after == one.index and step.process == one.process:
            for change in step.changes:
                found.setdefault(change.leaf, change.value_before)
    return {leaf: value for leaf, value in found.items() if value is not None}
