"""One pass recorded in full: the graph before it runs, what moves while it runs, and what landed in the leaves.

One hook after each node sees both what it received and what it sent on; one before each AccumulateGrad sees the
contribution. Hooks hold numbers, never tensors: a gradient is measured when it passes by. What a node sent along an
edge that alone leads to its target is what the target received, unless a hook came between; then both are recorded.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import threading
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import torch

from gradtrace.model.blind_spot import Blind
from gradtrace.model.kinds import Level, Recorded
from gradtrace.model.needs import ALL, Tensors
from gradtrace.recorder import torch_facts
from gradtrace.recorder.closer import Closer
from gradtrace.recorder.columns import packed
from gradtrace.recorder.context import Context
from gradtrace.recorder.deep_graphs import keep_from_recursion
from gradtrace.recorder.describer import Describer
from gradtrace.recorder.engine import Call
from gradtrace.recorder.flow import Flow, Received
from gradtrace.recorder.forward_table import Origin
from gradtrace.recorder.holders import write_holders
from gradtrace.recorder.leaves import LeafState
from gradtrace.recorder.looking import is_tensor, message, one_look, type_name
from gradtrace.recorder.marks import mark
from gradtrace.recorder.measure import Measurements
from gradtrace.recorder.node_hooks import NodeHook, Removable
from gradtrace.recorder.pass_leaves import EFFECTS, PassLeaves, column
from gradtrace.recorder.region_values import RegionValues
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sections import Quiet, is_watched
from gradtrace.recorder.sites import Place
from gradtrace.recorder.stream import plain_text
from gradtrace.recorder.walk import Walk

_OBSERVER = "gradtrace"
"""Our key in a tensor's dictionary of hooks, whose own keys are numbers."""


def root_edge(root: Any) -> tuple[Any, int] | None:
    """The node and output at which a pass starts; None for a tensor without a graph."""
    if not is_tensor(root):  # a GradientEdge
        return root.node, root.output_nr
    node = torch_facts.grad_fn(root)
    if node is not None:
        return node, torch_facts.output_number(root)
    if torch_facts.requires_grad(root):
        return torch.autograd.graph.get_gradient_edge(root).node, 0
    return None


