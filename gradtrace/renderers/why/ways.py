"""The ways of a gradient as tables: where they part, what each brings, and the steps of the largest one."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, pairwise, takewhile

from gradtrace.analysis.paths import Way, Ways, size
from gradtrace.analysis.reasons import Subject
from gradtrace.formulas.operand_words import telling_word
from gradtrace.model import Graph, Node
from gradtrace.model.location import same_place
from gradtrace.renderers.why.words import step
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Cell, Paragraph, Table
from gradtrace.text.source_maths import span
from gradtrace.text.steps.calls import word
from gradtrace.text.steps.outputs import is_several, name_of, received_at
from gradtrace.text.steps.summands import adds_up

_WAYS = 6
_STEPS = 12
_HUGE = 10**30
_HARDLY = 1e-4
"""So small is a sum beside its largest part when its parts cancel."""


def told(one: Subject, *, verbose: bool) -> Iterator[Block]:
    """Path by path, the largest first; the rest counted."""
    backward, ways = one.backward, one.ways
    if backward is None or backward.graph is None or ways is None:
        return
    graph = backward.graph
    are_told = len(ways.ways) > 1 and (verbose or not _is_within_call(graph, ways))
    if are_told:
        yield Paragraph(_introduction(one, graph))
        limit = None if verbose else _WAYS
        rows = [
            (
                Cell(wording.gradient(way.sent), "gradient"),
                Cell(f"through {step(graph.nodes[way.source])}{_operand(graph, way)}"),
                Cell(span(graph.nodes[way.source].location), "muted"),
                Cell(f"{paths(way.n_paths)}" if way.n_paths > 1 else ""),
            )
            for way in ways.ways[:limit]
        ]
        rest = ways.ways[len(rows) :]
        if rest:
            n_paths = sum(way.n_paths for way in rest)
            more = f"… and {len(rest):,} more, none larger than {wording.gradient(rest[0].sent)}"
            rows.append((Cell(""), Cell(more, "muted"), Cell(""), Cell(paths(n_paths), "muted")))
        yield Table((), tuple(rows), optional=(2,))
        yield from _cancelling(one, graph)
    route = (*ways.route, ways.meeting, *ways.trunk)
    path = list(dict.fromkeys((*route, ways.target)))
    if len(path) > 1:
        which = "The largest, step by step" if are_told else "Step by step"
        yield Paragraph(f"{which}, with the gradient that arrives at each:")
        yield steps(graph, path, verbose=verbose, output=one.output)


def _is_within_call(graph: Graph, ways: Ways) -> bool:
    """Whether the ways part and meet within one call, which is one step to who wrote it: a loss with smoothing."""
    nodes = [graph.nodes[way.source] for way in ways.ways]
    numbers = {node.call_number for node in (graph.nodes[ways.meeting], *nodes)}
    return len(numbers) == 1 and 0 not in numbers and None not in numbers


def _cancelling(one: Subject, graph: Graph) -> Iterator[Block]:
    """That hardly anything is left of what the ways bring."""
    ways = one.ways
    assert ways is not None  # noqa: S101  the caller has looked
    total = graph.nodes[ways.meeting].received if ways.meeting != ways.target else one.gradient
    edges = [graph.edges[way.edge] for way in ways.ways]
    largest = size(ways.ways[0].sent)
    if total is None or len({edge.output for edge in edges}) > 1 or not 0 < size(total) < largest * _HARDLY:
        return
    yield Paragraph(
        f"They cancel out almost entirely: what is left is {wording.number(size(total) / largest, 2)} of the largest. "
        "Two ways that mean the same, with opposite signs, leave no gradient: one of them may have to be detached."
    )


def _introduction(one: Subject, graph: Graph) -> str:
    ways = one.ways
    assert ways is not None  # noqa: S101  the caller has looked
    meeting = graph.nodes[ways.meeting]
    total = meeting.received if ways.meeting != ways.target else one.gradient
    where = "" if ways.meeting == ways.target else f" in {meeting.name or step(meeting)}"
    edges = [graph.edges[way.edge] for way in ways.ways]
    if len({edge.output for edge in edges}) > 1:
        return f"It comes by {wording.count(len(ways.ways), 'way')}, to different outputs of {step(meeting)}:"
    sent = [edge.sent for edge in edges if edge.sent is not None]
    is_told = total is None or adds_up(sent, total)
    count = f"{paths(ways.n_paths)} from the root, in " if ways.n_paths > len(ways.ways) else ""
    sum_ = f"which add up to {wording.gradient(total)}{where}" if is_told else f"which meet{where or ' there'}"
    return f"It comes by {count}{wording.count(len(ways.ways), 'way')}, {sum_}:"


def _operand(graph: Graph, way: Way) -> str:
    said = telling_word(graph.nodes[way.source].op, graph.edges[way.edge].input)
    return f", as its {said}" if said else ""


def steps(graph: Graph, path: Sequence[int], *, verbose: bool, output: int | None = None) -> Table:
    """One line for each source line on the way; the middle of a long one is left out.

    Args:
        graph: of the pass.
        path: ids of nodes, from the root on.
        verbose: nothing is left out.
        output: of the last node, the output that is asked about.
    """
    entered = {target: _entered(graph, source, target) for source, target in pairwise(path)}
    if output is not None:
        entered[path[-1]] = output
    groups: list[list[Node]] = []
    for node in (graph.nodes[id_] for id_ in path):
        before = groups[-1][-1] if groups else None
        if before is not None and _is_one_row(before, node, is_long=len(path) > _STEPS, verbose=verbose):
            groups[-1].append(node)
        else:
            groups.append([node])
    rows = [_row(group, entered, verbose=verbose) for group in groups]
    if len(rows) > _STEPS and not verbose:
        half = _STEPS // 2
        left_out = sum(len(group) for group in groups[half:-half])
        gap = (Cell("…", "muted"), Cell(wording.count(left_out, "more step"), "muted"), *[Cell("")] * 3)
        rows = [*rows[:half], gap, *rows[-half:]]
    return Table((), tuple(rows), optional=(4, 2))


def _entered(graph: Graph, source: int, target: int) -> int | None:
    """At which output of a node with several the way comes in; None where that is not one."""
    first = bisect_left(graph.edges, source, key=lambda edge: edge.source)
    edges = takewhile(lambda edge: edge.source == source, islice(graph.edges, first, None))
    found = {edge.output for edge in edges if edge.target == target}
    return found.pop() if len(found) == 1 else None


def _is_one_row(before: Node, node: Node, *, is_long: bool, verbose: bool) -> bool:
    """Whether two nodes of a way are told together: of one call, and of one line where the way is long."""
    if node.leaf is not None:
        return False
    if not verbose and node.call_number and node.call_number == before.call_number:
        return True
    return is_long and node.location is not None and same_place(before.location, node.location)


def _row(group: list[Node], entered: Mapping[int, int | None], *, verbose: bool) -> tuple[Cell, ...]:
    first = group[0]
    ops = list(dict.fromkeys(node.op if verbose else word(node) for node in group))
    at = entered.get(first.id)
    name = name_of(first, at) if at is not None and is_several(first) else first.name or ""
    n_calls = len(group) if verbose else len({node.call_number or -node.id for node in group})
    times = f" ×{n_calls}" if n_calls > len(ops) == 1 else ""
    what = name if first.leaf is not None else wording.listing(ops, 4) + times
    place = wording.location(first.location)
    source = "leaf" if first.leaf is not None else span(first.location) if n_calls == 1 else _line(first)
    is_whole = source.startswith(name) or " = " in source
    label = f"{name} = {source}" if name and first.leaf is None and not is_whole else source
    if is_several(first) and at is not None:
        label = f"{name} of {source.partition(' = ')[2] or source}"
    outputs = [received_at(node, entered.get(node.id) if is_several(node) else None) for node in group]
    received = next((output.received for output in outputs if output is not None and output.received), None)
    module = (first.module or "") if first.leaf is None else ""
    cells = ((wording.gradient(received), "gradient"), (what, "name"), (module, ""), (place, ""), (label, "muted"))
    return tuple(Cell(text, style) for text, style in cells)


def _line(node: Node) -> str:
    return node.location.text.strip().split("\n", 1)[0] if node.location is not None else ""


def paths(n: int) -> str:
    """How many paths, exactly, as long as a person can read it: `1,024 paths`."""
    if n < _HUGE:
        return wording.count(n, "path")
    return f"about 10^{int(n.bit_length() * 0.30103)} paths"
