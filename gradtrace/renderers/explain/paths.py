"""The ways by which a leaf is reached, what each of them brings, and their sum."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gradtrace.analysis.calls import is_joined
from gradtrace.analysis.paths import ways
from gradtrace.analysis.topology import path_counts
from gradtrace.formulas.operand_words import telling_word
from gradtrace.model import Accumulation, BackwardPass, Edge, Graph, Leaf, Node, TensorStats, Trace
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Paragraph
from gradtrace.text.source_maths import short, span
from gradtrace.text.steps.arrays import Array
from gradtrace.text.steps.calls import word
from gradtrace.text.steps.summands import adds_up

_MOST_LEAVES = 6
_MOST_NAMES = 3
_MOST_WAYS = 4
"""More ways than this are told by the largest, and the others together."""

_MOST_MEETINGS = 400
"""Nodes of a graph in which it is worth telling where the ways to a leaf meet before they come to it."""

_EXACT = 10**15


@dataclass(frozen=True, slots=True)
class _Sum:
    """Gradients that meet, and what they add up to.

    Attributes:
        leaves: to which they lead, over one way from where they meet.
        where: where they meet, when that is before the leaf.
        n_paths: to the leaf, from the roots.
    """

    leaves: tuple[Leaf, ...]
    where: str
    edges: tuple[Edge, ...]
    total: TensorStats
    n_paths: int


def sums(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """A sentence for each place where paths to leaves meet, at most a few, and how many more leaves there are."""
    if one.graph is None:
        return
    found = _together_at(_sums(trace, one, one.graph))
    for each in found[:_MOST_LEAVES]:
        yield Paragraph(_sentence(one.graph, each), style="sum")
    if len(found) > _MOST_LEAVES:
        n = sum(len(each.leaves) for each in found[_MOST_LEAVES:])
        yield Paragraph(f"… and {wording.count(n, 'more leaf')} to which several paths lead.", style="sum")


def _together_at(found: Iterator[_Sum]) -> list[_Sum]:
    """One for all leaves whose ways meet at the same place."""
    places: dict[object, _Sum] = {}
    for number, one in enumerate(found):
        key = (one.where, one.n_paths, tuple(map(id, one.edges))) if one.where else number
        known = places.get(key)
        places[key] = one if known is None else replace(known, leaves=known.leaves + one.leaves)
    return list(places.values())


def _sums(trace: Trace, one: BackwardPass, graph: Graph) -> Iterator[_Sum]:
    arriving: dict[int, list[Edge]] = {}
    for edge in graph.edges:
        if graph.nodes[edge.target].leaf is not None:
            arriving.setdefault(edge.target, []).append(edge)
    starts = [root.node for root in one.roots if root.node is not None]
    counts = path_counts(graph, starts=starts)
    rows = {row.leaf: row for row in one.accumulations if row.contribution is not None}
    for node, n_paths in counts.items():
        leaf, edges = graph.nodes[node].leaf, arriving.get(node, [])
        if leaf is None or n_paths < 2 or leaf not in rows:  # noqa: PLR2004
            continue
        if len(edges) > 1:
            yield from _at_leaf(trace.leaves[leaf], edges, rows[leaf], n_paths)
        elif len(graph.nodes) <= _MOST_MEETINGS:
            yield from _before_leaf(trace.leaves[leaf], one, graph, node, n_paths)


def _at_leaf(leaf: Leaf, edges: list[Edge], row: Accumulation, n_paths: int) -> Iterator[_Sum]:
    sent = [edge.sent for edge in edges if edge.sent is not None]
    if row.contribution is not None and len(sent) > 1 and adds_up(sent, row.contribution):
        yield _Sum((leaf,), "", tuple(edge for edge in edges if edge.sent is not None), row.contribution, n_paths)


def _before_leaf(leaf: Leaf, one: BackwardPass, graph: Graph, node: int, n_paths: int) -> Iterator[_Sum]:
    """Ways that come together at an op, from which a single one leads on to the leaf."""
    found = ways(one, node)
    if found is None or found.meeting == node or not 2 <= len(found.ways) <= _MOST_WAYS:  # noqa: PLR2004
        return
    meeting = graph.nodes[found.meeting]
    edges = tuple(graph.edges[way.edge] for way in sorted(found.ways, key=lambda way: way.edge))
    sent = [edge.sent for edge in edges if edge.sent is not None]
    total = meeting.received
    if total is not None and len(sent) == len(edges) and len(meeting.outputs) == 1 and adds_up(sent, total):
        where = meeting.name or short(span(meeting.location)) or word(meeting)
        yield _Sum((leaf,), where, edges, total, n_paths)


def _sentence(graph: Graph, one: _Sum) -> str:
    """`w: 2 = 1 via w*w (left factor) + 1 via w*w (right factor)`."""
    names = wording.listing([leaf.name for leaf in one.leaves], _MOST_NAMES)
    who = f"{names}, by way of {one.where}" if one.where else names
    groups: dict[str, list[Edge]] = {}
    for edge in one.edges:
        groups.setdefault(_via(graph, edge), []).append(edge)
    largest = sorted(groups, key=lambda via: -max(_size(edge.sent) for edge in groups[via]))
    shown = set(largest if len(largest) <= _MOST_WAYS + 1 else largest[:_MOST_WAYS])
    texts = [_way(via, edges) for via, edges in groups.items() if via in shown]
    rest = [edge for via, edges in groups.items() if via not in shown for edge in edges]
    if rest:
        texts.append(f"{_together(rest)}{wording.count(len(rest), 'smaller one')}")
    is_plain = max(map(len, groups.values())) <= 2 and not any(  # noqa: PLR2004
        "|" in wording.gradient(edge.sent) for edge in one.edges
    )
    total = wording.gradient(one.total)
    # Gradients add up element by element, their norms do not.
    sum_ = (
        f"{total} = {' + '.join(texts)}" if is_plain else f"{wording.listing(texts)}; added element by element {total}"
    )
    paths = f" ({_count(one.n_paths)} in all)" if one.n_paths > len(one.edges) else ""
    return f"{who}: {sum_.replace('+ -', '− ')}{paths}"


def _way(via: str, edges: list[Edge]) -> str:
    """What comes from one place of the program, where it may have passed several times."""
    if len(edges) <= 2:  # noqa: PLR2004
        return " + ".join(f"{wording.gradient(edge.sent)} {via}" for edge in edges)
    norms = sorted(_size(edge.sent) for edge in edges)
    range_ = f"|g| from {wording.number(norms[0])} to {wording.number(norms[-1])}"
    return f"{wording.count(len(edges), 'gradient')} {via}, {range_}"


def _via(graph: Graph, edge: Edge) -> str:
    node = graph.nodes[edge.source]
    source = span(node.location)
    text = source if 0 < len(source) <= _LONGEST else short(source) if source else node.name or word(node)
    role = _role(node, edge)
    place = wording.at(node.location) if node.location is not None and not node.location.file.startswith("<") else ""
    module = f" in {node.module}" if node.module else ""
    return f"via {text}{f' ({role})' if role else ''}{module or place}"


def _role(node: Node, edge: Edge) -> str:
    """What an operand is to its op; empty where an op was called by a name that has nothing to do with its operands."""
    is_itself = is_joined(node) or word(node) in {node.op, "matmul", "linear"}
    return telling_word(node.op, edge.input) if is_itself else ""


_LONGEST = 24


def _together(rest: list[Edge]) -> str:
    """What the smaller ways bring together, where their elements are known: `0.5 by `."""
    sums: Array | None = None
    for edge in rest:
        array = Array.read(edge.sent.value) if edge.sent is not None and edge.sent.value is not None else None
        sums = array if sums is None else sums.zip(array, lambda a, b: a + b) if array is not None else None
        if sums is None:
            return ""
    text = wording.elements(sums.nested) if sums is not None else ""
    return f"{text} by " if text and len(text) <= _LONGEST else ""


def _count(n: int) -> str:
    """Exact, as long as anybody can read it."""
    if n < _EXACT:
        return wording.count(n, "path")
    return f"more than 10^{int((n.bit_length() - 1) * 0.30102999566)} paths"


def _size(stats: TensorStats | None) -> float:
    if stats is None or stats.norm is None:
        return -1.0
    return stats.norm
