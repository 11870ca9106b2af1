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
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.forward import Origin
from gradtrace.recorder.holders import write_holders
from gradtrace.recorder.measure import Measurements, is_readable
from gradtrace.recorder.names import Scope
from gradtrace.recorder.stack_room import make_room
from gradtrace.recorder.stream import encode, plain_text
from gradtrace.recorder.walk import Describer, Walk

if TYPE_CHECKING:
    import types

    from gradtrace.recorder.engine import Call
    from gradtrace.recorder.leaves import LeafState
    from gradtrace.recorder.session import Recorder
    from gradtrace.recorder.watch import LedgerPass

_UNKNOWN = (0, -1)
_OBSERVER = "gradtrace"
"""Our key in a tensor's dictionary of hooks, whose own keys are numbers."""

Mark = tuple[int, int]
"""Address and version of a tensor's data: what tells, while it is alive, whether another tensor is the same unchanged
one."""


def _mark(tensor: torch.Tensor) -> Mark:
    if is_readable(tensor):
        pointer = torch_facts.pointer(tensor)
        if pointer:
            return (pointer, tensor._version)
    return _UNKNOWN


def root_edge(root: Any) -> tuple[Any, int] | None:
    """The node and output at which a pass starts; None for a tensor without a graph."""
    if not isinstance(root, torch.Tensor):  # a GradientEdge
        return root.node, root.output_nr
    if root.grad_fn is not None:
        return root.grad_fn, root.output_nr
    if root.requires_grad:
        return torch.autograd.graph.get_gradient_edge(root).node, 0
    return None


