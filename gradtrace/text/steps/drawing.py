"""The graph of a small pass as a tree: the root on top, under each op its operands, with what every edge brings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from gradtrace.analysis.repeats import find_runs
from gradtrace.analysis.topology import Adjacency
from gradtrace.model import BackwardPass, Edge, Graph, Leaf, Node, TensorStats
from gradtrace.text import wording
from gradtrace.text.blocks import Cell, Table
from gradtrace.text.source_maths import short, span
from gradtrace.text.steps.calls import is_write, made_by, word
from gradtrace.text.steps.operands import Operands
from gradtrace.text.steps.outputs import along, gradients, is_several, target
from gradtrace.text.steps.step import step
from gradtrace.text.steps.summands import summands
from gradtrace.text.steps.untaken import untaken
from gradtrace.text.steps.words import rule

MOST_NODES = 40
_MOST_LEVELS = 9
_FEWEST_TIMES = 3
"""Fewer repetitions than this are written out."""

Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class _Visit:
    """A line to come: the node, the edge that leads to it (None for a root), and the guides that stand before it."""

    node: int
    edge: Edge | None
    guides: tuple[str, ...]


def tree(one: BackwardPass, leaves: tuple[Leaf, ...], *, limit: int | None = None, aten: bool = False) -> Table | None:
    """The lines of a pass with a graph: nested while it is small, else op by op in the engine's order.

    Args:
        one: the pass; without a graph there is nothing to show.
        leaves: of the trace.
        limit: the most lines; None for all.
        aten: nodes are called as torch calls them, not as the program called them.
    """
    if one.graph is None or not one.graph.nodes:
        return None
    writer = _Writer(one, one.graph, leaves, aten=aten)
    is_small = writer.is_small()
    fold = limit is not None
    rows = list(islice(writer.nested() if is_small else writer.flat(fold=fold), limit))
    hidden = 0 if is_small else writer.n_flat_lines(fold=fold) - len(rows)
    if hidden:
        rows.append((Cell(f"… {wording.count(hidden, 'more line')}: --verbose shows all", "muted"),))
    return Table((), tuple(rows), optional=(4, 1), below=3, is_drawing=True)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Ops that follow one another: `count` times the like of `body`, of which `last` is the last."""

    body: tuple[int, ...]
    count: int
    last: tuple[int, ...]


