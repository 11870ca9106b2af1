"""Watches what the program does to `.grad` by itself, and what it asks of autograd: hooks, `retain_grad`."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from gradtrace.model.format import ASYNCHRONOUS
from gradtrace.model.kinds import EventKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.events import Events
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.grad_norms import GradNorms, Written
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import LeafState, Leaves
from gradtrace.recorder.looking import is_any_of, is_tensor
from gradtrace.recorder.names import assigned_names
from gradtrace.recorder.sites import Place, is_internal, locals_of, user_place
from gradtrace.recorder.switches import Switch, switched_off_by

if TYPE_CHECKING:
    from gradtrace.recorder.fact_watches import FactWatches

_MAX_SWITCHES = 10_000
_MAX_COUNTED = 50_000
_RENORM = "embedding_renorm_"
"""What a lookup calls first that keeps rows within `max_norm`: nothing that the program wrote."""
_ZEROING = frozenset({"zero_", "_foreach_zero_"})
_SPELLED = {"__setitem__": "Tensor.grad[...] = ..."}
"""What a person writes where Python calls a method."""
_STEP, _SCALER_STEP = "step", "GradScaler.step"
"""Only that of a scaler is met here, which takes the scale out first: what optimizers do is told by their steps."""
_COLLECTIVES = {
    "all_reduce": ("tensor", "op", "group", "async_op"),
    "broadcast": ("tensor", "src", "group", "async_op"),
}
"""Collective operations that write to what they are given, with their parameters."""


class _Switched(NamedTuple):
    """Where the `requires_grad` of a leaf was set last."""

    leaf: weakref.ref[torch.Tensor]
    place: Place | None
    call: str
    is_on: bool


class GradWatch:
    """Looks at each call that a mode has seen.

    Args:
        find_table: gives the table of this thread.
        facts: also notified of writes and of the program's own reading of `.grad`, if a diagnosis was asked for.
        norms: what measures `.grad` around writes, if numbers are wanted.
    """

    def __init__(
        self,
        journal: Journal,
        events: Events,
        leaves: Leaves,
        find_table: Callable[[], ForwardTable | None],
        facts: FactWatches | None = None,
        norms: GradNorms | None = None,
    ) -> None:
        self._journal = journal
        self._events = events
        self._leaves = leaves
        self._find_table = find_table
        self._writes = None if facts is None else facts.writes
        self._norms = norms
        self._updates = None if facts is None else facts.updates
        self._sees_reads = facts is not None
        self.n_calls = 0
        self.n_without_grad = 0
        self.first_without_grad: Place | None = None
        self.first_switch: Switch | None = None
        self._last_switches: dict[int, _Switched] = {}
        """By the ids of leaves."""
        self._handlers: dict[int, Callable[[TorchCall], None]] = {
            CallKinds.IN_PLACE: lambda seen: self._wrote(seen.args[:1], seen),
            CallKinds.IN_PLACE_LIST: lambda seen: self._wrote(seen.args[0], seen),
            CallKinds.GRAD_SET: lambda seen: self._assigned(seen.args[0], seen.args[1], seen.frame),
            CallKinds.GRAD_DELETE: lambda seen: self._assigned(seen.args[0], None, seen.frame),
            CallKinds.GRAD_GET: lambda seen: self._read(seen.args[0], seen.result, seen.frame),
            CallKinds.RETAIN: lambda seen: self._retained(seen.args[0]),
            CallKinds.HOOKS: lambda seen: self._hooked(seen.args[0], seen.frame),
            CallKinds.SWITCH: lambda seen: self._switched(seen.args[0], seen.frame),
        }

    def after_fork(self) -> None:
        """The stream is a new one: what was counted until now stands in the other."""
        self.n_calls = self.n_without_grad = 0
        self.first_without_grad = self.first_switch = None

    def saw(self, seen: TorchCall) -> None:
        """Note what this call means for the ledger."""
        self.n_calls += 1
        if seen.kind == CallKinds.NOTHING:
            if seen.func is torch.tensor and self._updates is not None and not self._events.is_counting:
                self._updates.made_a_tensor(seen)
            if seen.before == seen.after and self.n_calls < _MAX_COUNTED:
                self._count_untracked(seen)
            return
        self._handlers[seen.kind](seen)

    def is_written(self, args: Any, kind: int) -> bool:
        """Whether a call that writes to what it is given writes to the `.grad` of a leaf."""
        if not self._leaves.has_grads:
            return False
        targets = args[0] if kind == CallKinds.IN_PLACE_LIST else args[:1]
        return is_any_of(targets, tuple, list) and any(map(self._leaves.whose_grad, targets))

    def _count_untracked(self, seen: TorchCall) -> None:
        result = seen.result
        if not is_tensor(result) or torch.is_grad_enabled() or not result.is_floating_point():
            return
        if any(is_tensor(one) and one.requires_grad for one in seen.args) and not _in_optimizer(seen.frame):
            self.n_without_grad += 1
            if self.n_without_grad == 1:
                self.first_without_grad = user_place(seen.frame, "")
                self.first_switch = switched_off_by(seen.frame)

    def _wrote(self, targets: Any, seen: TorchCall) -> None:
        frame, name = seen.frame, seen.func.__name__
        if not is_any_of(targets, tuple, list):
            return
        if self._writes is not None:
            call, outside = _torch_call(frame)
            self._writes.saw(targets, name if name == _RENORM else call or name, outside)
        touched: list[LeafState] = []
        if self._events.is_muted() or not self._leaves.has_grads:
            return
        for target in targets:
            state = self._leaves.whose_grad(target)
            if state is not None and state not in touched:
                touched.append(state)
        if touched:
            zeroed = name in _ZEROING and all(_covers(one, state) for one, state in zip(targets, touched, strict=False))
            kind = EventKind.GRAD_CLEARED if zeroed else EventKind.GRAD_MODIFIED
            is_own = not _torch_call(frame)[0]
            measured = [] if self._norms is None else self._norms.wrote(touched, is_zero=zeroed, is_own=is_own)
            self._event(kind, touched, frame, name, set_to_none=False if zeroed else None, measured=measured)

    def exchanged(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], frame: types.FrameType) -> None:
        """A collective operation has written to a tensor, or will have when the program waits for it."""
        if self._events.is_muted() or not self._leaves.has_grads:
            return
        given = dict(zip(_COLLECTIVES[name], args, strict=False)) | kwargs
        state = self._leaves.whose_grad(given.get("tensor"))
        if state is None:
            return
        measured: Sequence[Written] = ()
        if self._norms is not None:
            if given.get("async_op"):
                self._norms.forget([state.id])
            else:
                measured = self._norms.wrote([state])
        n_ranks = torch_facts.group_size(given.get("group"))
        how = f"{torch_facts.reduction_name(given.get('op'))} over" if name == "all_reduce" else "to"
        call = f"{name} ({how} {n_ranks} ranks{ASYNCHRONOUS if given.get('async_op') else ''})"
        self._event(EventKind.GRAD_MODIFIED, [state], frame, call, set_to_none=None, measured=measured)

    def _assigned(self, tensor: torch.Tensor, value: torch.Tensor | None, frame: types.FrameType) -> None:
        if self._events.is_muted() or torch_facts.is_of_sharding(frame.f_code):
            return
        state = self._leaves.find(tensor)
        if state is None:
            return
        if self._leaves.is_grad_of(value, state):  # as after `p.grad *= mask`, which has been seen
            self._leaves.remember(state, value)
            return
        if value is None:
            kind, written, to_none = EventKind.GRAD_CLEARED, "Tensor.grad = None", True
        else:
            kind, written, to_none = EventKind.GRAD_MODIFIED, "Tensor.grad = ...", None
        is_assignment = not _torch_call(frame)[0]
        measured = [] if self._norms is None else self._norms.assigned(state, value, is_own=is_assignment)
        self._event(kind, [state], frame, written, set_to_none=to_none, is_assignment=is_assignment, measured=measured)
        self._leaves.remember(state, value)

    def _event(
        self,
        kind: EventKind,
        states: list[LeafState],
        frame: types.FrameType,
        name: str,
        *,
        set_to_none: bool | None,
        is_assignment: bool = False,
        measured: Sequence[Written] = (),
    ) -> None:
        called, outside = _torch_call(frame)
        call = called or _SPELLED.get(name, name)
        if call == _STEP:
            call = _SCALER_STEP
        place, leaves = user_place(outside, call), [state.id for state in states]
        self._events.add(
            kind, leaves, place, call=call, set_to_none=set_to_none, writes=measured, is_assignment=is_assignment
        )

    def _read(self, tensor: torch.Tensor, grad: torch.Tensor | None, frame: types.FrameType) -> None:
        """The program itself looked at a `.grad`: it is None, or another variable stands for it already."""
        if is_internal(frame.f_code):
            return
        if grad is not None:
            self._named_twice(tensor, grad, frame)
            state = None if self._updates is None or self._events.is_counting else self._leaves.find(tensor)
            if self._updates is not None and state is not None:
                self._updates.read(state, frame)
            return
        state = self._leaves.find(tensor) if tensor.is_leaf else None
        leaves, place = [] if state is None else [state.id], user_place(frame, "grad")
        self._events.add(EventKind.GRAD_READ, leaves, place, is_leaf=tensor.is_leaf)

    def _named_twice(self, tensor: torch.Tensor, grad: torch.Tensor, frame: types.FrameType) -> None:
        """A variable from an earlier read, or a list, holds the tensor that is read now: no copy was made."""
        holder = holder_of(grad, frame)
        state = None if holder is None else self._leaves.find(tensor)
        place = None if state is None else user_place(frame, "grad")
        if holder is None or state is None or place is None:
            return
        number = self._journal.place(place)
        if number is None or holder not in assigned_names(self._journal.location(number)):
            self._events.add(EventKind.GRAD_ALIAS, [state.id], place, name=holder)

    def _switched(self, tensor: torch.Tensor, frame: types.FrameType) -> None:
        """`requires_grad` was set: who did it, is what explains a leaf without a gradient."""
        if not self._sees_reads or not tensor.is_leaf or torch_facts.is_of_sharding(frame.f_code):
            return
        is_parameter = issubclass(type(tensor), torch.nn.Parameter)
        if (
            not tensor.requires_grad
            and not is_parameter
            and is_internal(frame.f_code)
            and not self._leaves.find(tensor)
        ):
            return  # torch makes a tensor, such as one that a worker sent, and says that it is what it is
        call = f"requires_grad = {tensor.requires_grad}"
        switched = _Switched(weakref.ref(tensor), user_place(frame, call), call, tensor.requires_grad)
        if len(self._last_switches) > _MAX_SWITCHES:
            self._last_switches = {
                number: one for number, one in self._last_switches.copy().items() if one.leaf() is not None
            }
        was_known = not switched.is_on or self._leaves.find(tensor) is not None  # else it is how the leaf was made
        if was_known and len(self._last_switches) <= _MAX_SWITCHES:
            self._last_switches[id(tensor)] = switched
        self._tell_switch(tensor, switched)

    def _tell_switch(self, leaf: torch.Tensor, one: _Switched) -> None:
        leaves = [self._leaves.get(leaf, None).id]
        self._events.add(EventKind.REQUIRES_GRAD, leaves, one.place, call=one.call, requires_grad=one.is_on)

    def repeat_switches(self) -> None:
        """Tell in a stream that begins who set `requires_grad` of the leaves as it is now."""
        with self._events.as_lines():
            for one in list(self._last_switches.values()):
                leaf = one.leaf()
                if leaf is not None and leaf.is_leaf and leaf.requires_grad == one.is_on:
                    self._tell_switch(leaf, one)

    def _retained(self, tensor: torch.Tensor) -> None:
        node, table = tensor.grad_fn, self._find_table()
        if node is not None and table is not None:
            table.retained.add((node._sequence_nr(), tensor.output_nr))

    def _hooked(self, tensor: torch.Tensor, frame: types.FrameType) -> None:
        if frame.f_code.co_name != "register_hook":
            return
        table = self._find_table()
        hooks = tensor._backward_hooks
        node = tensor.grad_fn
        if table is None or hooks is None or node is None:
            return
        key = (node._sequence_nr(), tensor.output_nr)
        place = user_place(frame, "register_hook")
        known = table.hooked.setdefault(key, (weakref.ref(hooks), []))
        if place is not None and place not in known[1]:
            known[1].append(place)


def _covers(target: object, state: LeafState) -> bool:
    """Whether a write to this tensor is one to the whole `.grad` of a leaf, and not to a part of it."""
    leaf = state.reference()
    return not is_tensor(target) or leaf is None or target.numel() == leaf.numel()


def _torch_call(frame: types.FrameType) -> tuple[str, types.FrameType | None]:
    """The function of torch which the user called, such as `clip_grad_norm_`, and the frame from which it was called.

    The name is "" when it was the operation itself.
    """
    name = ""
    outside: types.FrameType | None = frame
    while outside is not None and is_internal(outside.f_code):
        if not outside.f_code.co_name.startswith(("_", "<", "wrap", "inner", "decorate")):
            name = outside.f_code.co_name
        outside = outside.f_back
    return name, outside


def _in_optimizer(frame: types.FrameType) -> bool:
    return "optim" in frame.f_code.co_filename


def holder_of(grad: torch.Tensor, frame: types.FrameType) -> str | None:
    """The name of a variable of the frame, or of its caller in the same file, that is the tensor or lists it."""
    scopes = [locals_of(frame)]
    if frame.f_back is not None and frame.f_back.f_code.co_filename == frame.f_code.co_filename:
        scopes.append(locals_of(frame.f_back))
    for scope in scopes:
        for name, value in scope.items():
            listed: Any = value if is_any_of(value, list, tuple) else ()
            if value is grad or any(one is grad for one in listed[:_MAX_LISTED]):
                return name
    return None


_MAX_LISTED = 100
