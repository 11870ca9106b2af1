"""From which earlier round of a program the parts of a graph come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto

from gradtrace.analysis.once import once
from gradtrace.analysis.topology import reaching
from gradtrace.diagnosis.evidence.errors import Failure, failure, node_name, notes, of_pass
from gradtrace.diagnosis.evidence.ownership import above
from gradtrace.diagnosis.evidence.shapes import adjacency
from gradtrace.model import BackwardPass, Edge, Finding, Graph, KeptResult, Leaf, Location, Node, Severity, Trace
from gradtrace.model.location import same_place

PATTERN = "backward through the graph a second time"
"""What torch says."""


class Reason(StrEnum):
    """How a pass came to walk through a graph that was freed."""

    ONCE = auto()
    CACHED = auto()
    SHARED = auto()
    LIST = auto()
    STATE = auto()


@dataclass(frozen=True, slots=True)
class Revisit:
    """A pass that ran into a part of the graph which an earlier pass had freed.

    `carried` is the value that leads from the new part to the freed one; `freed_by` the pass that freed it; `kept` is
    what the program holds of it, if that is known; `leaves` are those that it was computed from.
    """

    reason: Reason
    failure: Failure
    carried: Node
    freed_by: BackwardPass | None
    kept: KeptResult | None = None
    leaves: tuple[Leaf, ...] = ()

    @property
    def name(self) -> str:
        """What a person calls what was carried over."""
        return self.kept.name if self.kept is not None else node_name(self.carried)

    @property
    def place(self) -> Location | None:
        """The line to change: where it was stored, else where it was computed, else the pass."""
        stored = self.kept.location if self.kept is not None else None
        return stored or self.carried.location or self.failure.place


CACHE = "cached()"
"""What the recorder calls the cache of `torch.nn.utils.parametrize`."""


@once
def revisit(trace: Trace) -> Revisit | None:
    """The pass that ended the program so."""
    found = failure(trace, PATTERN)
    if found is None or found.backward is None or found.graph is None:
        return None
    node = found.node
    if node is None:
        return None
    freed = node.freed_by
    former = next((one for one in trace.passes if one.index == freed), None)
    carried = _carried(found.graph, node)
    held = trace.run.error.kept if trace.run.error is not None else ()
    numbers = above(found.graph, carried.id)
    leaves = tuple(trace.leaves[number] for number in sorted(numbers))
    cache = next((one for one in held if one.name == CACHE), None)
    if cache is not None:
        return Revisit(Reason.CACHED, found, carried, former, cache, leaves)
    reason = _reason(found, found.graph, carried, node, former)
    if reason is Reason.SHARED:
        carried = _shared(found.graph, node)
    kept = _held(held, carried) if reason is Reason.ONCE else None
    return Revisit(reason, found, carried, former, kept, leaves)


def _held(held: tuple[KeptResult, ...], carried: Node) -> KeptResult | None:
    """What holds the value that was carried over: an attribute or an element before a variable."""
    fits = [one for one in held if same_place(one.made, carried.location)]
    return next((one for one in fits if not one.name.isidentifier()), next(iter(fits), None))


def _carried(graph: Graph, node: Node) -> Node:
    """Where the new part of the graph meets the old one, on the way to the node: the value that was carried over."""
    edges = crossings(graph, _epoch(node) + 1)
    reached = [edge.target for edge in edges]
    above = reaching(graph, [node.id], adjacency(graph))
    for target in reached:
        if target in above:
            return graph.nodes[target]
    return graph.nodes[reached[0]] if reached else node


def _shared(graph: Graph, node: Node) -> Node:
    """Where the way to the node enters what was freed: the value that both passes need."""
    entries = (
        edge.target
        for edge in graph.edges
        if graph.nodes[edge.target].freed_by is not None and graph.nodes[edge.source].freed_by is None
    )
    above = reaching(graph, [node.id], adjacency(graph))
    return next((graph.nodes[target] for target in entries if target in above), node)


def _epoch(node: Node) -> int:
    return node.made_after or 0


def crossings(graph: Graph, epoch: int) -> list[Edge]:
    """Edges from nodes made after that many passes had begun, or more, to older ones; leaves have no age."""
    nodes = graph.nodes
    return [
        edge
        for edge in graph.edges
        if nodes[edge.target].made_after is not None
        and _epoch(nodes[edge.target]) < epoch <= _epoch(nodes[edge.source])
    ]


def _reason(found: Failure, graph: Graph, carried: Node, node: Node, former: BackwardPass | None) -> Reason:
    is_loop = former is not None and same_place(former.location, found.place)
    newest = max((_epoch(one) for one in graph.nodes), default=0)
    old = _epoch(node)
    if newest == old:
        is_same_loss = found.backward is not None and any(
            root.node is not None and graph.nodes[root.node].freed_by is not None for root in found.backward.roots
        )
        return Reason.ONCE if is_loop and is_same_loss else Reason.SHARED
    again = [one for one in graph.nodes if _epoch(one) > old and _same_origin(one, carried)]
    if again:
        old_ones = [one.id for one in graph.nodes if one.made_after is not None and _epoch(one) <= old]
        tainted = reaching(graph, old_ones, adjacency(graph))
        is_list = any(one.type == carried.type and one.id not in tainted for one in again)
        return Reason.LIST if is_list else Reason.STATE
    return Reason.ONCE if is_loop and carried.freed_by is not None else Reason.SHARED


def _same_origin(one: Node, other: Node) -> bool:
    return same_place(one.location, other.location)


def finding(rule: str, one: Revisit, message: str, advice: str) -> Finding:
    """The finding: it points at what was carried over, and at both passes."""
    former = one.freed_by.location if one.freed_by is not None else None
    index = one.freed_by.index if one.freed_by is not None else 0
    is_same = same_place(former, one.failure.place)
    place = one.place
    related = notes(
        (place, ""),
        (one.carried.location, "it is computed here"),
        (former, f"pass {index} ran through it here and freed it" + (", and the next pass fails" if is_same else "")),
        (one.failure.place, "this pass needs it again"),
    )
    return Finding(
        rule,
        Severity.ERROR,
        message,
        place,
        tuple(note for note in related if note.location != place),
        advice,
        (),
        of_pass(one.failure.backward),
    )
