"""Sees the forward computation: every call of torch that the program makes from Python, on one thread."""

from __future__ import annotations

import functools
import os
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import is_grad_enabled, is_inference_mode_enabled
from torch.overrides import TorchFunctionMode

from gradtrace.recorder import torch_facts
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.invisible import hide, is_our_line, plain_call, skipped_by_warnings
from gradtrace.recorder.looking import is_any_of
from gradtrace.recorder.sections import Quiet, is_watched
from gradtrace.recorder.sites import ModuleTable, is_internal

_PASSIVE, _NOTHING, _READ, _SET = CallKinds.PASSIVE, CallKinds.NOTHING, CallKinds.GRAD_GET, CallKinds.GRAD_SET
_COMPUTING = (_NOTHING, CallKinds.IN_PLACE, CallKinds.IN_PLACE_LIST)
_OF_GRAD = (CallKinds.GRAD_SET, CallKinds.GRAD_DELETE, CallKinds.GRAD_GET)

_sequence_number = torch_facts.sequence_number
_tracing_state = torch_facts.tracing_state
_anomaly_enabled = torch_facts.anomaly_enabled
_function = types.FunctionType
_attribute = types.MethodWrapperType
_GRAD, _leaf_flag = torch_facts.GRAD, torch_facts.leaf_flag
_getframe = sys._getframe
_OPTIMIZERS = torch_facts.TORCH_DIRECTORY + "optim" + os.sep
_OTHERS = tuple(f"{os.sep}{name}.py" for name in ("lbfgs", "lr_scheduler", "optimizer", "swa_utils"))
"""Files beside the optimizers; and that of one which runs passes itself."""
_plain = torch_facts.PLAIN_TYPES
_plain_ids = frozenset(map(id, _plain))
"""To look for a class without asking its metaclass: of a method's call torch names also plain types."""


class TorchCall(NamedTuple):
    """One call of torch that has returned.

    Attributes:
        func: what was called.
        kind: what it can mean for the ledger, of `CallKinds`.
        frame: from where; it must not be kept.
        before: the sequence number that the next node would get before the call.
        after: the same after it; equal if the call made no node.
    """

    func: Any
    kind: int
    args: Any
    kwargs: dict[str, Any]
    result: Any
    frame: types.FrameType
    before: int
    after: int

    @property
    def made_nodes(self) -> bool:
        """Whether anything was added to a graph."""
        return self.before != self.after


Observer = Callable[[TorchCall], None]