class FullPass:
    """A pass from before the engine runs until after."""

    def __init__(
        self,
        recorder: Recorder,
        call: Call,
        index: int,
        frame: types.FrameType | None,
        counted: LedgerPass | None = None,
    ) -> None:
        self._recorder = recorder
        self._journal = recorder.journal
        self.call = call
        self.index = index
        self.counted = counted
        self._table = recorder.table()
        self._thread = threading.get_ident()
        self._measurements = Measurements(recorder.config.value_limit, recorder.config.level)
        self._order = array("l")
        self._received = array("l")
        self._arrived = array("l")
        self._sent = array("l")
        self._edge_keys: list[int] = []
        self._is_alone: list[bool] = []
        self._arriving: dict[int, tuple[int, Mark]] = {}
        self._observed: dict[int, int] = {}
        self._before: dict[int, int | None] = {}
        self._before_mark: dict[int, Mark | None] = {}
        self._contribution: dict[int, tuple[int, Mark]] = {}
        self._after: dict[int, int] = {}
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

    def _begin(self, frame: types.FrameType | None) -> None:
        recorder, call = self._recorder, self.call
        with torch_facts.DisableTorchFunction(), torch.no_grad(), without_collector():
            scope = Scope(frame)
            recorder.learn(scope)
            if recorder.config.facts:
                write_holders(recorder, self._table, frame)
            edges = [root_edge(root) for root in call.roots]
            self._walk = walk = Walk([edge[0] for edge in edges if edge is not None])
            make_room(len(walk.ids))
            describer = Describer(recorder, self._table, scope)
            self._write_pass(walk, edges, scope)
            describer.write(self.index, walk)
            self._leaves = describer.leaves
            owners = recorder.optimizers.owners(scope)
            for state in list(recorder.leaves.states.values()):
                tensor = state.reference()
                if tensor is not None:
                    recorder.leaves.own(state, owners.get(id(tensor), []))
            self._sequence = describer.sequence
            if recorder.cuts is not None:
                recorder.cuts.graph_walked(self._sequence, self.index)
            self._positions = describer.positions
            self._edge_keys = [target << 20 | output for target, output in zip(walk.targets, walk.outputs, strict=True)]
            fan_in = Counter(self._edge_keys)
            fan_in.update(walk.ids[edge[0]] << 20 | edge[1] for edge in edges if edge is not None)
            self._is_alone = [fan_in[key] == 1 for key in self._edge_keys]
            self._find_captures(walk)
            if call.accumulates or self._captures:
                self._measure_before()
            if not call.is_drawn_only:
                self._hook(walk)
            # A leaf holds its node weakly: that of a leaf which is itself a root would die, and our hooks with it.
            self._root_leaves = [edge[0] for edge in edges if edge is not None and walk.ids[edge[0]] in self._leaves]
            walk.ids.clear()  # the wrappers: nothing of the graph is held while it runs
        self._sequence_mark = torch_facts.sequence_number()

    def _write_pass(self, walk: Walk, edges: list[Any], scope: Scope) -> None:
        call = self.call
        measured = Measurements(self._measurements.value_limit, self._measurements.level)
        described: list[tuple[str, int | None, int | None]] = []
        for position, (root, edge) in enumerate(zip(call.roots, edges, strict=True)):
            tensor = root if isinstance(root, torch.Tensor) else None
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
            "recorded": "full",
            "location": self._journal.place(call.place),
            "parent": call.parent,
            "thread": call.thread,
            "n_nodes": len(walk.ids),
            "n_edges": len(walk.sources),
        }
        self._journal.write_with_rows(record, "roots", rows)

    def _find_captures(self, walk: Walk) -> None:
        """Where the gradients arrive that `autograd.grad` returns."""
        if self.call.accumulates:
            return
        by_tensor = {id(tensor): number for number, (_, tensor) in self._leaves.items()}
        for one in self.call.inputs:
            if not isinstance(one, torch.Tensor):
                self._captures.append((walk.ids.get(one.node), one.output_nr, None))
            elif one.grad_fn is None:
                self._captures.append((by_tensor.get(id(one)), 0, one))
            else:
                self._captures.append((walk.ids.get(one.grad_fn), one.output_nr, None))

    def _measure_before(self) -> None:
        for number, (_, tensor) in self._leaves.items():
            self._measure_leaf_before(number, tensor.grad)

    def _measure_leaf_before(self, number: int, grad: torch.Tensor | None) -> None:
        self._before[number] = None if grad is None else self._measurements.add(grad)
        self._before_mark[number] = None if grad is None else _mark(grad)

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
            for (sequence, output), (hooks, _) in self._table.hooked.items():
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

    # While the engine runs.

    def _arrives_at_hooks(self, key: int, gradient: torch.Tensor) -> None:
        with self._recorder.guard(), torch_facts.DisableTorchFunction(), torch.no_grad():
            self._observed[key] = self._measurements.add(gradient)

    def _receive(self, number: int, output: int, gradient: torch.Tensor) -> tuple[int, Mark]:
        """The statistics of a gradient that arrived at a node, measured anew only if they are not known."""
        key = number << 20 | output
        mark = _mark(gradient)
        arriving = self._arriving.pop(key, None)
        if arriving is not None:
            if arriving[1] == mark and mark[0]:
                return arriving[0], mark
            self._arrived.extend((number, output, arriving[0]))
        elif key in self._observed:
            self._arrived.extend((number, output, self._observed.pop(key)))
        return self._measurements.add(gradient), mark

    def _ran(self, number: int, sent: Any, received: Any) -> None:
        """A node has run."""
        try:
            with torch_facts.DisableTorchFunction():
                self._order.append(number)
                known: list[tuple[torch.Tensor, int, Mark]] = []
                for output, gradient in enumerate(received):
                    if gradient is not None:
                        stats, mark = self._receive(number, output, gradient)
                        self._received.extend((number, output, stats))
                        known.append((gradient, stats, mark))
                if sent.__class__ is not tuple:
                    sent = (sent,)
                walk = self._walk
                first, slots = walk.first_edge[number], walk.slots
                last = walk.first_edge[number + 1]
                for slot, gradient in enumerate(sent):
                    if gradient is not None:
                        edge = first + slot
                        if edge >= last or slots[edge] != slot:
                            edge = walk.edge(number, slot)
                        if edge >= 0:
                            self._send(edge, gradient, known)
                if self.call.create_graph:
                    self._attribute(number)
        except Exception as error:
            self._recorder.fail(error)

    def _send(self, edge: int, gradient: torch.Tensor, known: list[tuple[torch.Tensor, int, Mark]]) -> None:
        mark: Mark | None = None
        stats = -1
        for tensor, number, tensor_mark in known:
            if tensor is gradient:
                stats, mark = number, tensor_mark
                break
        if mark is None:
            mark = _mark(gradient)
            stats = self._same_data(gradient, mark, known)
            if stats < 0:
                stats = self._measurements.add(gradient)
        self._sent.extend((edge, stats))
        if self._is_alone[edge]:
            self._arriving[self._edge_keys[edge]] = (stats, mark)

    def _same_data(self, gradient: torch.Tensor, mark: Mark, known: list[tuple[torch.Tensor, int, Mark]]) -> int:
        """Statistics for the same elements in another shape: what a view sends on needs no second measurement."""
        for tensor, number, tensor_mark in known:
            if mark != tensor_mark or not mark[0]:
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
            with torch_facts.DisableTorchFunction(), torch.no_grad():
                if not self._is_innermost():
                    return
                self._order.append(number)
                gradient = gradients[0]
                if gradient is not None:
                    grad = self._leaves[number][1].grad
                    if self.call.accumulates and self._before_mark[number] != (None if grad is None else _mark(grad)):
                        self._measure_leaf_before(number, grad)  # a pass inside this one, or a hook, came first
                    stats, mark = self._receive(number, 0, gradient)
                    self._received.extend((number, 0, stats))
                    self._contribution[number] = (stats, mark)
        except Exception as error:
            self._recorder.fail(error)

    def _is_innermost(self) -> bool:
        """Whether what runs on this thread is this pass: passes inside it, and on other threads, share its leaves."""
        running = self._recorder.running(threading.get_ident())
        return running is None or running == self.index

    def suspend(self) -> None:
        """Another pass begins inside this one: what it adds to leaves that are done is not what this one added."""
        with torch_facts.DisableTorchFunction(), torch.no_grad():
            for number in self._contribution:
                grad = self._leaves[number][1].grad
                if self.call.accumulates and number not in self._after and grad is not None:
                    self._after[number] = self._measurements.add(grad)

    def _accumulated(self, number: int, tensor: torch.Tensor) -> None:
        """A leaf's `.grad` has been added to, and no hook of the user's has seen it yet."""
        with self._recorder.guard(), torch_facts.DisableTorchFunction(), torch.no_grad():
            if tensor.grad is not None and self._is_innermost():
                self._after[number] = self._measurements.add(tensor.grad)

    # After the engine has run.

    def finish(self, result: Any, error: BaseException | None) -> None:
        """Take the hooks away, and write down what was seen."""
        self.abandon()
        with torch_facts.DisableTorchFunction(), torch.no_grad(), without_collector():
            if error is None and self._captures:
                self._take_captures(result)
            if self.call.create_graph:
                self._attribute_rest()
            rows = self._accumulations()
            self._measurements.settle()
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
            }
        )
        self._journal.write_pass({"t": "accumulations", "index": index, "rows": rows})
        node = None if error is None else self._failed_node()
        self._recorder.end_pass(index, error, node, self._conflict(error, node))

        self._note_freed()

    def _note_freed(self) -> None:
        """Remember which nodes can not be run again."""
        if self._table is not None and self._recorder.config.facts and not self.call.retain_graph:
            for number in self._order:
                sequence = self._sequence[number]
                if sequence != torch_facts.NO_SEQUENCE:
                    self._table.freed[sequence] = self.index

    def _conflict(self, error: BaseException | None, number: int | None) -> dict[str, Any] | None:
        """Who wrote to the saved tensor that torch complains of."""
        writes = self._recorder.writes
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
            stats, mark = self._receive(number, output, gradient)
            if (number, output) not in received:
                self._received.extend((number, output, stats))
            if number in self._leaves:
                self._contribution[number] = (stats, mark)

    def _accumulations(self) -> list[list[Any]]:
        rows: list[list[Any]] = []
        if self.call.is_drawn_only:
            return rows
        captured = {number for number, _, _ in self._captures}
        for number, (state, tensor) in self._leaves.items():
            before = self._before.get(number)
            contribution = self._contribution.get(number)
            if not self.call.accumulates:
                if number in captured and contribution is not None:
                    rows.append([state.id, before, contribution[0], before, "not stored"])
                continue
            grad = tensor.grad
            self._recorder.leaves.remember(state, grad)
            if contribution is None:
                rows.append([state.id, before, None, before, "unchanged"])
                continue
            after = self._after.get(number)
            if after is None and grad is not None:
                same = before is None and _mark(grad) == contribution[1] and contribution[1][0]
                after = contribution[0] if same else self._measurements.add(grad)
            rows.append([state.id, before, contribution[0], after, "created" if before is None else "accumulated"])
        return rows

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

    def abandon(self) -> None:
        """Undo what was installed: at the end, and after a failure of ours."""
        for handle in self._handles:
            handle.remove()
        for hooks in self._observers:
            hooks.pop(_OBSERVER, None)
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
