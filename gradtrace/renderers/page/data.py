"""A trace as the page holds it: tables of numbers that refer to each other, to texts, to places and to measurements.

Every table is a dictionary of columns; the page's `trace.ts` reads exactly these.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from gradtrace.analysis.blocks import block_tree
from gradtrace.analysis.constants import constants
from gradtrace.analysis.coverage import coverage
from gradtrace.analysis.cut_places import cut_places
from gradtrace.analysis.leaf_order import natural
from gradtrace.formulas.formula import Formula
from gradtrace.model import BackwardPass, Event, Finding, Graph, Leaf, Location, NestedValue, Node, TensorStats, Trace
from gradtrace.renderers.page.columns import Columns, Reference
from gradtrace.renderers.page.elements import n_elements
from gradtrace.renderers.page.groups import Box, boxes, ops_in_order
from gradtrace.renderers.page.op_names import op_names
from gradtrace.renderers.page.opening import Opening
from gradtrace.renderers.page.text import Texts, inert
from gradtrace.text import cut_words
from gradtrace.text.compiled import ops_inside, values_inside
from gradtrace.text.coverage_words import said
from gradtrace.text.palette import THEMES
from gradtrace.text.ranks import rank_of
from gradtrace.text.strict_json import one_line, values
from gradtrace.text.wording import spec

Table = dict[str, Reference]

_LONGEST_VALUE = 1_000
"""Recordings hold the elements of short tensors only; this is beyond what they ever hold."""

_MOST_ELEMENTS = 300_000
"""With more elements of tensors than this in a run only scalars are written out, so that the page opens at once."""

_SAYING = frozenset({"target", "index", "indices"})
"""Torch's names of arguments that say what a constant is; `self` and `mat1` do not."""

_SCALARS_ONLY = "The run is large: of tensors with more than one element this page holds statistics, not the elements."

_IS_CUSTOM, _IS_RETAINED = 1, 2
_IS_SHARED, _IS_PACKED = 1, 2


def packed(trace: Trace, formulas: dict[str, Formula], opening: Opening, n_ranks: int = 1) -> bytes:
    """Everything the page shows of a trace, compressed.

    Args:
        trace: the run, or what one rank did.
        formulas: those known of the types of node.
        opening: what it shows at first.
        n_ranks: of how many ranks the page holds what they did.
    """
    most = _LONGEST_VALUE if n_elements(trace) <= _MOST_ELEMENTS else 1
    return _Writer(formulas, most, n_ranks, is_narrowed=opening.focus is not None).pack(trace, opening)


