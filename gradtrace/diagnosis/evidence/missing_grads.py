"""Reads of `.grad` that gave None: of what, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto

from gradtrace.analysis.source_slice import is_shown
from gradtrace.diagnosis.evidence.ownership import is_named, reached
from gradtrace.diagnosis.evidence.shapes import arriving, targets
from gradtrace.formulas import traits
from gradtrace.model import (
    BackwardPass,
    Bystander,
    BystanderKind,
    Event,
    EventKind,
    Graph,
    Leaf,
    LeafKind,
    Location,
    Node,
    RelatedLocation,
    Trace,
)

_READ = re.compile(r"([A-Za-z_][\w.\[\]]*?)\.grad\b")
_ATTRIBUTE_OF_NONE = "'NoneType'"


class Reason(StrEnum):
    """Why a read `.grad` is None."""

    RENAMED = auto()
    CAST = auto()
    RESULT = auto()
    CLEARED = auto()
    UNUSED = auto()
    LOOKED_AT = auto()


@dataclass(frozen=True, slots=True)
class Read:
    """A read of a `.grad` that was None: why, whose it was, and the line at fault.

    `is_among_others` tells of one only looked at whether its line shows the `.grad` of others too.
    """

    reason: Reason
    name: str | None
    place: Location | None
    related: tuple[RelatedLocation, ...] = ()
    is_among_others: bool = False


def reads(trace: Trace) -> Iterator[Read]:
    """Every such read once a place, with its explanation; reads of leaves only where the program died of them."""
    seen: set[tuple[str, int, int]] = set()
    for event in trace.events:
        place = event.location
        if event.kind != EventKind.GRAD_READ or place is None or (place.file, place.line, place.column) in seen:
            continue
        read = _of_result(trace, event) if event.is_leaf is False else _of_leaf(trace, event)
        if read is not None:
            seen.add((place.file, place.line, place.column))
            yield read


def _names(place: Location) -> list[str]:
    """Whose `.grad` is read: a line may read several, and its columns tell which one this was."""
    first = place.text.split("\n", 1)[0]
    read = first[place.column - 1 : place.end_column - 1] if place.end_column else ""
    return list(dict.fromkeys(_READ.findall(read) or _READ.findall(place.text)))


def _died(trace: Trace, place: Location) -> bool:
    """Whether the program ended at this line because something was None."""
    error = trace.run.error
    if error is None or not error.frames or _ATTRIBUTE_OF_NONE not in error.message:
        return False
    last = error.frames[-1]
    return last.source_line == place.source_line


def _of_result(trace: Trace, event: Event) -> Read | None:
    """A read of a tensor that is not a leaf: of a leaf that lost its name, or of an intermediate result."""
    place = event.location
    if place is None:
        return None
    names = _names(place)
    here = (RelatedLocation(place, "its .grad is read here"),)
    backward = next((one for one in reversed(trace.passes) if one.index <= event.pass_index and one.graph), None)
    for name in names:
        node = _made(trace, name, backward)
        if node is not None and node.location is not None:
            leaves = [leaf for leaf in trace.leaves if leaf.name == name]
            text = node.location.text
            if leaves and len(re.findall(rf"\b{re.escape(name)}\b", text)) > 1:
                return Read(Reason.RENAMED, name, node.location, here)
            if backward is not None and backward.graph is not None and _is_of_leaves(trace, backward.graph, node):
                return Read(Reason.CAST, name, node.location, here)
    moved = _moved_aside(trace, backward, place)
    if moved is not None:
        leaf, node = moved
        return Read(Reason.RENAMED, leaf.name if is_named(leaf) else None, node.location, here)
    return Read(Reason.RESULT, names[0] if names else None, place)


def _moved_aside(trace: Trace, backward: BackwardPass | None, read: Location) -> tuple[Leaf, Node] | None:
    """A leaf that had its gradient and was then given up for a sum of it and something else, at which node.

    The names say nothing where the leaves are kept in a list or a dict. An update of the program's own, in the function
    that reads `.grad`, is all that makes such a sum of a leaf and nothing else with a graph.
    """
    graph = backward.graph if backward is not None else None
    if backward is None or graph is None:
        return None
    filled = {row.leaf for one in trace.passes if one.index < backward.index for row in one.accumulations}
    for node in graph.nodes:
        below, place = targets(graph, node), node.location
        if place is None or not node.made_after or not traits.of(node).is_addition or len(below) != 1:
            continue
        number = below[0].leaf
        if number is None or number not in filled or (place.file, place.function) != (read.file, read.function):
            continue
        if len(arriving(graph, below[0])) == 1 and trace.leaves[number].shape == node.shape:
            return trace.leaves[number], node
    return None


def _made(trace: Trace, name: str, backward: BackwardPass | None) -> Node | None:
    """The node that made the value of this name, in this pass or any earlier one."""
    passes = [backward] if backward is not None else list(trace.passes)
    return next(
        (
            node
            for one in passes
            if one.graph is not None
            for node in one.graph.nodes
            if node.name == name and node.leaf is None
        ),
        None,
    )


def _is_of_leaves(trace: Trace, graph: Graph, node: Node) -> bool:
    """Whether the value is made from nothing but leaves without a name."""
    below = targets(graph, node)
    return bool(below) and all(
        target.leaf is not None
        and not is_named(trace.leaves[target.leaf])
        and trace.leaves[target.leaf].kind == LeafKind.TENSOR
        for target in below
    )


def _of_leaf(trace: Trace, event: Event) -> Read | None:
    """A read of which the program died: of a leaf that was not used, or whose `.grad` was cleared."""
    place = event.location
    if place is not None and not _died(trace, place):
        return _looked_at(trace, event, place)
    if place is None:
        return None
    names = [trace.leaves[leaf].name for leaf in event.leaves if is_named(trace.leaves[leaf])] or _names(place)
    name = names[0] if names else None
    if ".zero_(" in place.text and (event.leaves or not _aside(trace, names)):
        clear = next(
            (
                one
                for one in reversed(trace.events[: event.order])
                if one.set_to_none and set(event.leaves) & set(one.leaves) and one.location is not None
            ),
            None,
        )
        related = ()
        if clear is not None and clear.location is not None:
            related = (RelatedLocation(clear.location, "this set it to None"),)  # type: ignore[assignment]
        return Read(Reason.CLEARED, name, place, related)
    if reached(trace).intersection(event.leaves) or not trace.passes:
        return None
    switch = next(
        (
            one
            for one in trace.events
            if one.kind == EventKind.REQUIRES_GRAD and one.requires_grad and set(event.leaves) & set(one.leaves)
        ),
        None,
    )
    if switch is None or switch.location is None:
        made = next((one.location for one in _aside(trace, [name] if name else []) if one.location is not None), None)
        related = () if made is None else (RelatedLocation(made, f"{name} is made here"),)  # type: ignore[assignment]
        return Read(Reason.UNUSED, name, place, related)
    here = RelatedLocation(place, "its .grad is None here")
    return Read(Reason.UNUSED, name, switch.location, (here,))


def _looked_at(trace: Trace, event: Event, place: Location) -> Read | None:
    """A read only to show it, after a pass, of a number that the pass took in as a constant."""
    if event.leaves or not event.pass_index or not is_shown(place) or _is_compared(place):
        return None
    made = next((one for one in _aside(trace, _names(place)) if one.location is not None), None)
    if made is None or made.kind is BystanderKind.INTEGERS or not _is_operand(trace, made.name):
        return None
    here = (RelatedLocation(place, "its .grad is read here"),)
    return Read(Reason.LOOKED_AT, made.name, made.location, here, len(set(_READ.findall(place.text))) > 1)


def _is_compared(place: Location) -> bool:
    """Whether the line only asks whether it is None."""
    first = place.text.split("\n", 1)[0]
    return bool(place.end_column) and first[place.end_column - 1 :].lstrip().startswith(("is ", "==", "!="))


def _is_operand(trace: Trace, name: str) -> bool:
    """Whether a line that made a part of a graph reads the name."""
    lines = {
        node.location.text
        for backward in trace.passes
        if backward.graph is not None
        for node in backward.graph.nodes
        if node.location is not None
    }
    return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) for text in lines)


def _aside(trace: Trace, names: list[str]) -> list[Bystander]:
    """Tensors of these names that took no part in any graph because they do not require grad."""
    kinds = {BystanderKind.REQUIRES_NO_GRAD, BystanderKind.INTEGERS}
    return [one for one in trace.bystanders if one.name in names and one.kind in kinds]
