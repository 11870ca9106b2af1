"""Optimizers: which leaves they own, when they zero, when they step."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from gradtrace.recorder import torch_facts
from gradtrace.recorder.invisible import hide, skipped_by_warnings
from gradtrace.recorder.sites import Place, user_frame

if TYPE_CHECKING:
    from gradtrace.recorder.cuts import CutWatch
    from gradtrace.recorder.names import Scope
    from gradtrace.recorder.session import Recorder


def user_place(frame: types.FrameType | None, call: str) -> Place | None:
    """The user's line from which this frame was reached."""
    frame = user_frame(frame)
    return None if frame is None else Place(frame.f_code, frame.f_lasti, call)


class _State:
    __slots__ = ("id", "name", "place", "record", "reference")

    def __init__(self, number: int, optimizer: torch.optim.Optimizer, place: Place | None) -> None:
        self.id = number
        self.reference = weakref.ref(optimizer)
        self.place = place
        self.name: str | None = None
        self.record: dict[str, Any] | None = None


class Optimizers:
    """The registry of live optimizers."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._states: dict[int, _State] = {}
        self._next = 0

    def get(self, optimizer: torch.optim.Optimizer, place: Place | None = None) -> _State:
        """The optimizer's state, new when it was not known."""
        state = self._states.get(id(optimizer))
        if state is None or state.reference() is not optimizer:
            state = self._states[id(optimizer)] = _State(self._next, optimizer, place)
            self._next += 1
        return state

    def forget_lines(self) -> None:
        """Define everything anew: the stream is a new one."""
        for state in self._states.values():
            state.record = None

    def number(self, optimizer: torch.optim.Optimizer, scope: Scope | None = None) -> int:
        """The optimizer's id, written down before its first use and again when its name is found."""
        state = self.get(optimizer)
        name = scope.optimizers.get(id(optimizer)) if scope is not None else None
        record = {
            "t": "optimizer",
            "id": state.id,
            "type": type(optimizer).__name__,
            "n_params": sum(len(group["params"]) for group in optimizer.param_groups),
            "name": state.name or name,
            "location": self._recorder.journal.place(state.place),
        }
        if record != state.record:
            state.name = state.name or name
            state.record = record
            self._recorder.journal.write(record)
        return state.id

    def owners(self, scope: Scope | None) -> dict[int, list[int]]:
        """For each owned tensor, by id of the live object, the ids of its optimizers."""
        owners: dict[int, list[int]] = {}
        for state in list(self._states.values()):
            optimizer = state.reference()
            if optimizer is None:
                continue
            number = self.number(optimizer, scope)
            for group in optimizer.param_groups:
                for tensor in group["params"]:
                    owners.setdefault(id(tensor), []).append(number)
        return owners

    def leaves_of(self, optimizer: torch.optim.Optimizer, scope: Scope | None) -> list[int]:
        """Ids of the leaves in its param groups, which are now known to be its own."""
        leaves, number = self._recorder.leaves, self.number(optimizer, scope)
        states = [
            leaves.get(one, scope) for group in optimizer.param_groups for one in group["params"] if one.requires_grad
        ]
        for state in states:
            if number not in state.owners:
                leaves.own(state, [*state.owners, number])
        return [state.id for state in states]


def watch_init(original: Callable[..., None], recorder: Recorder) -> Callable[..., None]:
    """Wrap `Optimizer.__init__` to learn of optimizers and where they were made."""

    @functools.wraps(original)
    def __init__(self: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        try:
            original(self, *args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        with recorder.guard():
            recorder.optimizers.get(self, user_place(_outside_init(sys._getframe(1), self), "Optimizer"))

    return skipped_by_warnings(__init__)


def _outside_init(frame: types.FrameType | None, optimizer: object) -> types.FrameType | None:
    """The frame that constructs it, outside the `__init__`s of its own classes (the user's subclasses among them)."""
    from gradtrace.recorder.sites import local

    while frame is not None and frame.f_code.co_name == "__init__" and local(frame, "self") is optimizer:
        frame = frame.f_back
    return frame


def watch_zero_grad(original: Callable[..., None], recorder: Recorder, *, of_optimizer: bool) -> Callable[..., None]:
    """Wrap `Optimizer.zero_grad` or `Module.zero_grad`: one event instead of one for every parameter."""

    @functools.wraps(original)
    def zero_grad(self: Any, *args: Any, **kwargs: Any) -> None:
        if torch_facts.is_compiling():
            return original(self, *args, **kwargs)
        events = recorder.events
        mode = recorder.mode_here()
        events.muted += 1
        was_active = mode is not None and mode.is_active
        if mode is not None:
            mode.is_active = False  # what is read and cleared inside is one event, and there may be thousands
        try:
            original(self, *args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        finally:
            events.muted -= 1
            if mode is not None:
                mode.is_active = was_active
        if not events.muted:
            with recorder.guard(), torch_facts.DisableTorchFunction():
                set_to_none = bool(args[0] if args else kwargs.get("set_to_none", True))
                recorder.zeroed(self, sys._getframe(1), set_to_none=set_to_none, of_optimizer=of_optimizer)
        return None

    return skipped_by_warnings(zero_grad)


def watch_steps(recorder: Recorder) -> Any:
    """Note every `Optimizer.step()`; returns the handle to undo it."""

    def after_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001
        if not torch_facts.is_compiling():
            with recorder.guard(), torch_facts.DisableTorchFunction():
                recorder.stepped(optimizer, sys._getframe(1))

    return register_optimizer_step_post_hook(skipped_by_warnings(after_step))


def watch_parameters(original: Any, recorder: Recorder, cuts: CutWatch | None) -> Any:
    """Wrap `nn.Parameter.__new__`: a parameter made of a result is a place where a graph is cut."""
    make = original.__func__ if isinstance(original, staticmethod) else original

    def __new__(cls: Any, data: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        try:
            parameter = make(cls, data, *args, **kwargs)
        except BaseException as error:
            hide(error)
            raise
        if cuts is not None and not torch_facts.is_compiling():
            with recorder.guard():
                cuts.parameter_made(data, parameter, sys._getframe(1))
        return parameter

    return staticmethod(skipped_by_warnings(__new__))
