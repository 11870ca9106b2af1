"""The norms of the gradients that each step finds in `.grad`, at a cost that lets them be measured at every step.

Measured is what stands in `.grad` when `step()` begins; of a step that runs passes itself (LBFGS), when it ends. Of a
clipping by torch's functions the norm before it is the one that torch computed. On an accelerator the numbers stay on
the device and are fetched for many steps together. What a step changed takes a copy of the parameters, and is measured
of some steps only.
"""

from __future__ import annotations

import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.engine import Call
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.looking import attributes, is_optimizer, is_tensor, listed
from gradtrace.recorder.norm_rows import NormRows, Row
from gradtrace.recorder.optimizers import Optimizers, groups
from gradtrace.recorder.readings import Reading, may_read
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place
from gradtrace.recorder.step_copies import StepCopies
from gradtrace.recorder.step_parts import Parts, parts_of
from gradtrace.recorder.tensor_norms import UNSEEN, norms_of

Groups = list[tuple[Any, list[torch.Tensor]]]
"""The learning rate and the tensors of each param group."""

_DOUBLE = frozenset({torch.float64, torch.complex128})
_MOST_DEPTH = 1_000
_grad, _dtype = torch_facts.plain_attribute("grad"), torch_facts.plain_attribute("dtype")


class _Pass:
    """The last pass of a thread that added to `.grad`."""

    __slots__ = ("loss", "place")

    def __init__(self, loss: Reading | None, place: Place | None) -> None:
        self.loss = loss
        self.place = place


class _Clip:
    """A clipping: the parameters that had a gradient, and the 2-norm that torch found before it."""

    __slots__ = ("parameters", "total")

    def __init__(self, parameters: frozenset[int], total: Reading) -> None:
        self.parameters = parameters
        self.total = total


class _Owner:
    """What is known of an optimizer: its parameters, how many steps it has taken."""

    __slots__ = ("copies", "ids", "n_steps", "parts", "reference")

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.reference = weakref.ref(optimizer)
        self.ids: list[int] = []
        self.parts = Parts((), None)
        self.n_steps = 0
        self.copies = StepCopies()


class _Step:
    """A step that runs."""

    __slots__ = ("depth", "is_late", "optimizer", "owner", "row", "tensors")

    def __init__(self, optimizer: int, depth: int, owner: _Owner | None) -> None:
        self.optimizer = optimizer
        self.depth = depth
        self.owner = owner
        self.row: Row | None = None
        self.tensors: list[torch.Tensor] = []
        self.is_late = False
        """It may run passes: what it finds in `.grad` is known at its end."""


