"""The part of a graph that leads to one leaf, module or named value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from gradtrace.analysis.topology import Adjacency, reachable, reaching
from gradtrace.errors import RenderError
from gradtrace.model import BackwardPass, Edge, Graph, Leaf, Node, Trace
from gradtrace.suggest import close_names

_SUGGESTIONS = 4


REST = "all else"
"""What the node is called that stands for all that does not lead to a name."""


def focused(one: BackwardPass, leaves: Sequence[Leaf], name: str, *, keeps_rest: bool = False) -> BackwardPass:
    """The pass with only those nodes through which gradient comes from its roots to what bears a name.

    Args:
        one: the pass; one without a graph is returned as it is.
        leaves: those of the trace.
        name: of a leaf (`fc1.weight`), a module (`encoder.layers.3`, with all in it) or a value (`h`); `*` and `?`
            match anything.
        keeps_rest: all other nodes to which gradient goes from there are one node, `REST`.

    Raises:
        RenderError: when nothing in the graph bears the name; says which names come close.
    """
    if one.graph is None:
        return one
    graph = one.graph
    targets = [node.id for node in graph.nodes if any(_matches(own, name) for own in _names(node, leaves))]
    if not targets:
        known = dict.fromkeys(own for node in graph.nodes for own in _names(node, leaves))
        close = close_names(name, known, _SUGGESTIONS, 0.5)
        hint = f"; there are {', '.join(close)}" if close else ""
        raise RenderError(f"nothing in pass {one.index} is called {name!r}{hint}: give a leaf, a module or a variable")
    adjacency = Adjacency(graph)
    starts = {root.node for root in one.roots if root.node is not None}
    begun = reachable(graph, starts, adjacency) if starts else set(range(len(graph.nodes)))
    kept = sorted((reaching(graph, targets, adjacency) & begun) | set(targets))
    numbers = {node: number for number, node in enumerate(kept)}
    roots = tuple(
        replace(root, node=numbers[root.node]) for root in one.roots if root.node is not None and root.node in numbers
    )
    error = one.error
    if error is not None and error.node is not None:
        error = replace(error, node=numbers.get(error.node))
    part = _part(graph, numbers)
    return replace(one, graph=_with_rest(graph, numbers, part) if keeps_rest else part, roots=roots, error=error)


def focused_trace(trace: Trace, name: str) -> Trace:
    """The trace with every graph narrowed to what leads to a name, and with what happened to the leaves in these.

    Raises:
        RenderError: when nothing in any pass bears the name.
    """
    passes: list[BackwardPass] = []
    problem: RenderError | None = None
    n_found = 0
    for one in trace.passes:
        try:
            part = focused(one, trace.leaves, name)
        except RenderError as error:
            problem = problem or error
            part = replace(one, graph=Graph((), ()), roots=())
        if part.graph is not None:
            n_found += bool(part.graph.nodes)
            there = {node.leaf for node in part.graph.nodes}
            part = replace(part, accumulations=tuple(row for row in part.accumulations if row.leaf in there))
        passes.append(part)
    if problem is not None and not n_found:
        raise problem
    return replace(trace, passes=tuple(passes))


def _names(node: Node, leaves: Sequence[Leaf]) -> Iterable[str]:
    """What a person may call a node: its leaf, its own name, and every module around it."""
    if node.leaf is not None and node.leaf < len(leaves):
        yield leaves[node.leaf].name
    if node.name:
        yield node.name
    path = node.module or ""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _matches(own: str, name: str) -> bool:
    return own == name or (("*" in name or "?" in name) and fnmatchcase(own, name))


def _part(graph: Graph, numbers: dict[int, int]) -> Graph:
    nodes = tuple(replace(graph.nodes[node], id=number) for node, number in numbers.items())
    edges = tuple(
        Edge(numbers[edge.source], numbers[edge.target], edge.slot, edge.output, edge.input, edge.sent)
        for edge in graph.edges
        if edge.source in numbers and edge.target in numbers
    )
    return Graph(nodes, edges)


def _with_rest(graph: Graph, numbers: dict[int, int], part: Graph) -> Graph:
    """The part with one more node for all others: they hand nothing on to it, as else they would be in it."""
    rest = len(part.nodes)
    lost = [
        Edge(numbers[edge.source], rest, edge.slot, 0, edge.input, edge.sent)
        for edge in graph.edges
        if edge.source in numbers and edge.target not in numbers
    ]
    if not lost:
        return part
    n_leaves = sum(node.leaf is not None for node in graph.nodes if node.id not in numbers)
    n_ops = len(graph.nodes) - len(numbers) - n_leaves
    sizes = (("ops", str(n_ops)), ("leaves", str(n_leaves)))
    node = Node(rest, "", REST, order=len(graph.nodes), arguments=sizes)
    edges = sorted((*part.edges, *lost), key=lambda edge: (edge.source, edge.slot))
    return Graph((*part.nodes, node), tuple(edges))
