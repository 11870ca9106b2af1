"""The way of the gradient through a large graph, one line a module."""

from dataclasses import dataclass, field

from gradtrace.model import BackwardPass, Edge, Graph, Node, TensorStats
from gradtrace.renderers.explain.leaves import joint_norm
from gradtrace.text import wording
from gradtrace.text.blocks import Cell, Table

_MOST_ROWS = 30
_MOST_DEPTH = 12
_OUTSIDE = "(outside modules)"


@dataclass(slots=True)
class _Stretch:
    """The nodes of one module: what came in, what reached its leaves, what went on."""

    first: int
    module_type: str | None
    n_ops: int = 0
    arrived: list[TensorStats | None] = field(default_factory=list)
    stored: list[TensorStats | None] = field(default_factory=list)
    sent_on: list[TensorStats | None] = field(default_factory=list)


def module_table(one: BackwardPass) -> Table | None:
    """What every module received, gave to its leaves, and sent on, in the order of the backward pass."""
    if one.graph is None or not one.graph.nodes:
        return None
    graph = one.graph
    depth = _depth(graph)
    owners = _owners(graph, depth)
    stretches = _stretches(one, graph, owners)
    ordered = sorted(stretches.items(), key=lambda pair: pair[1].first)
    hidden = len(ordered) - _MOST_ROWS if len(ordered) > _MOST_ROWS + 1 else 0
    rows = [_row(name, stretch) for name, stretch in ordered[: len(ordered) - hidden]]
    if hidden:
        rows.append((Cell(f"… {wording.count(hidden, 'more module')}", "muted"),))
    return Table(("module", "type", "ops", "gradient in", "into its leaves", "gradient out"), tuple(rows), (1, 2))


def _depth(graph: Graph) -> int:
    """The deepest level at which the table stays short."""
    modules = {node.module for node in graph.nodes if node.module}
    depth = 1
    while depth < _MOST_DEPTH and len({_prefix(module, depth + 1) for module in modules}) <= _MOST_ROWS:
        depth += 1
    return depth


def _prefix(module: str, depth: int) -> str:
    return ".".join(module.split(".")[:depth])


def _owners(graph: Graph, depth: int) -> list[str]:
    """For every node its row; a leaf belongs to the module that uses it."""
    owners = [_prefix(node.module, depth) if node.module else _OUTSIDE for node in graph.nodes]
    for edge in graph.edges:
        if graph.nodes[edge.target].leaf is not None:
            owners[edge.target] = owners[edge.source]
    return owners


def _stretches(one: BackwardPass, graph: Graph, owners: list[str]) -> dict[str, _Stretch]:
    stretches: dict[str, _Stretch] = {}
    last = len(graph.nodes)
    for node in graph.nodes:
        if node.leaf is not None:
            continue
        order = node.order if node.order is not None else last + node.id
        stretch = stretches.setdefault(owners[node.id], _Stretch(order, None))
        stretch.first = min(stretch.first, order)
        stretch.n_ops += 1
        if node.module == owners[node.id]:
            stretch.module_type = node.module_type
    for root in one.roots:
        if root.node is not None and owners[root.node] in stretches:
            stretches[owners[root.node]].arrived.append(root.gradient)
    for target, edges in _by_target(graph).items():
        senders = {owners[edge.source] for edge in edges}
        node = graph.nodes[target]
        if node.leaf is not None and len(senders) == 1:
            stretches[senders.pop()].stored.append(node.received)  # its own sum, where one module uses it alone
        elif node.leaf is not None:
            for edge in edges:
                stretches[owners[edge.source]].stored.append(edge.sent)
        else:
            _cross(stretches, owners, node, edges)
    return stretches


def _by_target(graph: Graph) -> dict[int, list[Edge]]:
    edges: dict[int, list[Edge]] = {}
    for edge in graph.edges:
        edges.setdefault(edge.target, []).append(edge)
    return edges


def _cross(stretches: dict[str, _Stretch], owners: list[str], node: Node, edges: list[Edge]) -> None:
    """Note what comes to a node from other modules."""
    own = owners[node.id]
    outside = [edge for edge in edges if owners[edge.source] != own]
    for edge in outside:
        stretches[owners[edge.source]].sent_on.append(edge.sent)
    if len(outside) == len(edges):
        stretches[own].arrived += [output.received for output in node.outputs if output.received is not None]
    else:
        stretches[own].arrived += [edge.sent for edge in outside]


def _row(name: str, stretch: _Stretch) -> tuple[Cell, ...]:
    return (
        Cell(name, "name" if name != _OUTSIDE else "muted"),
        Cell(stretch.module_type or "", "muted"),
        Cell(f"{stretch.n_ops:,}"),
        *(_norm(stats) for stats in (stretch.arrived, stretch.stored, stretch.sent_on)),
    )


def _norm(stats: list[TensorStats | None]) -> Cell:
    text = joint_norm(stats)
    if text == "None":
        return Cell("−", "muted")
    return Cell(f"|g| = {text}" if text else "", "alarm" if text in {"nan", "inf"} else "gradient")