class StepNorms:
    """Measures every step of every optimizer.

    Args:
        learn: takes in the models that can be seen from a frame, for the names of parameters.
        depth: levels of module names that are told apart; 0: every parameter by itself.
    """

    def __init__(
        self, journal: Journal, leaves: Leaves, optimizers: Optimizers, learn: Callable[[Scope], None], depth: int
    ) -> None:
        self._journal = journal
        self._leaves = leaves
        self._optimizers = optimizers
        self._learn = learn
        self._depth = depth
        self._rows = NormRows(journal)
        self._owners: dict[int, _Owner] = {}
        self._running: dict[int, list[_Step]] = {}
        self._passes: dict[int, _Pass] = {}
        self._clips: dict[int, list[_Clip]] = {}
        self._totals: dict[int, weakref.ref[torch.Tensor]] = {}
        """By thread the 2-norm that torch has computed last."""
        self._scaled: dict[int, tuple[int, bool]] = {}
        """By thread the optimizer that a `GradScaler` steps, and whether it has come to step."""

    def pass_ended(self, call: Call) -> None:
        """A pass has added to `.grad`: its root is the loss, and what was clipped is no more what is there."""
        thread = threading.get_ident()
        self._clips.pop(thread, None)
        loss = None
        if len(call.roots) == 1 and may_read(call.roots[0]) and call.roots[0].numel() == 1:
            loss = self._rows.readings.number(call.roots[0])
        self._passes[thread] = _Pass(loss, call.place)

    # Clipping.

    def total_computed(self, total: Any, norm_type: Any) -> None:
        """Torch has computed the norm of some gradients together."""
        if type(norm_type) in (int, float) and norm_type == 2 and may_read(_whole(total)):  # noqa: PLR2004 - the 2-norm
            self._totals[threading.get_ident()] = weakref.ref(total)
        else:
            self._totals.pop(threading.get_ident(), None)

    def clipped(self, parameters: Any, total: Any) -> None:
        """Torch has scaled the gradients of some parameters down to a norm, given the one that they had."""
        thread = threading.get_ident()
        known = self._totals.pop(thread, None)
        if known is None or known() is not total or not may_read(_whole(total)):
            return  # nobody knows the norm of what
        tensors = [parameters] if is_tensor(parameters) else listed(parameters)
        with self._leaves.touching():
            if not self._leaves.is_alone(thread):
                return
            held = frozenset(id(one) for one in tensors if is_tensor(one) and _grad(one) is not None)
        self._clips.setdefault(thread, []).append(_Clip(held, self._rows.readings.number(_whole(total))))

    # Around a step.

    def begins(self, optimizer: torch.optim.Optimizer, frame: types.FrameType, *, has_arguments: bool) -> None:
        """An optimizer is about to step; with arguments it may run passes."""
        thread, depth = threading.get_ident(), _depth(frame)
        running = self._running.setdefault(thread, [])
        while running and running[-1].depth >= depth:
            running.pop()  # over, also if they raised
        if any(one.optimizer == id(optimizer) for one in running):
            return  # an overridden `step` calls its parent's
        if self._scaled.get(thread, (0, True))[0] == id(optimizer):
            self._scaled[thread] = (id(optimizer), True)
        owner = self._owner(optimizer, frame)
        owner.n_steps += 1
        if not self._rows.wants(owner.n_steps):
            running.append(_Step(id(optimizer), depth, None))
            return
        step = _Step(id(optimizer), depth, owner)
        running.append(step)
        found = _groups(optimizer)
        step.tensors = self._parameters(optimizer, owner, found, frame)
        with torch.no_grad():
            row = Row(owner.n_steps, [self._rate(rate) for rate, _ in found])
            step.is_late = has_arguments
            if not has_arguments:
                self._measure(row, step.tensors, thread)
                self._unscale(row, optimizer)
                owner.copies.take(_own_parts(step.tensors, owner.parts))
        step.row = row

    def ends(self, optimizer: torch.optim.Optimizer, frame: types.FrameType, place: Place | None, number: int) -> None:
        """It has stepped."""
        thread, depth = threading.get_ident(), _depth(frame)
        running = self._running.get(thread, [])
        while running and running[-1].depth > depth:
            running.pop()
        if not running or running[-1].depth != depth or running[-1].optimizer != id(optimizer):
            return
        step = running.pop()
        row, owner = step.row, step.owner
        if row is None or owner is None:
            return
        with torch.no_grad():
            if step.is_late:
                self._measure(row, step.tensors, thread)
            else:
                row.change, row.weights = owner.copies.compare(self._rows.readings)
        self._put(row, owner, number, place, thread)

    def _put(self, row: Row, owner: _Owner, number: int, place: Place | None, thread: int) -> None:
        last = self._passes.get(thread)
        row.pass_index = self._journal.last_pass_index
        row.loss = None if last is None else last.loss
        row.is_scaled = thread in self._scaled
        places = (place, None if last is None else last.place)
        self._rows.add(row, number, owner.parts, places, may_wait=not self._leaves.is_any_running)

    def _owner(self, optimizer: torch.optim.Optimizer, frame: types.FrameType) -> _Owner:
        owner = self._owners.get(id(optimizer))
        if owner is None or owner.reference() is not optimizer:
            owner = self._owners[id(optimizer)] = _Owner(optimizer)
            self._optimizers.number(optimizer, Scope(frame))
        return owner

    def _parameters(
        self, optimizer: torch.optim.Optimizer, owner: _Owner, found: Groups, frame: types.FrameType
    ) -> list[torch.Tensor]:
        """What it steps; where these are others than before, they are named."""
        tensors = [one for _, some in found for one in some]
        ids = list(map(id, tensors))
        if ids != owner.ids:
            scope = Scope(frame)
            self._learn(scope)
            states = [self._leaves.get(one, scope) for one in tensors]
            spreads = list(map(self._leaves.shards.spread, tensors))
            owner.ids = ids
            owner.parts = parts_of(states, self._depth, spreads if any(spreads) else ())
            self._optimizers.number(optimizer, scope)
        return tensors

    def _measure(self, row: Row, tensors: list[torch.Tensor], thread: int) -> None:
        grads: list[Any]
        with self._leaves.touching():
            if not self._leaves.is_alone(thread):
                grads = [UNSEEN] * len(tensors)
            elif torch_facts.PLAIN_TYPES.issuperset(map(type, tensors)):
                grads = list(map(_grad, tensors))
            else:
                grads = list(map(_own_gradient, tensors))
            row.norms = norms_of(grads, self._rows.readings)
        row.is_double = not _DOUBLE.isdisjoint(map(_dtype, filter(torch.is_tensor, grads)))
        clips = self._clips.get(thread)
        if clips:
            held = frozenset(id(one) for one, grad in zip(tensors, grads, strict=True) if grad is not None)
            clip = next((one for one in reversed(clips) if one.parameters == held), None)
            if clip is not None:
                row.before = clip.total
                clips.remove(clip)

    def _rate(self, rate: Any) -> Reading:
        if type(rate) in (int, float):
            return Reading(rate)
        return self._rows.readings.number(rate) if may_read(rate) and rate.numel() == 1 else Reading()

    # Around what a GradScaler does.

    def _unscale(self, row: Row, optimizer: torch.optim.Optimizer) -> None:
        """A scaler leaves it to some optimizers to unscale, and to do nothing where something is not finite."""
        own = attributes(optimizer)
        scale, found = own.get("grad_scale"), own.get("found_inf")
        if may_read(scale) and scale.numel() == 1:
            row.scale = self._rows.readings.number(scale)
        if may_read(found) and found.numel() == 1:
            row.found_inf = self._rows.readings.number(found)

    def scaling_begins(self, scaler: Any, optimizer: Any) -> bool:
        """`GradScaler.step` begins; whether its end is of interest."""
        if attributes(scaler).get("_enabled") is not True or not is_optimizer(optimizer):
            return False
        self._scaled[threading.get_ident()] = (id(optimizer), False)
        return True

    def scaling_ends(self, optimizer: Any, frame: types.FrameType, place: Place | None, *, has_failed: bool) -> None:
        """It has ended; where it left the optimizer alone, a step was skipped."""
        thread = threading.get_ident()
        expected, has_stepped = self._scaled.pop(thread, (0, True))
        if has_stepped or has_failed or expected != id(optimizer):
            return
        owner = self._owner(optimizer, frame)
        owner.n_steps += 1
        if not self._rows.wants(owner.n_steps):
            return
        found = _groups(optimizer)
        tensors = self._parameters(optimizer, owner, found, frame)
        row = Row(owner.n_steps, [self._rate(rate) for rate, _ in found])
        row.is_skipped = True
        with torch.no_grad():
            self._measure(row, tensors, thread)
        self._scaled[thread] = (0, True)
        try:
            self._put(row, owner, self._optimizers.number(optimizer), place, thread)
        finally:
            self._scaled.pop(thread, None)

    def write(self) -> None:
        """Write down what is not written yet."""
        self._rows.write()

    def after_fork(self) -> None:
        """The child has begun no step; what the parent has measured is the parent's."""
        self._rows = NormRows(self._journal)
        for known in (self._owners, self._running, self._passes, self._clips, self._totals, self._scaled):
            known.clear()


