"""What moves through a graph while its pass runs: one hook after each node, which holds numbers and never tensors.

The hook after a node sees both what it received and what it sent on: a gradient is measured when it passes by. What a
node sent along an edge that alone leads to its target is what the target received, unless a hook came between; then
both are recorded.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.columns import Columns
from gradtrace.recorder.marks import Mark, mark
from gradtrace.recorder.measure import Measurements
from gradtrace.recorder.sections import Quiet, is_watched
from gradtrace.recorder.walk import Walk

_DisableTorchFunction = torch_facts.DisableTorchFunction
_PLAIN, _pointer = torch_facts.PLAIN_TYPES, torch_facts.pointer

Received = Sequence[tuple[torch.Tensor, int]]
"""Gradients that a node received, and the numbers of their statistics."""
_Arriving = tuple[int, int, int]
"""Number of statistics, identity and version of a tensor that is on its way."""


class Flow:
    """What moved in one pass.

    Args:
        edges: node and output at which the pass starts, for each root.
    """

    def __init__(self, walk: Walk, edges: Sequence[tuple[Any, int] | None], measurements: Measurements) -> None:
        self._walk = walk
        self._measurements = measurements
        self._spec = measurements.tables.spec
        self._value_limit = measurements.value_limit
        self.order = array("I")
        self.received = array("I")
        self._arrived = array("I")
        self._sent = array("I")
        self._arriving: dict[int, _Arriving] = {}
        self._observed: dict[int, tuple[int, Mark]] = {}
        self._edge_keys = [target << 20 | output for target, output in zip(walk.targets, walk.outputs, strict=True)]
        fan_in = Counter(self._edge_keys)
        fan_in.update(walk.ids[edge[0]] << 20 | edge[1] for edge in edges if edge is not None)
        self._is_alone = [fan_in[key] == 1 for key in self._edge_keys]

    def columns(self) -> Columns:
        """The nodes in the order in which they ran; received and arrived: node, output, number; sent: edge, number."""
        return {"order": self.order, "received": self.received, "arrived": self._arrived, "sent": self._sent}

    def ran(
        self,
        number: int,
        caught: Callable[[str, BaseException], None],
        then: Callable[[int, Received], None] | None,
        sent: Any,
        received: Any,
    ) -> None:
        """What torch calls after a node has run, with all but the last two given before.

        Args:
            number: the node.
            caught: takes what our code raised.
            then: is called afterwards with the node and what it received, if anybody wants to know.
            sent: the gradients that go on, one a slot.
            received: the gradients that came, one an output.
        """
        try:
            with Quiet() if is_watched() else _DisableTorchFunction():
                known = self._note_node(number, sent, received)
            if then is not None:
                then(number, known)
        except BaseException as error:
            caught("what a node received and sent", error)

    def sent_by(self, number: int) -> list[int]:
        """The numbers of the statistics of what a node sent that has just run."""
        walk = self._walk
        most = 2 * (walk.first_edge[number + 1] - walk.first_edge[number])
        last = self._sent[max(0, len(self._sent) - most) :]
        return [stats for edge, stats in zip(last[::2], last[1::2], strict=True) if walk.sources[edge] == number]

    def observe(self, number: int, output: int, gradient: torch.Tensor) -> None:
        """A gradient arrives where hooks of the program's will see it after us."""
        self._observed[number << 20 | output] = (self._measurements.add(gradient), mark(gradient))

    def receive(self, number: int, output: int, gradient: torch.Tensor) -> int:
        """The statistics of a gradient that arrived at a node, measured anew only if they are not known."""
        key = number << 20 | output
        arriving = self._arriving.pop(key, None)
        observed = self._observed.pop(key, None) if self._observed else None
        if arriving is not None:
            is_same = arriving[1] == id(gradient) and arriving[2] == gradient._version
            if is_same and (observed is None or observed[1] == mark(gradient)):
                return arriving[0]
            self._arrived.extend((number, output, arriving[0]))
        elif observed is not None:
            self._arrived.extend((number, output, observed[0]))
        return self._measure(gradient)

    def note_received(self, number: int, output: int, stats: int) -> None:
        """Write down what was received."""
        self.received.fromlist([number, output, stats])

    def _measure(self, gradient: torch.Tensor, known: Received = ()) -> int:
        """The statistics of a gradient, which may have the elements of one that is known."""
        try:
            spec = self._spec(torch_facts.shape(gradient), gradient.dtype)
        except RuntimeError:
            return self._measurements.add(gradient)  # which finds another way, or raises
        if known and spec.numel > self._value_limit:
            same = self._same_data(gradient, known)
            if same >= 0:
                return same
        return self._measurements.add_known(spec, gradient)

    def _note_node(self, number: int, sent: Any, received: Any) -> Received:
        self.order.append(number)
        known: list[tuple[torch.Tensor, int]] = []
        for output, gradient in enumerate(received):
            if gradient is not None:
                stats = self.receive(number, output, gradient)
                self.received.fromlist([number, output, stats])
                known.append((gradient, stats))
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
        return known

    def _send(self, edge: int, gradient: torch.Tensor, known: Received) -> None:
        for tensor, number in known:
            if tensor is gradient:
                stats = number
                break
        else:
            stats = self._measure(gradient, known)
        self._sent.fromlist([edge, stats])
        if self._is_alone[edge]:
            self._arriving[self._edge_keys[edge]] = (stats, id(gradient), gradient._version)

    def _same_data(self, gradient: torch.Tensor, known: Received) -> int:
        """Statistics of a large one for the same elements in another shape: what a view sends on is measured once."""
        own: Mark | None = None
        for tensor, number in known:
            if type(tensor) in _PLAIN and type(gradient) in _PLAIN and _pointer(tensor) != _pointer(gradient):
                continue
            if self._measurements.numel(number) != gradient.numel():
                continue
            own = own or mark(gradient)
            if own != mark(tensor) or not own[0]:
                continue
            if gradient.dtype is not tensor.dtype or not _is_dense(gradient) or not _is_dense(tensor):
                continue
            if gradient.shape == tensor.shape:
                return number
            return self._measurements.add_reshaped(number, gradient.shape, gradient.dtype)
        return -1


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
