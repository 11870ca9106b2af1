"""A graph in the words of the program: what one call of torch made is one node, named as it was called."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from gradtrace.analysis.topology import is_acyclic
from gradtrace.model import BackwardPass, Edge, Graph, Node, NodeOutput

_REFLECTED = re.compile(r"__[ri]?(add|sub|mul|matmul|truediv|floordiv|pow|mod|and|or|xor)__")
_WORDS = {"truediv": "div", "floordiv": "floor_divide"}
_NAMELESS = frozenset({"wrapped", "apply", "forward", "__set__"})
"""Names that say nothing of what was called."""
_INDEXING = frozenset({"__getitem__", "__setitem__"})
_SHORT_SOURCE = re.compile(r"[\w.]+(\[[^\[\]]*\]| ?@ ?[\w.]+)")
_ATTRIBUTE = re.compile(r"[\w.\[\]]+\.([A-Za-z]\w*)")
_LONGEST_SOURCE = 24


def by_call(one: BackwardPass, opened: Collection[str] = (), *, is_renamed: bool = True) -> BackwardPass:
    """As `by_call_numbered`, without the numbers."""
    return by_call_numbered(one, opened, is_renamed=is_renamed)[0]


def is_joined(node: Node) -> bool:
    """Whether a node of such a graph stands for several that one call made."""
    return " " in node.type


def by_call_numbered(
    one: BackwardPass, opened: Collection[str] = (), *, is_renamed: bool = True
) -> tuple[BackwardPass, Sequence[int]]:
    """The pass with all that one call of torch made as one node, and for each node of the graph its number there.

    The edges of such a node bear in `input` the ops and arguments that lead to them: `addmm:mat1`. Where an op is
    called what its call is (`mul`) they stay as they are.

    Args:
        one: the pass; one without a graph is returned as it is.
        opened: modules in which nodes stay by themselves.
        is_renamed: a node that is all that a call made is called as its call is; else it keeps its op.
    """
    graph = one.graph
    if graph is None:
        return one, ()
    members: defaultdict[int, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if node.call_number and not _is_in(node.module, opened):
            members[node.call_number].append(node)
    several = [nodes for nodes in members.values() if len(nodes) > 1]
    every = [node for nodes in members.values() for node in nodes if is_renamed]
    renamed = {node.id: name for node in every if (name := called(node)) != node.op}
    if not several and not renamed:
        return one, range(len(graph.nodes))
    joined = _Joined(graph, several, renamed, is_spelled=is_renamed)
    if several and not is_acyclic(joined.graph):  # what a call made was used by others before it was done
        joined = _Joined(graph, [], renamed, is_spelled=is_renamed)
    roots = tuple(
        one_root
        if one_root.node is None
        else replace(
            one_root,
            node=joined.number[one_root.node],
            output=joined.output.get((one_root.node, one_root.output), one_root.output),
        )
        for one_root in one.roots
    )
    error = one.error
    if error is not None and error.node is not None:
        error = replace(error, node=joined.number[error.node])
    return replace(one, graph=joined.graph, roots=roots, error=error), joined.number


def called(node: Node, *, is_spelled: bool = True) -> str:
    """What the program called to make a node: `linear`, `matmul`; its op where that is not known, or is the same.

    Args:
        node: the node.
        is_spelled: a short product or index is told by its source: `x @ w`, `h[:, -1]`.
    """
    call = node.call
    if not call or not node.call_number or node.is_custom or call in _NAMELESS:
        return node.op
    if call == "__get__":
        return _attribute(node, is_spelled=is_spelled) or node.op
    if call in _INDEXING:
        return (_source(node) if is_spelled else "") or ("assign" if call == "__setitem__" else "index")
    match = _REFLECTED.fullmatch(call)
    if match is not None:
        call = _WORDS.get(match[1], match[1])
    call = call.strip("_")
    if call == "matmul":
        return (_source(node) if is_spelled else "") or call
    return call if call.isidentifier() and call.lower() != node.op.strip("_") else node.op


def _attribute(node: Node, *, is_spelled: bool) -> str:
    """The attribute of a tensor that gave another one: `w.T`, or `T` alone; empty where the source does not tell."""
    source = _written(node)
    found = _ATTRIBUTE.fullmatch(source)
    return "" if found is None else source if is_spelled and len(source) <= _LONGEST_SOURCE else found[1]


def _source(node: Node) -> str:
    """The source of a product or an index that is short: `x @ w`, `h[:, -1]`."""
    source = _written(node)
    return source if len(source) <= _LONGEST_SOURCE and _SHORT_SOURCE.fullmatch(source) else ""


def _written(node: Node) -> str:
    """The source of a call; empty where it is not known or spans several lines."""
    place = node.location
    if place is None or place.end_line not in {0, place.line} or place.end_column <= place.column:
        return ""
    return place.text[place.column - 1 : place.end_column - 1]


def _is_in(module: str | None, opened: Collection[str]) -> bool:
    return bool(opened) and any(f"{module}.".startswith(f"{name}.") for name in opened)


class _Joined:
    """A graph in which some nodes are one, and others are renamed.

    Attributes:
        number: of each node its number in the new graph.
        output: where a call returned what several of its nodes made, the new number of each output.
    """

    def __init__(
        self, graph: Graph, several: Sequence[Sequence[Node]], renamed: dict[int, str], *, is_spelled: bool
    ) -> None:
        self._is_spelled = is_spelled
        self._old = graph
        self._renamed = renamed
        head = {node.id: nodes[0].id for nodes in several for node in nodes}
        kept = [node.id for node in graph.nodes if head.get(node.id, node.id) == node.id]
        numbers = {node: number for number, node in enumerate(kept)}
        self.number = [numbers[head.get(node.id, node.id)] for node in graph.nodes]
        self.output: dict[tuple[int, int], int] = {}
        members = {numbers[nodes[0].id]: nodes for nodes in several}
        inner: defaultdict[int, list[Edge]] = defaultdict(list)
        used: set[int] = set()
        outer: list[Edge] = []
        self._n_slots = bytearray(len(graph.nodes))
        for edge in graph.edges:
            source, target = self.number[edge.source], self.number[edge.target]
            self._n_slots[edge.source] = min(self._n_slots[edge.source] + 1, 2)
            if source == target:
                inner[source].append(edge)
            else:
                outer.append(edge)
                used.add(edge.target)
        nodes = tuple(
            self._call(members[number], number, inner[number], used) if number in members else self._single(old, number)
            for number, old in enumerate(kept)
        )
        self._ways = {number: self._ways_in(members[number], inner[number]) for number in members}
        self.graph = Graph(nodes, self._edges(outer))

    def _single(self, old: int, number: int) -> Node:
        node = self._old.nodes[old]
        name = self._renamed.get(old)
        if name is not None:
            return replace(node, id=number, op=name)
        return node if old == number else replace(node, id=number)

    def _call(self, members: Sequence[Node], number: int, inner: Sequence[Edge], used: set[int]) -> Node:
        fed = {edge.target for edge in inner}
        exits = [one for one in members if one.id in used or one.id not in fed]
        main = next((one for one in exits if one.name), exits[0])
        forwards = sorted(members, key=lambda one: -1 if one.order is None else -one.order)
        return replace(
            main,
            id=number,
            type=" ".join(one.type for one in forwards),
            op=called(main, is_spelled=self._is_spelled),
            outputs=main.outputs if len(exits) == 1 else self._outputs(exits),
            saved=tuple(saved for one in forwards for saved in one.saved),
            order=min((one.order for one in members if one.order is not None), default=None),
            cuts=tuple(dict.fromkeys(cut for one in members for cut in one.cuts)),
            freed_by=next((one.freed_by for one in members if one.freed_by is not None), None),
            arguments=tuple(argument for one in forwards for argument in one.arguments),
        )

    def _outputs(self, exits: Sequence[Node]) -> tuple[NodeOutput, ...]:
        """The outputs of all nodes that a call returned, numbered anew."""
        outputs: list[NodeOutput] = []
        for node in exits:
            for output in node.outputs:
                self.output[node.id, output.index] = len(outputs)
                name = output.name or (node.name if len(node.outputs) == 1 else None)
                outputs.append(replace(output, index=len(outputs), name=name))
        return tuple(outputs)

    def _ways_in(self, members: Sequence[Node], inner: Sequence[Edge]) -> dict[int, str]:
        """For each node of a call the ops and arguments by which it is reached from what the call returned."""
        sent: defaultdict[int, list[Edge]] = defaultdict(list)
        for edge in inner:
            sent[edge.source].append(edge)
        fed = {edge.target for edge in inner}
        ways = {node.id: "" for node in members if node.id not in fed}
        waiting = list(ways)
        for node in waiting:  # grows while it is walked
            for edge in sent[node]:
                if edge.target not in ways:
                    ways[edge.target] = self._step(edge, ways[node])
                    waiting.append(edge.target)
        return ways

    def _step(self, edge: Edge, way: str) -> str:
        """The way to what an edge leads to; a step that leaves no choice says nothing."""
        if self._n_slots[edge.source] == 1 or edge.input is None:
            return way
        step = f"{self._old.nodes[edge.source].op}:{edge.input}"
        return f"{way}/{step}" if way else step

    def _edges(self, outer: Sequence[Edge]) -> tuple[Edge, ...]:
        made: list[Edge] = []
        slots: defaultdict[int, int] = defaultdict(int)
        for edge in outer:
            source, target = self.number[edge.source], self.number[edge.target]
            output = self.output.get((edge.target, edge.output), edge.output)
            ways = self._ways.get(source)
            if ways is not None:
                made.append(Edge(source, target, slots[source], output, self._step(edge, ways[edge.source]), edge.sent))
                slots[source] += 1
                continue
            name = edge.input
            if name is not None and edge.source in self._renamed:
                name = f"{self._old.nodes[edge.source].op}:{name}"
            made.append(Edge(source, target, edge.slot, output, name, edge.sent))
        made.sort(key=lambda edge: (edge.source, edge.slot))
        return tuple(made)