class FullPass:
    """A pass from before the engine runs until after.

    Args:
        frame: the frame from which the program called; it is not kept.
        is_innermost: tells whether what runs on this thread is this pass, and not one inside it.
    """

    def __init__(
        self,
        context: Context,
        call: Call,
        index: int,
        frame: Any,
        is_innermost: Callable[[int], bool],
    ) -> None:
        self._context = context
        self._journal = context.journal
        self.call = call
        self.index = index
        self.deferred: BaseException | None = None
        """What arrived from elsewhere while a hook of ours ran; it goes on when the engine has returned."""
        self._is_innermost = is_innermost
        self._table = context.table()
        self._thread = threading.get_ident()
        config = context.config
        statistics = config.statistics(Tensors.GRADIENTS, Tensors.LEAVES)
        self._measurements = Measurements(context.journal.tables, config.value_limit, statistics)
        self._of_ranks = ALL if statistics and context.journal.world_size > 1 else None
        """What is measured of `.grad` where ranks may reduce it: sums tell how, norms alone do not."""
        self._facts = facts = context.facts
        looks_closer = facts is not None and config.looks_closer
        self._closer = Closer(context, facts.numbers, self._measurements, index) if facts and looks_closer else None
        self._handles: list[Removable] = []
        self._observers: list[dict[Any, Any]] = []
        self._leaves: dict[int, tuple[LeafState, torch.Tensor]] = {}
        self._captures: list[tuple[int | None, int, torch.Tensor | None]] = []
        self._root_leaves: list[Any] = []
        self._inside = RegionValues(self._measurements)
        try:
            self._begin(frame)
        except BaseException:
            self.abandon()
            raise

    @property
    def n_nodes(self) -> int:
        """How many nodes its graph has."""
        return len(self._sequence)

    # Before the engine runs.

    def _begin(self, frame: Any) -> None:
        context, call, facts = self._context, self.call, self._facts
        with torch.no_grad(), without_collector(), one_look():
            scope = Scope(frame)
            context.learn(scope)
            if facts is not None:
                self._guarded("what holds graphs", lambda: write_holders(context.journal, self._table, frame))
                self._guarded("running statistics", lambda: facts.norms.look(scope))
            edges = [root_edge(root) for root in call.roots]
            self._walk = walk = Walk([edge[0] for edge in edges if edge is not None])
            keep_from_recursion(walk)
            roots, is_bad = self._roots(walk, edges, scope)
            is_close = is_bad and self._closer is not None
            describer = Describer(context, self._table, scope, self._measurements, self.index, is_close=is_close)
            self._write_pass(describer.describe(walk), roots)
            self._state = describer.state()
            self._measurements.look_from_here()
            self._sequence, self._positions = describer.sequence, describer.positions
            self._regions = describer.regions if context.config.level == Level.FULL else set()
            self._meet_leaves(describer.leaves, scope)
            if not context.met_fake and any(is_tensor(root) and torch_facts.is_fake(root) for root in call.roots):
                context.met_fake = True
                self._journal.blind(Blind.FAKE_TENSORS)
            if is_close:
                self._guarded("what is not finite", lambda: self._look_closer(walk, edges, scope))
            if facts is not None:
                facts.cuts.graph_walked(self._sequence, self.index)
                facts.terms.graph_walked(self._sequence, self.index)
            self._flow = Flow(walk, edges, self._measurements)
            if self._closer is not None:
                self._closer.begins(self._flow, describer.unknown)
            self._look_around(walk, scope)
            self._find_captures(walk)
            if call.accumulates or self._captures:
                self._ledger.measure_before()
            self._n_before = self._measurements.split()
            self._is_state_written = not self._measurements.is_pending
            if self._is_state_written:
                self._write_state()
            if not call.is_drawn_only:
                self._hook(walk)
            # A leaf holds its node weakly: that of a leaf which is itself a root would die, and our hooks with it.
            self._root_leaves = [edge[0] for edge in edges if edge is not None and walk.ids[edge[0]] in self._leaves]
            walk.ids.clear()  # the wrappers: nothing of the graph is held while it runs
            del describer  # while the collector is away, which would look through all that it holds
        self._sequence_mark = torch_facts.sequence_number()

    def _look_around(self, walk: Walk, scope: Scope) -> None:
        """See what the program holds beside the graph, and what it did to the leaves since the last pass."""
        context, call, index = self._context, self.call, self.index
        taking_part = {id(one) for _, one in self._leaves.values()}
        self._guarded("what takes no part", lambda: context.bystanders.look(scope, index, walk.ids, taking_part))
        facts = self._facts
        if facts is None:
            return
        self._guarded("weights set to zero", lambda: facts.masks.look(scope, taking_part))
        self._guarded("what variables hold", lambda: facts.variables.look(scope))
        updates = facts.updates
        if updates is not None and call.accumulates and call.parent is None:
            leaves = tuple(self._leaves.values())
            self._guarded("what the program moved", lambda: updates.pass_begins(index, leaves, scope))

    def _look_closer(self, walk: Walk, edges: list[Any], scope: Scope) -> None:
        if self._closer is not None:
            roots = [(*edge, root) for root, edge in zip(self.call.roots, edges, strict=True) if edge is not None]
            self._closer.roots_are_bad(walk, [one for one in roots if is_tensor(one[2])], scope)

    def _guarded(self, what: str, look: Callable[[], None]) -> None:
        try:
            look()
        except BaseException as error:
            if not self._context.failures.absorb(what, error):
                raise

    def _meet_leaves(self, leaves: dict[int, tuple[LeafState, torch.Tensor]], scope: Scope) -> None:
        registry = self._context.leaves
        self._leaves = leaves
        if not self.call.is_drawn_only:
            for state, _ in leaves.values():
                registry.meet(state, self._thread)
        owners = self._context.optimizers.owners(scope)
        for state in registry.states.copy().values():
            tensor = state.reference()
            if tensor is not None:
                registry.own(state, owners.get(id(tensor), []))
        own = {state.id for state, _ in leaves.values()}
        others = [
            (state, tensor)
            for state in (registry.states.copy().values() if self._of_ranks else ())
            if state.owners and state.id not in own and (tensor := state.reference()) is not None
        ]
        self._ledger = PassLeaves(
            registry,
            leaves,
            self._measurements,
            self._thread,
            accumulates=self.call.accumulates,
            statistics=self._of_ranks,
            others=others,
        )

    def _roots(self, walk: Walk, edges: list[Any], scope: Scope) -> tuple[list[list[Any]], bool]:
        """The rows that tell how the pass begins, and whether that is at something that is not finite."""
        call, config = self.call, self._context.config
        measured = Measurements(self._journal.tables, config.value_limit, config.statistics(Tensors.ROOTS))
        described: list[tuple[list[Any], int | None, int | None]] = []
        for position, (root, edge) in enumerate(zip(call.roots, edges, strict=True)):
            tensor = root if is_tensor(root) else None
            name = scope.tensors.get(id(tensor)) if tensor is not None else None
            given = call.gradients[position] if position < len(call.gradients) else None
            node, output = (None, 0) if edge is None else (walk.ids[edge[0]], edge[1])
            head = [node, name and plain_text(name), output]
            value = None if tensor is None else measured.add(tensor)
            described.append((head, value, None if given is None else measured.add(given)))
        measured.settle()
        rows = [[*head, measured.row(value), measured.row(given)] for head, value, given in described]
        return rows, measured.has_bad()

    def _write_pass(self, graph: int, roots: list[list[Any]]) -> None:
        call = self.call
        record = {
            "t": "pass",
            "index": self.index,
            "call": call.name,
            "retain_graph": call.retain_graph,
            "create_graph": call.create_graph,
            "recorded": Recorded.FULL,
            "location": self._journal.place(call.place),
            "parent": call.parent,
            "graph": graph,
            "roots": roots,
        }
        if call.thread:
            record["thread"] = call.thread
        self._journal.write_pass(record)

    def _write_state(self) -> None:
        """What is known before the engine runs."""
        columns, numbers, rows = self._measurements.take(self._n_before)
        state = self._journal.tables.table("state", {**self._state, **columns})
        self._write_measured({"state": state}, numbers, rows)

    def _write_flow(self, accumulations: array[int]) -> None:
        """What moved, and where it landed."""
        columns, numbers, rows = self._measurements.take()
        saved = array("I") if self._closer is None else self._closer.saved
        moved = {
            **self._flow.columns(),
            "saved": saved,
            "inside": self._inside.inside,
            "accumulation": accumulations,
            **columns,
        }
        flow = self._journal.tables.table("flow", moved, effects=EFFECTS)
        self._write_measured({"flow": flow}, numbers, rows)

    def _write_measured(self, table: dict[str, int], numbers: array[float], rows: list[Any]) -> None:
        named, data = packed({"number": numbers})
        record = {"t": "measured", "index": self.index, **table, "columns": named}
        self._journal.write_pass({**record, "rows": rows} if rows else record, data)

    def _find_captures(self, walk: Walk) -> None:
        """Where the gradients arrive that `autograd.grad` returns."""
        if self.call.accumulates:
            return
        by_tensor = {id(tensor): number for number, (_, tensor) in self._leaves.items()}
        for one in self.call.inputs:
            if not is_tensor(one):
                self._captures.append((walk.ids.get(one.node), one.output_nr, None))
            elif one.grad_fn is None:
                self._captures.append((by_tensor.get(id(one)), 0, one))
            else:
                self._captures.append((walk.ids.get(one.grad_fn), one.output_nr, None))

    def _hook(self, walk: Walk) -> None:
        handles = self._handles
        closer = None if self._closer is None else self._closer.node_ran
        then = self._ran if self.call.create_graph else closer
        ran, caught = self._flow.ran, self._caught
        for node, number in walk.ids.items():
            if number in self._leaves:
                handles.append(node.register_prehook(NodeHook(self._arrives_at_leaf, number)))
                tensor = self._leaves[number][1]
                self._observe(tensor._backward_hooks, number, 0)
                after = getattr(tensor, "_post_accumulate_grad_hooks", None)
                if after:
                    self._put_first(after, functools.partial(self._accumulated, number))
            else:
                if number in self._regions:
                    handles.append(node.register_prehook(NodeHook(self._arrives_at_region, number)))
                handles.append(node.register_hook(NodeHook(ran, number, caught, then)))
        if self._table is not None and self._table.hooked:
            numbers = {sequence: number for number, sequence in enumerate(self._sequence)}
            for (sequence, output), (hooks, _) in self._table.hooked.copy().items():
                number_of = numbers.get(sequence)
                if number_of is not None:
                    self._observe(hooks(), number_of, output)

    def _observe(self, hooks: dict[Any, Any] | None, number: int, output: int) -> None:
        """Look at a gradient before the user's tensor hooks do."""
        if hooks:
            self._put_first(hooks, functools.partial(self._arrives_at_hooks, number << 20 | output))

    def _put_first(self, hooks: Any, observer: Any) -> None:
        if _OBSERVER in hooks:
            return
        theirs = list(hooks.items())
        hooks.clear()  # torch goes by the order of insertion, not by `move_to_end`
        hooks[_OBSERVER] = observer
        hooks.update(theirs)
        self._observers.append(hooks)

    # While the engine runs. What a hook of ours raises must not reach the engine, and so not the program.

    def _caught(self, what: str, error: BaseException) -> None:
        if not self._context.failures.absorb(what, error):
            self.deferred = self.deferred or error

    def _arrives_at_hooks(self, key: int, gradient: torch.Tensor) -> None:
        try:
            with Quiet(), torch.no_grad():
                self._flow.observe(key >> 20, key & 0xFFFFF, gradient)
                leaf = self._leaves.get(key >> 20)
                if self._facts is not None and leaf is not None:
                    self._facts.masking_hooks.before(leaf[0], gradient)
        except BaseException as error:
            self._caught("a gradient before the program's hook", error)

    def _ran(self, number: int, received: Received) -> None:
        if self._closer is not None:
            self._closer.node_ran(number, received)
        self._attribute(number)

    def _attribute(self, number: int) -> None:
        """Nodes that this node's backward made come from where the node itself does."""
        table = self._table
        if table is None or threading.get_ident() != self._thread:
            return
        now = torch_facts.sequence_number()
        position = self._positions[number]
        if now > self._sequence_mark and position >= 0:
            table.by_backward.add(self._sequence_mark)
            table.add(self._sequence_mark, now, table.origin_numbers[position])
        self._sequence_mark = now

    def _attribute_rest(self) -> None:
        """What was made last, to add to a `.grad`, comes from the call itself."""
        table, place = self._table, self.call.place
        now = torch_facts.sequence_number()
        if table is None or place is None or now <= self._sequence_mark or threading.get_ident() != self._thread:
            return
        origin = Origin(place, -1, is_direct=True)
        number = table.origin_number(origin, (id(place.code), place.instruction, -1, True))
        table.by_backward.add(self._sequence_mark)
        table.add(self._sequence_mark, now, number)

    def _arrives_at_leaf(self, number: int, gradients: Any) -> None:
        try:
            if not self._is_innermost(self.index):
                return
            if is_watched() or torch.is_grad_enabled():
                with Quiet(), torch.no_grad():
                    self._note_leaf(number, gradients[0])
            else:
                with torch_facts.DisableTorchFunction():
                    self._note_leaf(number, gradients[0])
        except BaseException as error:
            self._caught("what arrived at a leaf", error)

    def _arrives_at_region(self, number: int, gradients: Any) -> None:
        try:
            with Quiet(), torch.no_grad():
                self._inside.recompute(number, gradients)
        except BaseException as error:
            self._caught("what is inside a compiled region", error)

    def _note_leaf(self, number: int, gradient: torch.Tensor | None) -> None:
        self._flow.order.append(number)
        if gradient is not None:
            self._ledger.arrives(number)
            stats = self._flow.receive(number, 0, gradient)
            self._flow.note_received(number, 0, stats)
            if self._of_ranks is not None:
                self._measurements.complete(stats, gradient)
            self._ledger.contributions[number] = (stats, mark(gradient))
            if self._facts is not None:
                self._facts.masking_hooks.after(*self._leaves[number], gradient)

    def suspend(self) -> None:
        """Another pass begins inside this one."""
        with torch.no_grad():
            self._ledger.suspend()

    def _accumulated(self, number: int, tensor: torch.Tensor) -> None:
        """A leaf's `.grad` has been added to, and no hook of the user's has seen it yet."""
        try:
            with Quiet(), torch.no_grad():
                if self._is_innermost(self.index):
                    self._ledger.added(number, tensor)
                    state = self._leaves[number][0]
                    self._context.leaves.remember(state, self._context.leaves.shards.gradient(tensor))
        except BaseException as error:
            self._caught("a leaf's .grad after it was added to", error)

    # After the engine has run.

    def finish(self, result: Any, error: BaseException | None) -> None:
        """Take the hooks away, and write down what was seen."""
        self.abandon()
        with torch.no_grad(), without_collector():
            if error is None and self._captures:
                self._take_captures(result)
            if self.call.create_graph:
                self._attribute_rest()
            captured = {number for number, _, _ in self._captures}
            rows = [] if self.call.is_drawn_only else self._ledger.rows(captured)
            self._measurements.settle()
        if self._closer is not None:
            self._closer.pass_ended()
        elif self._facts is not None:
            self._facts.numbers.pass_ended()
        if not self._is_state_written:
            self._write_state()
        self._write_flow(column(rows))
        node = None if error is None else self._failed_node()
        self._write_end(error, node)
        self._note_freed()

    def _write_end(self, error: BaseException | None, node: int | None) -> None:
        described = None if error is None else [type_name(error), plain_text(message(error))[:4000]]
        conflict = None
        if error is not None:
            try:
                conflict = self._conflict(error, node)
            except BaseException as failure:
                self._caught("who wrote to a saved tensor", failure)
        reasons = self._inside.reasons or None
        told = {"error": described, "error_node": node, "conflict": conflict, "not_recomputed": reasons}
        told = {name: value for name, value in told.items() if value is not None}
        self._journal.write_pass({"t": "pass_end", "index": self.index, **told})
        self._journal.end_pass()

    def _note_freed(self) -> None:
        """Remember which nodes can not be run again."""
        table = self._table
        if table is None or self.call.retain_graph:
            return
        ran = [self._sequence[number] for number in self._flow.order]
        table.forget(ran)
        if self._context.config.facts:
            table.freed.update((number, self.index) for number in ran if number != torch_facts.NO_SEQUENCE)

    def _conflict(self, error: BaseException | None, number: int | None) -> dict[str, Any] | None:
        """Who wrote to the saved tensor that torch complains of."""
        facts = self._facts
        if error is None or number is None or facts is None:
            return None
        edges = [edge for root in self.call.roots if (edge := root_edge(root)) is not None]
        node = next((one for one, known in Walk([edge[0] for edge in edges]).ids.items() if known == number), None)
        return None if node is None else facts.writes.conflict(error, node, number, self._place_of(number))

    def _place_of(self, number: int) -> Place | None:
        """Where a node was made."""
        table, position = self._table, self._positions[number]
        return None if table is None or position < 0 else table.origins[table.origin_numbers[position]].place

    def _take_captures(self, result: Any) -> None:
        received = set(zip(self._flow.received[::3], self._flow.received[1::3], strict=True))
        for (number, output, _), gradient in zip(self._captures, result, strict=False):
            if number is None or gradient is None:
                continue
            stats = self._flow.receive(number, output, gradient)
            if (number, output) not in received:
                self._flow.note_received(number, output, stats)
            if number in self._leaves:
                self._ledger.contributions[number] = (stats, mark(gradient))
                if self._facts is not None:
                    self._facts.masking_hooks.after(*self._leaves[number], gradient)

    def _failed_node(self) -> int | None:
        """The node at which the engine stopped: of those that were ready to run, it takes the one made last."""
        walk = self._walk
        n_nodes = len(self._sequence)
        done = bytearray(n_nodes)
        for number in self._flow.order:
            done[number] = 1
        waiting = [0] * n_nodes
        for source, target in zip(walk.sources, walk.targets, strict=True):
            if not done[source]:
                waiting[target] += 1
        ready = [number for number in range(n_nodes) if not done[number] and not waiting[number]]
        started = bool(self._flow.order) or (n_nodes > 0 and self.call.reaches_engine)
        return max(ready, key=lambda number: self._sequence[number], default=None) if started else None

    def leaf_ids(self) -> list[int]:
        """The leaves of the graph."""
        return [state.id for state, _ in self._leaves.values()]

    def abandon(self) -> None:
        """Undo what was installed: at the end, and after a failure of ours."""
        while self._handles:
            self._handles.pop().remove()
        while self._observers:
            self._observers.pop().pop(_OBSERVER, None)
        self._root_leaves.clear()


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Keep the garbage collector away: what is made in bulk here is no garbage, and a full collection takes 0.1 s."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
