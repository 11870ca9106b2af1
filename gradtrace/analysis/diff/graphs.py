"""Two passes that belong together: their nodes side by side, and where graphs, values and gradients part."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from gradtrace.analysis.diff.numbers import alike
from gradtrace.analysis.diff.sequences import align
from gradtrace.analysis.topology import Adjacency, forward_order
from gradtrace.model import BackwardPass, Graph, Leaf, Node

_EMPTY = Graph((), ())


@dataclass(frozen=True, slots=True)
class Stretch:
    """Nodes that follow each other, of which only one graph has the like; `n_before` pairs stand before them."""

    nodes: tuple[int, ...]
    n_before: int


@dataclass(frozen=True, slots=True)
class PassPair:
    """Two passes, and what of their graphs belongs together.

    Attributes:
        nodes: ids of nodes that belong together, in the order of the forward pass.
        only_old: nodes that only the old graph has, in that order.
        only_new: the same of the new one.
        rewired: pairs of nodes with other shapes, arguments or operands.
        values: pairs whose forward values differ.
        gradients: pairs at which other gradients arrived, in the engine's order.
        n_compared: how many pairs had a gradient or a value in both.
    """

    old: BackwardPass
    new: BackwardPass
    nodes: tuple[tuple[int, int], ...] = ()
    only_old: tuple[Stretch, ...] = ()
    only_new: tuple[Stretch, ...] = ()
    rewired: tuple[tuple[int, int], ...] = ()
    values: tuple[tuple[int, int], ...] = ()
    gradients: tuple[tuple[int, int], ...] = ()
    n_compared: int = 0

    @property
    def is_same_graph(self) -> bool:
        """Whether both passes walked the same graph."""
        return not (self.only_old or self.only_new or self.rewired)


def pair_up(old: BackwardPass, new: BackwardPass, leaves: tuple[Sequence[Leaf], Sequence[Leaf]]) -> PassPair:
    """Compare two passes, of which both or none may have a graph.

    Args:
        old: a pass of the old run.
        new: that of the new run which belongs to it.
        leaves: those of the old trace and of the new one.
    """
    graphs = old.graph or _EMPTY, new.graph or _EMPTY
    if old.graph is None or new.graph is None:
        return PassPair(old, new)
    orders = [forward_order(graph) for graph in graphs]
    nodes = [[graph.nodes[at] for at in order] for graph, order in zip(graphs, orders, strict=True)]
    positions = _positions(nodes[0], nodes[1], leaves)
    pairs = tuple((orders[0][a], orders[1][b]) for a, b in positions)
    by_engine = sorted(pairs, key=lambda pair: _order(graphs[0].nodes[pair[0]]))
    return PassPair(
        old,
        new,
        pairs,
        _stretches(orders[0], {a for a, _ in positions}),
        _stretches(orders[1], {b for _, b in positions}),
        tuple(_rewired(graphs, pairs)),
        tuple((a, b) for a, b in pairs if not alike(graphs[0].nodes[a].value, graphs[1].nodes[b].value)),
        tuple((a, b) for a, b in by_engine if not _same_gradient(graphs[0].nodes[a], graphs[1].nodes[b])),
        sum(_is_measured(graphs[0].nodes[a]) and _is_measured(graphs[1].nodes[b]) for a, b in pairs),
    )


def _order(node: Node) -> int:
    return node.order if node.order is not None else node.id


def _positions(
    old: list[Node], new: list[Node], leaves: tuple[Sequence[Leaf], Sequence[Leaf]]
) -> list[tuple[int, int]]:
    """Nodes of equal lines first; between these, nodes of the same op in the same module, whose line was rewritten."""
    exact = align([_key(node, leaves[0]) for node in old], [_key(node, leaves[1]) for node in new])
    found: list[tuple[int, int]] = []
    before = (-1, -1)
    for pair in [*exact, (len(old), len(new))]:
        gap_old, gap_new = (range(before[i] + 1, pair[i]) for i in (0, 1))
        if gap_old and gap_new:
            loose = align(
                [_loose(old[at], leaves[0]) for at in gap_old], [_loose(new[at], leaves[1]) for at in gap_new]
            )
            found += [(gap_old[a], gap_new[b]) for a, b in loose]
        if pair != (len(old), len(new)):
            found.append(pair)
        before = pair
    return found


def _key(node: Node, leaves: Sequence[Leaf]) -> Hashable:
    text = node.location.text.strip() if node.location is not None else ""
    return (*_loose(node, leaves), text)


def _loose(node: Node, leaves: Sequence[Leaf]) -> tuple[Hashable, ...]:
    return node.module, node.op, leaves[node.leaf].name if node.leaf is not None else ""


def _stretches(order: list[int], paired: set[int]) -> tuple[Stretch, ...]:
    """Nodes without a partner, those that follow each other together."""
    found: list[tuple[list[int], int]] = []
    n_paired = 0
    is_open = False
    for position, node in enumerate(order):
        if position in paired:
            n_paired += 1
            is_open = False
        elif is_open:
            found[-1][0].append(node)
        else:
            found.append(([node], n_paired))
            is_open = True
    return tuple(Stretch(tuple(nodes), n_before) for nodes, n_before in found)


def _rewired(graphs: tuple[Graph, Graph], pairs: tuple[tuple[int, int], ...]) -> Iterator[tuple[int, int]]:
    partner = dict(pairs)
    adjacency = [Adjacency(graph) for graph in graphs]
    for a, b in pairs:
        old, new = graphs[0].nodes[a], graphs[1].nodes[b]
        if _form(old) != _form(new):
            yield a, b
            continue
        sent = [
            [graph.edges[at] for at in near.sent_by(at_)]
            for graph, near, at_ in zip(graphs, adjacency, (a, b), strict=True)
        ]
        mapped = [(edge.slot, partner.get(edge.target), edge.output) for edge in sent[0]]
        if mapped != [(edge.slot, edge.target, edge.output) for edge in sent[1]]:
            yield a, b


def _form(node: Node) -> Hashable:
    """What a node is besides its operands and its numbers."""
    return node.shape, node.dtype, node.arguments, tuple(output.retains_grad for output in node.outputs)


def _same_gradient(old: Node, new: Node) -> bool:
    by_index = {output.index: output for output in new.outputs}
    return all(
        output.index not in by_index or alike(output.received, by_index[output.index].received)
        for output in old.outputs
    )


def _is_measured(node: Node) -> bool:
    return node.received is not None or node.value is not None
