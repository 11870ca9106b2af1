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
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch

from gradtrace.model.kinds import Recorded
from gradtrace.model.needs import Tensors
from gradtrace.recorder import torch_facts
from gradtrace.recorder.closer import Closer
from gradtrace.recorder.context import Context
from gradtrace.recorder.deep_graphs import keep_from_recursion
from gradtrace.recorder.engine import Call
from gradtrace.recorder.forward_table import Origin
from gradtrace.recorder.holders import write_holders
from gradtrace.recorder.leaves import LeafState
from gradtrace.recorder.looking import is_tensor, message, type_name
from gradtrace.recorder.marks import Mark, mark
from gradtrace.recorder.measure import Measurements
from gradtrace.recorder.names import Scope
from gradtrace.recorder.pass_leaves import PassLeaves
from gradtrace.recorder.sections import Quiet, is_watched
from gradtrace.recorder.stream import encode, plain_text
from gradtrace.recorder.walk import Describer, Walk

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
        self._measurements = Measurements(
            context.config.value_limit, context.config.statistics(Tensors.GRADIENTS, Tensors.LEAVES)
        )
        numbers = context.numbers if context.config.looks_closer else None
        self._closer = None if numbers is None else Closer(context, numbers, self._measurements, index)
        self._order = array("l")
        self._received = array("l")
        self._arrived = array("l")
        self._sent = array("l")
        self._edge_keys: list[int] = []
        self._is_alone: list[bool] = []
        self._arriving: dict[int, tuple[int, Mark]] = {}
        self._observed: dict[int, int] = {}
        self._handles: list[Any] = []
        self._observers: list[dict[Any, Any]] = []
        self._leaves: dict[int, tuple[LeafState, torch.Tensor]] = {}
        self._captures: list[tuple[int | None, int, torch.Tensor | None]] = []
        self._root_leaves: list[Any] = []
        try:
            self._begin(frame)
        except BaseException:
            self.abandon()
            raise

    # Before the engine runs.

    def _begin(self, frame: Any) -> None:
        context, call = self._context, self.call
        with torch.no_grad(), without_collector():
            scope = Scope(frame)
            context.learn(scope)
            if context.config.facts:
                self._guarded("what holds graphs", lambda: write_holders(context.journal, self._table, frame))
            edges = [root_edge(root) for root in call.roots]
            self._walk = walk = Walk([edge[0] for edge in edges if edge is not None])
            keep_from_recursion(walk)
            describer = Describer(context, self._table, scope)
            describer.is_close = self._write_pass(walk, edges, scope) and self._closer is not None
            describer.write(self.index, walk)
            self._sequence, self._positions = describer.sequence, describer.positions
            self._meet_leaves(describer.leaves, scope)
            if describer.is_close:
                self._guarded("what is not finite", lambda: self._look_closer(walk, edges))
            if context.cuts is not None:
                context.cuts.graph_walked(self._sequence, self.index)
            self._prepare_edges(walk, edges)
            self._find_captures(walk)
            if call.accumulates or self._captures:
                self._ledger.measure_before()
            if not call.is_drawn_only:
                self._hook(walk)
            # A leaf holds its node weakly: that of a leaf which is itself a root would die, and our hooks with it.
            self._root_leaves = [edge[0] for edge in edges if edge is not None and walk.ids[edge[0]] in self._leaves]
            walk.ids.clear()  # the wrappers: nothing of the graph is held while it runs
        self._sequence_mark = torch_facts.sequence_number()

    def _look_closer(self, walk: Walk, edges: list[Any]) -> None:
        if self._closer is not None:
            roots = [(*edge, root) for root, edge in zip(self.call.roots, edges, strict=True) if edge is not None]
            self._closer.roots_are_bad(walk, [one for one in roots if is_tensor(one[2])])

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
        self._ledger = PassLeaves(registry, leaves, self._measurements, self._thread, accumulates=self.call.accumulates)

    def _prepare_edges(self, walk: Walk, edges: list[Any]) -> None:
        self._edge_keys = [target << 20 | output for target, output in zip(walk.targets, walk.outputs, strict=True)]
        fan_in = Counter(self._edge_keys)
        fan_in.update(walk.ids[edge[0]] << 20 | edge[1] for edge in edges if edge is not None)
        self._is_alone = [fan_in[key] == 1 for key in self._edge_keys]

    def _write_pass(self, walk: Walk, edges: list[Any], scope: Scope) -> bool:
        """Write how the pass begins; whether at something that is not finite."""
        call = self.call
        measured = Measurements(self._measurements.value_limit, self._context.config.statistics(Tensors.ROOTS))
        described: list[tuple[str, int | None, int | None]] = []
        for position, (root, edge) in enumerate(zip(call.roots, edges, strict=True)):
            tensor = root if is_tensor(root) else None
            name = scope.tensors.get(id(tensor)) if tensor is not None else None
            given = call.gradients[position] if position < len(call.gradients) else None
            where = "null" if edge is None else str(walk.ids[edge[0]])
            head = f"{where},{encode(name and plain_text(name))},{0 if edge is None else edge[1]}"
            value = None if tensor is None else measured.add(tensor)
            described.append((head, value, None if given is None else measured.add(given)))
        measured.settle()
        rows = [f"[{head},{measured.row(value)},{measured.row(given)}]" for head, value, given in described]
        record = {
            "t": "pass",
            "index": self.index,
            "call": call.name,
            "retain_graph": call.retain_graph,
            "create_graph": call.create_graph,
            "recorded": Recorded.FULL,
            "location": self._journal.place(call.place),
            "parent": call.parent,
            "thread": call.thread,
            "n_nodes": len(walk.ids),
            "n_edges": len(walk.sources),
        }
        self._journal.write_with_rows(record, "roots", rows)
        return any(map(measured.is_bad, measured.strange))

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
        for node, number in walk.ids.items():
            if number in self._leaves:
                handles.append(node.register_prehook(functools.partial(self._arrives_at_leaf, number)))
                tensor = self._leaves[number][1]
                self._observe(tensor._backward_hooks, number, 0)
                after = getattr(tensor, "_post_accumulate_grad_hooks", None)
                if after:
                    self._put_first(after, functools.partial(self._accumulated, number))
            else:
                handles.append(node.register_hook(functools.partial(self._ran, number)))
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
                self._observed[key] = self._measurements.add(gradient)
        except BaseException as error:
            self._caught("a gradient before the program's hook", error)

    def _receive(self, number: int, output: int, gradient: torch.Tensor) -> tuple[int, Mark]:
        """The statistics of a gradient that arrived at a node, measured anew only if they are not known."""
        key = number << 20 | output
        own = mark(gradient)
        arriving = self._arriving.pop(key, None)
        if arriving is not None:
            if arriving[1] == own and own[0]:
                return arriving[0], own
            self._arrived.extend((number, output, arriving[0]))
        elif key in self._observed:
            self._arrived.extend((number, output, self._observed.pop(key)))
        return self._measurements.add(gradient), own

    def _ran(self, number: int, sent: Any, received: Any) -> None:
        """A node has run."""
        try:
            if is_watched():
                with Quiet():
                    self._note_node(number, sent, received)
            else:
                with torch_facts.DisableTorchFunction():
                    self._note_node(number, sent, received)
        except BaseException as error:
            self._caught("what a node received and sent", error)

    def _note_node(self, number: int, sent: Any, received: Any) -> None:
        self._order.append(number)
        known: list[tuple[torch.Tensor, int, Mark]] = []
        for output, gradient in enumerate(received):
            if gradient is not None:
                stats, own = self._receive(number, output, gradient)
                self._received.extend((number, output, stats))
                known.append((gradient, stats, own))
        if sent.__class__ is not tuple:
            sent = (sent,)
        walk = self._walk
        n_sent = len(self._sent)
        first, slots = walk.first_edge[number], walk.slots
        last = walk.first_edge[number + 1]
        for slot, gradient in enumerate(sent):
            if gradient is not None:
                edge = first + slot
                if edge >= last or slots[edge] != slot:
                    edge = walk.edge(number, slot)
                if edge >= 0:
                    self._send(edge, gradient, known)
        if self._closer is not None and self._measurements.strange:
            self._closer.node_ran(number, known, self._sent[n_sent + 1 :: 2])
        if self.call.create_graph:
            self._attribute(number)

    def _send(self, edge: int, gradient: torch.Tensor, known: list[tuple[torch.Tensor, int, Mark]]) -> None:
        found: Mark | None = None
        stats = -1
        for tensor, number, tensor_mark in known:
            if tensor is gradient:
                stats, found = number, tensor_mark
                break
        if found is None:
            found = mark(gradient)
            stats = self._same_data(gradient, found, known)
            if stats < 0:
                stats = self._measurements.add(gradient)
        self._sent.extend((edge, stats))
        if self._is_alone[edge]:
            self._arriving[self._edge_keys[edge]] = (stats, found)

    def _same_data(self, gradient: torch.Tensor, own: Mark, known: list[tuple[torch.Tensor, int, Mark]]) -> int:
        """Statistics for the same elements in another shape: what a view sends on needs no second measurement."""
        for tensor, number, tensor_mark in known:
            if own != tensor_mark or not own[0]:
                continue
            numel = self._measurements.numels[number]
            if numel > self._measurements.value_limit and numel == gradient.numel():
                if gradient.dtype is not tensor.dtype or not _is_dense(gradient) or not _is_dense(tensor):
                    continue
                if gradient.shape == tensor.shape:
                    return number
                return self._measurements.add_reshaped(number, gradient.shape, gradient.dtype)
        return -1

    def _attribute(self, number: int) -> None:
        """Nodes that this node's backward made come from where the node itself does."""
        table = self._table
        if table is None or threading.get_ident() != self._thread:
            return
        now = torch_facts.sequence_number()
        position = self._positions[number]
        if now > self._sequence_mark and position >= 0:
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
        table.add(self._sequence_mark, now, number)

    def _arrives_at_leaf(self, number: int, gradients: Any) -> None:
        try:
            with Quiet(), torch.no_grad():
                if not self._is_innermost(self.index):
                    return
                self._order.append(number)
                gradient = gradients[0]
                if gradient is not None:
                    self._ledger.arrives(number)
                    stats, own = self._receive(number, 0, gradient)
                    self._received.extend((number, 0, stats))
                    self._ledger.contributions[number] = (stats, own)
        except BaseException as error:
            self._caught("what arrived at a leaf", error)

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
        if self._context.numbers is not None:
            self._context.numbers.pass_ended()
            begins_badly = self._closer is not None and self._closer.begins_badly
            if begins_badly or any(map(self._measurements.is_bad, self._measurements.strange)):
                self._context.numbers.alarm()
        index = self.index
        self._journal.write_rows("stats", index, self._measurements.rows)
        self._journal.write_pass(
            {
                "t": "flow",
                "index": index,
                "order": self._order.tolist(),
                "received": _by(3, self._received),
                "arrived": _by(3, self._arrived),
                "sent": _by(2, self._sent),
                "saved": [] if self._closer is None else self._closer.saved,
            }
        )
        self._journal.write_pass({"t": "accumulations", "index": index, "rows": rows})
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
        self._journal.write_pass(
            {"t": "pass_end", "index": self.index, "error": described, "error_node": node, "conflict": conflict}
        )
        self._journal.end_pass()

    def _note_freed(self) -> None:
        """Remember which nodes can not be run again."""
        if self._table is not None and self._context.config.facts and not self.call.retain_graph:
            for number in self._order:
                sequence = self._sequence[number]
                if sequence != torch_facts.NO_SEQUENCE:
                    self._table.freed[sequence] = self.index

    def _conflict(self, error: BaseException | None, number: int | None) -> dict[str, Any] | None:
        """Who wrote to the saved tensor that torch complains of."""
        writes = self._context.writes
        if error is None or number is None or writes is None:
            return None
        edges = [edge for root in self.call.roots if (edge := root_edge(root)) is not None]
        node = next((one for one, known in Walk([edge[0] for edge in edges]).ids.items() if known == number), None)
        return None if node is None else writes.conflict(error, node, number)

    def _take_captures(self, result: Any) -> None:
        received = set(zip(self._received[::3], self._received[1::3], strict=True))
        for (number, output, _), gradient in zip(self._captures, result, strict=False):
            if number is None or gradient is None:
                continue
            stats, own = self._receive(number, output, gradient)
            if (number, output) not in received:
                self._received.extend((number, output, stats))
            if number in self._leaves:
                self._ledger.contributions[number] = (stats, own)

    def _failed_node(self) -> int | None:
        """The node at which the engine stopped: of those that were ready to run, it takes the one made last."""
        walk = self._walk
        n_nodes = len(self._sequence)
        done = bytearray(n_nodes)
        for number in self._order:
            done[number] = 1
        waiting = array("l", bytes(n_nodes * array("l").itemsize))
        for source, target in zip(walk.sources, walk.targets, strict=True):
            if not done[source]:
                waiting[target] += 1
        ready = [number for number in range(n_nodes) if not done[number] and not waiting[number]]
        started = bool(self._order) or (n_nodes > 0 and self.call.reaches_engine)
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


def _by(n: int, flat: array[int]) -> list[tuple[int, ...]]:
    """A flat column as rows of n."""
    return list(zip(*(flat[offset::n] for offset in range(n)), strict=True))


def _is_dense(tensor: torch.Tensor) -> bool:
    """Whether each element of its memory is there once, as in a permutation and unlike in an expansion."""
    if tensor.is_contiguous():
        return True
    expected = 1
    for stride, extent in sorted(
        (stride, extent) for extent, stride in zip(tensor.shape, tensor.stride(), strict=True) if extent > 1
    ):
        if stride != expected:
            return False
        expected *= extent
    return True