def _groups(optimizer: torch.optim.Optimizer) -> Groups:
    """The param groups, without a look at each tensor where Python and torch alone say what they are."""
    found = listed(attributes(optimizer).get("param_groups"))
    if all(type(one) is dict and type(one.get("params")) is list for one in found):
        tensors = [one["params"].copy() for one in found]
        if all(torch_facts.PLAIN_TYPES.issuperset(map(type, some)) for some in tensors):
            return [(one.get("lr"), some) for one, some in zip(found, tensors, strict=True)]
    return [(rates.get("lr"), some) for rates, some in groups(optimizer)]


def _own_gradient(tensor: torch.Tensor) -> Any:
    """The gradient of a parameter; of one that is spread over ranks this rank's part of it."""
    if type(tensor) in torch_facts.PLAIN_TYPES:
        return _grad(tensor)
    spread = torch_facts.spread(tensor)
    if spread is None or not spread[0]:
        return UNSEEN
    grad = _grad(tensor)
    if grad is None:
        return None
    return torch_facts.local_part(grad) if torch_facts.is_placed_alike(tensor, grad) else UNSEEN


def _own_parts(tensors: list[torch.Tensor], parts: Parts) -> list[torch.Tensor]:
    """Parameters as one rank holds them, where all are spread in one way: what others hold can be added to that."""
    if not parts.spreads or len(set(parts.spreads)) > 1:
        return tensors
    return list(map(torch_facts.local_part, tensors))


def _whole(total: Any) -> Any:
    """A norm that every rank knows; one of which each rank has a part is nothing that may be read."""
    spread = torch_facts.spread(total)
    if spread is None:
        return total
    return torch_facts.local_part(total) if len(spread[0]) == spread[1] else None


def _depth(frame: types.FrameType | None) -> int:
    """How many frames stand below this one."""
    depth = 0
    while frame is not None and depth < _MOST_DEPTH:
        depth += 1
        frame = frame.f_back
    return depth