class _Writer:
    """Writes one graph; remembers what was shown."""

    def __init__(self, one: BackwardPass, graph: Graph, leaves: tuple[Leaf, ...], *, aten: bool) -> None:
        self._aten = aten
        self._pass = one
        self._graph = graph
        self._leaves = leaves
        self._adjacency = Adjacency(graph)
        self._shown: set[int] = set()
        files = {node.location.file for node in graph.nodes if node.location is not None}
        self._has_places = any(not file.startswith("<") for file in files)
        self._is_one_file = len(files | ({one.location.file} if one.location else set())) == 1

    def is_small(self) -> bool:
        """Whether nesting stays readable."""
        if len(self._graph.nodes) > MOST_NODES:
            return False
        level = dict.fromkeys(self._roots(), 0)
        queue = list(level)
        for node in queue:  # grows while it is walked: at most a few levels times a few nodes
            for edge in self._edges(node):
                deeper = level[node] + 1
                if deeper > _MOST_LEVELS:
                    return False
                if deeper > level.get(edge.target, 0):
                    level[edge.target] = deeper
                    queue.append(edge.target)
        return True

    def nested(self) -> Iterator[Row]:
        """Every op under the op that it feeds; what was shown before is only named."""
        stack = [_Visit(root, None, ()) for root in reversed(self._roots())]
        while stack:
            visit = stack.pop()
            is_again = visit.node in self._shown
            edges = [] if is_again else self._edges(visit.node)
            inherited = tuple("   " if guide in {"└─ ", "   "} else "│  " for guide in visit.guides)
            below = "".join((*inherited, "│    " if edges else "     "))
            yield self._row(visit.node, visit.edge, "".join(visit.guides), below, is_again=is_again)
            self._shown.add(visit.node)
            for edge in reversed(edges):
                guide = "└─ " if edge is edges[-1] else "├─ "
                stack.append(_Visit(edge.target, edge, (*inherited, guide)))

    def flat(self, *, fold: bool) -> Iterator[Row]:
        """Every op in the order in which the engine ran them, and under it where its gradients went.

        What repeats is told once, if asked for: the lines of the first time, under how often it was.
        """
        for stretch in self.stretches(fold=fold):
            if stretch.count > 1:
                yield (Cell(self._times(stretch), "title"),)
            for node in stretch.body:
                yield from self._lines(node, "   " if stretch.count > 1 else "")

    def stretches(self, *, fold: bool) -> list["_Stretch"]:
        """The ops in the engine's order, neighbouring repetitions put together."""
        nodes = sorted(
            (node for node in self._graph.nodes if node.leaf is None),
            key=lambda node: (node.order is None, node.order or 0, node.id),
        )
        ids = [node.id for node in nodes]
        if not fold or len(ids) <= MOST_NODES:
            return [_Stretch(tuple(ids), 1, ())]
        known: dict[object, int] = {}
        symbols = [known.setdefault(self._looks(node), len(known)) for node in nodes]
        found, end = [], 0
        for run in find_runs(symbols):
            if run.count < _FEWEST_TIMES:
                continue
            found.append(_Stretch(tuple(ids[end : run.start]), 1, ()))
            last = tuple(ids[run.end - run.period : run.end])
            found.append(_Stretch(tuple(ids[run.start : run.start + run.period]), run.count, last))
            end = run.end
        found.append(_Stretch(tuple(ids[end:]), 1, ()))
        return [stretch for stretch in found if stretch.body]

    def _looks(self, node: Node) -> tuple[object, ...]:
        """What makes two ops repetitions of one another: the same place in the program, the same inputs."""
        inputs = tuple((edge.input, self._graph.nodes[edge.target].leaf) for edge in self._edges(node.id))
        return (node.op, node.location, node.name, node.module, inputs)

    def _times(self, stretch: "_Stretch") -> str:
        """`99,999 times, the gradient going from 1 to 2.718`."""
        first, last = (self._graph.nodes[nodes[0]].received for nodes in (stretch.body, stretch.last))
        change = ""
        if first is not None and last is not None:
            change = f", the gradient going from {wording.gradient(first)} to {wording.gradient(last)}"
        return f"{stretch.count:,} times{change}; the first time:"

    def _lines(self, node: int, inside: str) -> Iterator[Row]:
        arriving = [self._graph.edges[position] for position in self._adjacency.arriving_at(node)]
        only = arriving[0] if len(arriving) == 1 else None
        # What goes to an op along its only edge is told on that op's own line.
        edges = [edge for edge in self._edges(node) if not self._has_own_line(edge.target)]
        yield self._row(node, only, inside, f"{inside}{'│    ' if edges else '     '}", is_again=False)
        for edge in edges:
            is_last = edge is edges[-1]
            guide, below = ("└→ ", "        ") if is_last else ("├→ ", "│       ")
            yield self._row(edge.target, edge, inside + guide, inside + below, is_again=True)

    def n_flat_lines(self, *, fold: bool) -> int:
        """How many lines `flat` writes."""
        return sum(
            (stretch.count > 1) + sum(1 + self._n_shown(node) for node in stretch.body)
            for stretch in self.stretches(fold=fold)
        )

    def _n_shown(self, node: int) -> int:
        return sum(not self._has_own_line(edge.target) for edge in self._edges(node))

    def _has_own_line(self, node: int) -> bool:
        return self._graph.nodes[node].leaf is None and len(self._adjacency.arriving_at(node)) == 1

    def _roots(self) -> list[int]:
        named = [root.node for root in self._pass.roots if root.node is not None]
        return list(dict.fromkeys(named)) or [0]

    def _edges(self, node: int) -> list[Edge]:
        return [self._graph.edges[position] for position in self._adjacency.sent_by(node)]

    def _row(self, node_id: int, edge: Edge | None, guides: str, below: str, *, is_again: bool) -> Row:
        node = self._graph.nodes[node_id]
        error = self._pass.error
        failed = error is not None and error.node == node_id
        return (
            Cell(
                f"{guides}{self._label(node, edge, is_again=is_again)}",
                "alarm" if failed else "name" if node.leaf is not None else "",
            ),
            Cell("" if is_again or node.leaf is not None else _value(node)),
            _gradient_cell(self._gradient(node, edge, is_again=is_again), edge.sent if edge else node.received),
            Cell(f"failed here: {error.type}", "alarm", below)
            if failed and error
            else replace(self._step(node, edge, is_again=is_again), guide=below),
            Cell("" if is_again else self._place(node), "muted"),
        )

    def _place(self, node: Node) -> str:
        """Where a node was made; where all are in the file that ran the pass, the line alone."""
        if not self._has_places or node.location is None:
            return ""
        return f"line {node.location.line}" if self._is_one_file else wording.location(node.location)

    def _label(self, node: Node, edge: Edge | None, *, is_again: bool) -> str:
        if node.leaf is not None:
            again = ", again" if is_again and node.id in self._shown else ""
            return f"{self._leaves[node.leaf].name}  leaf{again}"
        source = short(span(node.location))
        above = self._graph.nodes[edge.source] if edge is not None else None
        if above is not None and above.location == node.location and (above.op, above.name) != (node.op, node.name):
            source = ""  # one call of the program made several ops
        name = node.name if node.name and node.name != source else ""
        if is_several(node):
            name = "" if " = " in source else target(node.location) or name
        if is_write(node) and name and source:
            said = short(made_by(node, name))
        else:
            said = " = ".join(text for text in (name, source) if text)
        what = node.op if self._aten else word(node)
        text = f"{what}   {said}" if said else what
        return f"{text}  (*)" if is_again and node.id in self._shown else text

    def _gradient(self, node: Node, edge: Edge | None, *, is_again: bool) -> str:
        if self._pass.is_drawn_only:
            return ""
        if edge is not None and (is_again or node.leaf is not None):
            return f"adds {wording.gradient(edge.sent)}{along(node, edge)}" if edge.sent is not None else "adds nothing"
        if node.received is None:
            return "not run" if node.order is None else ""
        if is_several(node):
            return gradients(node)
        parts = [sent for sent in (self._graph.edges[i].sent for i in self._adjacency.arriving_at(node.id)) if sent]
        arrived = next((output.arrived for output in node.outputs if output.arrived is not None), None)
        if arrived is not None and arrived != node.received:
            return f"{_named(arrived)}{summands(parts, arrived)}, a hook made it {wording.gradient(node.received)}"
        return f"{_named(node.received)}{summands(parts, node.received)}"

    def _step(self, node: Node, edge: Edge | None, *, is_again: bool) -> Cell:
        """How the edge's gradient arose: by its numbers where they are known, else by the rule."""
        if edge is None or edge.sent is None:
            return Cell("")
        source = self._graph.nodes[edge.source]
        operands = Operands(self._graph, self._leaves, source, tuple(self._edges(source.id)))
        text = step(operands, edge)
        missing = untaken(source, edge)
        if not text:
            text = rule(operands, edge)
            return Cell(text + missing if text else missing.removeprefix("; "), "muted")
        text += missing
        is_part = node.leaf is None and not is_again and len(self._adjacency.arriving_at(node.id)) > 1
        return Cell(f"{wording.gradient(edge.sent)}{along(node, edge)} {text}" if is_part else text)


def _value(node: Node) -> str:
    return "" if node.value is None or is_several(node) else _named(node.value, "value")


def _named(stats: TensorStats, what: str = "gradient") -> str:
    text = wording.gradient(stats) if what == "gradient" else wording.value(stats)
    return text if text.startswith("|") else f"{what} {text}"


def _gradient_cell(text: str, stats: TensorStats | None) -> Cell:
    is_bad = stats is not None and stats.is_finite is False
    return Cell(text, "alarm" if is_bad else "gradient" if stats is not None else "muted")