class ForwardMode(TorchFunctionMode):
    """The mode of one thread. What it does after a call asks nothing that the program could notice.

    Args:
        is_muted: whether what this thread does now is part of an event that is recorded as a whole.
        observers_wait: they want to hear only of calls that concern `.grad`, or make no node, and are not muted.
        in_optimizers: those of them that want to hear of a call of some kind, with these arguments, by which an
            optimizer of torch's computes a step.
    """

    def __init__(
        self,
        table: ForwardTable,
        modules: ModuleTable,
        kinds: CallKinds,
        observers: tuple[Observer, ...],
        failures: Failures,
        is_muted: Callable[[], bool],
        *,
        observers_wait: bool,
        in_optimizers: Callable[[int, Any], tuple[Observer, ...]],
    ) -> None:
        super().__init__()
        self.table = table
        self.is_active = True
        self.is_pushed = False
        """It was put on the stack of its thread, which torch takes it off for as long as it is at work."""
        self.n_only_placed = 0
        """Calls that are only counted: they made nodes and nothing else, or are part of another event, or of a step."""
        self.modules = modules
        self._kinds = kinds
        self._observers = observers
        self._failures = failures
        self._is_muted = is_muted
        self._observers_wait = observers_wait
        self._in_optimizers = in_optimizers

    def __torch_function__(self, func: Any, types_: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Make the call and note the nodes that it made."""
        frame = _getframe(1)
        if type(func) is _attribute and self._is_quick(func, args, frame):  # an optimizer reads thousands
            try:
                return func(*args)
            except BaseException as error:
                hide(error)
                raise
        before: int = _sequence_number()
        result: Any
        try:
            known = self.table.calls.get((id(frame.f_code), frame.f_lasti))
            caller = self._caller(frame) if known is None else _function(known[0], frame.f_globals)
            result = caller(func, args, kwargs or {})
        except BaseException as error:
            hide(error)
            raise
        try:
            if _anomaly_enabled():
                hide_in_anomaly(result, before)
            if self.is_active and _tracing_state() is None:
                kind = self._kinds.of(func)
                if kind != _PASSIVE:
                    is_plain = type(result) in _plain and (not types_ or _plain_ids.issuperset(map(id, types_)))
                    self._saw(func, kind, args, kwargs, result, frame, before, is_plain=is_plain)
        except BaseException as error:
            if not self._failures.absorb("a call of torch", error):
                raise
        return result

    def _is_quick(self, func: Any, args: Any, frame: types.FrameType) -> bool:
        """Whether an attribute is read or set of which no more is to be noted than that it was."""
        try:
            return self._is_all_one(func, args, frame)
        except BaseException as error:
            if not self._failures.absorb("a call of torch", error):
                raise
            return False

    def _is_all_one(self, func: Any, args: Any, frame: types.FrameType) -> bool:
        """Whether it is all one from where an attribute is read or set: it warns of nothing, and is only counted."""
        kind = self._kinds.known.get(func)
        if func.__self__ is _GRAD and not (type(args[0]) in _plain and _leaf_flag(args[0])):
            return False
        if kind == _PASSIVE:
            return True
        is_one_of_many = (kind == _READ and is_internal(frame.f_code)) or (
            kind == _SET and args[1] is None and self._is_muted()
        )
        if is_one_of_many and self.is_active and _tracing_state() is None:
            self.n_only_placed += 1
        return is_one_of_many

    def _saw(
        self,
        func: Any,
        kind: int,
        args: Any,
        kwargs: Any,
        result: Any,
        frame: types.FrameType,
        before: int,
        *,
        is_plain: bool,
    ) -> None:
        """Note a call that has returned; of plain tensors alone nothing else can see what our code does."""
        after = _sequence_number()
        if before == after and self._is_part_of_another(kind, frame):
            self.n_only_placed += 1
            return
        observers = self._observers
        if before == after and kind in _COMPUTING and _computes_step(frame.f_code):
            observers = self._in_optimizers(kind, args)
            if kind == _NOTHING or not observers:
                self.n_only_placed += 1
            if not observers:
                return
        is_plain = is_plain and not is_watched()
        if self._observers_wait and is_plain and kind == _NOTHING and after != before:
            self.n_only_placed += 1
            self._place(func, frame, before, after, result)
            return
        seen = TorchCall(func, kind, args, kwargs or {}, result, frame, before, after)
        if is_plain:
            self._note(seen, observers)
        else:
            with Quiet():
                self._note(seen, observers)

    def _is_part_of_another(self, kind: int, frame: types.FrameType) -> bool:
        """Whether a call that made no node is one of many by which torch does what is seen as a whole."""
        if kind == CallKinds.GRAD_GET and is_internal(frame.f_code):
            return True
        return (self._observers_wait or kind in _OF_GRAD) and self._is_muted()

    def _caller(self, frame: types.FrameType) -> Callable[..., Any]:
        """What makes the call in the name of this frame, where that is not known already."""
        try:
            return _function(self.table.calling_code(frame), frame.f_globals)
        except BaseException as error:
            if not self._failures.absorb("a call of torch", error):
                raise
            return plain_call

    def _place(self, func: Any, frame: types.FrameType, before: int, after: int, result: Any) -> None:
        table = self.table
        table.add(before, after, table.origin_at(frame, getattr(func, "__name__", ""), self.modules))
        table.note_result(result)

    def _note(self, seen: TorchCall, observers: tuple[Observer, ...]) -> None:
        if seen.before != seen.after:
            self._place(seen.func, seen.frame, seen.before, seen.after, seen.result)
        for observe in observers:
            try:
                observe(seen)
            except BaseException as error:
                if not self._failures.absorb("a call of torch", error):
                    raise


skipped_by_warnings(ForwardMode.__torch_function__)


def _computes_step(code: types.CodeType) -> bool:
    """Whether a code is that of an optimizer of torch's which computes a step, without gradients."""
    return _is_optimizers(code.co_filename) and not is_grad_enabled() and not is_inference_mode_enabled()


@functools.lru_cache(maxsize=10_000)
def _is_optimizers(file: str) -> bool:
    return file.startswith(_OPTIMIZERS) and not file.endswith(_OTHERS)


def hide_in_anomaly(result: Any, before: int) -> None:
    """Take our frames out of the stacks which anomaly mode keeps with the nodes that were made from this number on."""
    stack = [one.grad_fn for one in (result if is_any_of(result, tuple, list) else (result,)) if type(one) in _plain]
    seen: set[Any] = set()
    while stack:
        node = stack.pop()
        if node is None or node in seen or not before <= node._sequence_nr() < torch_facts.NO_SEQUENCE:
            continue
        seen.add(node)
        lines = node.metadata.get(torch_facts.ANOMALY_STACK)
        if type(lines) is list:
            lines[:] = [line for line in lines if not is_our_line(line)]
        stack.extend(child for child, _ in node.next_functions)