class _Writer:
    """The tables that all passes share, filled as the passes are written."""

    def __init__(self, formulas: dict[str, Formula], most_elements: int, n_ranks: int, *, is_narrowed: bool) -> None:
        self._n_ranks = n_ranks
        self._most_elements = most_elements
        # What was narrowed to a name has lost edges: that one is missing says nothing then.
        self._is_narrowed = is_narrowed
        self._columns = Columns()
        self._texts = Texts()
        self._places: dict[Location, int] = {}
        self._stats: dict[tuple[Any, ...], int] = {}
        # Many nodes and edges share one object, and to look at an object is faster than at what it holds.
        self._known_places: dict[int, int] = {}
        self._known_stats: dict[int, int] = {}
        self._specs: dict[tuple[Any, ...], int] = {}
        self._formulas = formulas

    def pack(self, trace: Trace, opening: Opening) -> bytes:
        header: dict[str, Any] = {
            "start": opening.start,
            "depth": opening.depth,
            "expanded": [inert(path) for path in opening.expanded],
            "focus": None if opening.focus is None else inert(opening.focus),
            "run": self._run(trace),
            "leaves": [self._leaf(leaf) for leaf in trace.leaves],
            "leafOrder": self._integers([leaf.id for leaf in sorted(trace.leaves, key=natural)]),
            "optimizers": [
                [item.id, self._text(item.type), self._text(item.name), self._place(item.location), item.n_params]
                for item in trace.optimizers
            ],
            "passes": [self._pass(trace, item) for item in trace.passes],
            "events": [self._event(event) for event in trace.events],
            "findings": [self._finding(finding) for finding in trace.findings],
        }
        header["stats"] = self._stats_table()
        header["places"] = self._places_table()
        header["formulas"] = [
            [
                self._text(type_),
                self._text(formula.forward),
                self._text(formula.backward),
                [[self._text(part.input.rstrip("*")), self._text(part.maths)] for part in formula.gradients],
            ]
            for type_, formula in sorted(self._formulas.items())
        ]
        header["themes"] = {name: asdict(theme) for name, theme in THEMES.items()}
        header["texts"] = self._texts.all()
        return self._columns.pack(header)

    def _text(self, text: str | None) -> int:
        return self._texts.number(text)

    def _place(self, place: Location | None) -> int:
        if place is None:
            return -1
        number = self._known_places.get(id(place))
        if number is None:
            number = self._known_places[id(place)] = self._places.setdefault(place, len(self._places))
        return number

    def _spec(self, shape: tuple[int, ...] | None, dtype: str | None, device: str = "cpu") -> int:
        if shape is None or dtype is None:
            return -1
        key = (shape, dtype, device)
        number = self._specs.get(key)
        if number is None:
            number = self._specs[key] = self._text(spec(shape, dtype, device))
        return number

    def _measured(self, stats: TensorStats | None) -> int:
        if stats is None:
            return -1
        number = self._known_stats.get(id(stats))
        if number is not None:
            return number
        key = (
            self._spec(stats.shape, stats.dtype), stats.numel, stats.norm, stats.min, stats.max, stats.mean,
            stats.nan, stats.inf, stats.zero, self._value(stats.value, stats.shape),
        )  # fmt: skip
        number = self._known_stats[id(stats)] = self._stats.setdefault(key, len(self._stats))
        return number

    def _value(self, value: NestedValue, shape: tuple[int, ...] | None) -> int:
        """The elements of a tensor, unless they are too many for this page."""
        if value is None or math.prod(shape or ()) > self._most_elements:
            return -1
        return self._text(one_line(values(value)))

    def _texts_of(self, texts: Iterable[str | None]) -> Reference:
        return self._columns.integers(self._texts.numbers(texts))

    def _integers(self, values: Iterable[int]) -> Reference:
        return self._columns.integers(list(values))

    def _stats_table(self) -> Table:
        columns = list(zip(*self._stats, strict=True)) or [()] * 10
        specs, numels, *floats = columns[:6]
        counts = columns[6:9]
        return {
            "spec": self._integers(specs),
            "numel": self._integers(numels),
            **dict(zip(("norm", "min", "max", "mean"), map(self._columns.floats, floats), strict=True)),
            **{
                name: self._integers([-1 if count is None else count for count in column])
                for name, column in zip(("nan", "inf", "zero"), counts, strict=True)
            },
            "value": self._integers(columns[9]),
        }

    def _places_table(self) -> Table:
        places = list(self._places)
        return {
            "file": self._texts_of([place.file for place in places]),
            "line": self._integers([place.line for place in places]),
            "column": self._integers([place.column for place in places]),
            "endLine": self._integers([place.end_line for place in places]),
            "endColumn": self._integers([place.end_column for place in places]),
            "function": self._texts_of([place.function for place in places]),
            "text": self._texts_of([place.text for place in places]),
        }

    def _run(self, trace: Trace) -> dict[str, Any]:
        run = trace.run
        error = run.error
        return {
            "target": inert(run.target),
            "argv": [inert(word) for word in run.argv],
            "python": inert(run.python),
            "torch": inert(run.torch),
            "gradtrace": inert(run.gradtrace),
            "device": inert(run.device),
            "seed": run.seed,
            "status": run.status,
            "complete": run.complete,
            "facts": run.facts,
            "expression": None if run.expression is None else inert(run.expression),
            "processes": run.n_processes,
            "notes": [inert(note) for note in self._notes(trace)],
            "observations": [[inert(seen.kind), seen.count, inert(seen.text)] for seen in run.observations],
            "error": None
            if error is None
            else [inert(error.type), inert(error.message), [self._place(frame) for frame in error.frames]],
        }

    def _notes(self, trace: Trace) -> Iterator[str]:
        if rank_of(trace):
            others = "the list at the top has the others" if self._n_ranks > 1 else "--rank N shows another"
            yield f"what ran{rank_of(trace)} is shown: {others}"
        yield from (said(gap) for gap in coverage(trace) if not gap.is_chosen)
        yield from trace.run.notes
        if self._most_elements == 1:
            yield _SCALARS_ONLY

    def _leaf(self, leaf: Leaf) -> dict[str, Any]:
        return {
            "name": self._text(leaf.name),
            "kind": self._text(leaf.kind),
            "spec": self._spec(leaf.shape, leaf.dtype, leaf.device),
            "requiresGrad": leaf.requires_grad,
            "optimizers": list(leaf.optimizers),
            "value": self._value(leaf.value, leaf.shape),
            "place": self._place(leaf.location),
            "process": leaf.process,
        }

    def _event(self, event: Event) -> dict[str, Any]:
        return {
            "kind": self._text(event.kind),
            "pass": event.pass_index,
            "leaves": self._integers(event.leaves),
            "place": self._place(event.location),
            "toNone": event.set_to_none,
            "call": self._text(event.call),
            "count": event.count,
        }

    def _finding(self, finding: Finding) -> dict[str, Any]:
        return {
            "rule": self._text(finding.rule),
            "severity": self._text(finding.severity),
            "message": self._text(finding.message),
            "place": self._place(finding.location),
            "related": [[self._place(item.location), self._text(item.message)] for item in finding.related],
            "help": self._text(finding.help),
            "leaves": list(finding.leaves),
            "passes": list(finding.passes),
        }

    def _pass(self, trace: Trace, item: BackwardPass) -> dict[str, Any]:
        error = item.error
        return {
            "index": item.index,
            "count": item.count,
            "call": self._text(item.call),
            "place": self._place(item.location),
            "roots": [
                [
                    -1 if root.node is None else root.node,
                    self._text(root.name),
                    self._measured(root.value),
                    self._measured(root.gradient),
                ]
                for root in item.roots
            ],
            "retain": item.retain_graph,
            "create": item.create_graph,
            "recorded": self._text(item.recorded),
            "error": None
            if error is None
            else [self._text(error.type), self._text(error.message), -1 if error.node is None else error.node],
            "parent": item.parent,
            "thread": item.thread,
            "process": item.process,
            "accumulations": {
                "leaf": self._integers([row.leaf for row in item.accumulations]),
                "before": self._integers([self._measured(row.before) for row in item.accumulations]),
                "added": self._integers([self._measured(row.contribution) for row in item.accumulations]),
                "after": self._integers([self._measured(row.after) for row in item.accumulations]),
                "effect": self._texts_of([row.effect for row in item.accumulations]),
            },
            "graph": None if item.graph is None else self._graph(item.graph),
            "regions": [] if item.graph is None else [self._region(node) for node in item.graph.nodes if node.region],
            "cuts": [
                [
                    node,
                    self._text(cut_words.call(cut)),
                    self._text(cut.source),
                    self._text(cut_words.cut_off(cut)),
                    self._place(cut.location),
                    list(cut.leaves),
                ]
                for node, cuts in cut_places(trace, item).items()
                for cut in cuts
            ],
            "constants": [] if item.graph is None or self._is_narrowed else list(self._constants(trace, item.graph)),
        }

    def _region(self, node: Node) -> list[Any]:
        """Node, what is known of its values, why not more; whether its backward graph was seen, breaks, ops."""
        region, reason = node.region, None if node.recomputed is None else node.recomputed.reason
        breaks, ops = (region.breaks, region.ops) if region is not None else ((), None)
        return [
            node.id,
            self._text(values_inside(node)),
            self._text(reason),
            ops is not None,
            [[self._place(one.location), self._text(one.reason)] for one in breaks],
            [
                [
                    self._text(op.name),
                    self._text(spec(op.shape, op.dtype)),
                    self._place(op.location),
                    self._measured(value),
                ]
                for op, value in (ops_inside(region, node) if region is not None else ())
            ],
        ]

    def _constants(self, trace: Trace, graph: Graph) -> Iterator[list[int]]:
        """Node, name, shape and elements of what took part without a gradient."""
        for one in constants(graph):
            saved = one.saved
            name = (
                trace.leaves[saved.leaf].name
                if saved.leaf is not None
                else saved.name
                if saved.name in _SAYING
                else None
            )
            spec = self._spec(saved.shape, saved.dtype, saved.device)
            yield [one.node, self._text(name), spec, self._value(saved.value, saved.shape)]

    def _graph(self, graph: Graph) -> dict[str, Table]:
        tree = block_tree(graph)
        order = ops_in_order(graph, tree)
        return {
            "nodes": self._nodes(graph.nodes, order),
            "edges": {
                "source": self._integers([edge.source for edge in graph.edges]),
                "target": self._integers([edge.target for edge in graph.edges]),
                "slot": self._integers([edge.slot for edge in graph.edges]),
                "output": self._integers([edge.output for edge in graph.edges]),
                "input": self._texts_of([edge.input for edge in graph.edges]),
                "sent": self._integers([self._measured(edge.sent) for edge in graph.edges]),
            },
            "outputs": self._outputs(graph.nodes),
            "saved": self._saved(graph.nodes),
            "arguments": self._arguments(graph.nodes),
            "boxes": self._boxes(boxes(graph, tree)),
        }

    def _nodes(self, nodes: tuple[Node, ...], order: list[int]) -> Table:
        place = self._place
        position = [-1] * len(nodes)
        for i, node in enumerate(order):
            position[node] = i
        return {
            "type": self._texts_of([node.type for node in nodes]),
            "op": self._texts_of(op_names(nodes)),
            "name": self._texts_of([node.name for node in nodes]),
            "module": self._texts_of([node.module for node in nodes]),
            "moduleType": self._texts_of([node.module_type for node in nodes]),
            "call": self._texts_of([node.call for node in nodes]),
            "place": self._integers([place(node.location) for node in nodes]),
            "backwardPlace": self._integers([place(node.backward_location) for node in nodes]),
            "leaf": self._integers([-1 if node.leaf is None else node.leaf for node in nodes]),
            "order": self._integers([-1 if node.order is None else node.order for node in nodes]),
            "flags": self._integers([_IS_CUSTOM if node.is_custom else 0 for node in nodes]),
            "position": self._integers(position),
        }

    def _outputs(self, nodes: tuple[Node, ...]) -> Table:
        rows = [(node.id, output) for node in nodes for output in node.outputs]
        return {
            "node": self._integers([node for node, _ in rows]),
            "index": self._integers([row.index for _, row in rows]),
            "spec": self._integers([self._spec(row.shape, row.dtype, row.device) for _, row in rows]),
            "received": self._integers([self._measured(row.received) for _, row in rows]),
            "arrived": self._integers([self._measured(row.arrived) for _, row in rows]),
            "value": self._integers([self._measured(row.value) for _, row in rows]),
            "name": self._texts_of([row.name for _, row in rows]),
            "flags": self._integers([_IS_RETAINED if row.retains_grad else 0 for _, row in rows]),
            "hook": self._integers([self._place(row.hooks[0]) if row.hooks else -1 for _, row in rows]),
            "hooks": self._integers([len(row.hooks) for _, row in rows]),
        }

    def _saved(self, nodes: tuple[Node, ...]) -> Table:
        rows = [(node.id, saved) for node in nodes for saved in node.saved]
        return {
            "node": self._integers([node for node, _ in rows]),
            "name": self._texts_of([row.name for _, row in rows]),
            "spec": self._integers([self._spec(row.shape, row.dtype, row.device) for _, row in rows]),
            "bytes": self._integers([row.bytes for _, row in rows]),
            "flags": self._integers([_IS_SHARED * row.shared | _IS_PACKED * row.packed for _, row in rows]),
            "leaf": self._integers([-1 if row.leaf is None else row.leaf for _, row in rows]),
            "value": self._integers([self._value(row.value, row.shape) for _, row in rows]),
        }

    def _arguments(self, nodes: tuple[Node, ...]) -> Table:
        rows = [(node.id, name, value) for node in nodes for name, value in node.arguments]
        return {
            "node": self._integers([node for node, _, _ in rows]),
            "name": self._texts_of([name for _, name, _ in rows]),
            "value": self._texts_of([value for _, _, value in rows]),
        }

    def _boxes(self, found: list[Box]) -> Table:
        return {
            "kind": self._texts_of([box.kind for box in found]),
            "path": self._texts_of([box.path for box in found]),
            "label": self._texts_of([box.label for box in found]),
            "type": self._texts_of([box.type for box in found]),
            "start": self._integers([box.start for box in found]),
            "end": self._integers([box.end for box in found]),
            "parent": self._integers([box.parent for box in found]),
            "call": self._integers([box.call for box in found]),
            "calls": self._integers([box.n_calls for box in found]),
        }
