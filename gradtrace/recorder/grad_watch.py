"""Watches what the program does to `.grad` by itself, and what it asks of autograd: hooks, `retain_grad`."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.names import assigned_names
from gradtrace.recorder.optimizers import user_place
from gradtrace.recorder.sites import is_internal, locals_of

if TYPE_CHECKING:
    from gradtrace.recorder.leaves import LeafState
    from gradtrace.recorder.session import Recorder

(
    PASSIVE,
    NOTHING,
    _IN_PLACE,
    _IN_PLACE_LIST,
    _GRAD_SET,
    _GRAD_DELETE,
    _GRAD_GET,
    _RETAIN,
    _HOOKS,
    _SWITCH,
    _FUSED,
) = range(11)
"""`PASSIVE` is reading an attribute: it makes no node and changes nothing. A step of an optimizer reads thousands."""

_PASSIVE_ATTRIBUTES = frozenset(
    (
        *("grad", "grad_fn", "shape", "dtype", "device", "layout", "ndim", "requires_grad", "is_leaf", "output_nr"),
        *("is_sparse", "is_sparse_csr", "is_nested", "is_quantized", "is_mkldnn", "is_meta", "itemsize", "nbytes"),
        *("is_cpu", "is_cuda", "is_mps", "is_xpu", "is_xla", "is_ipu", "is_mtia", "is_vulkan", "is_maia"),
    )
)
_IN_PLACE_DUNDERS = frozenset(
    f"__{name}__" for name in ("setitem", "iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "idiv")
)
_MAX_COUNTED = 50_000
_CLEARING = frozenset({"zero_", "_foreach_zero_"})


def _kind(func: Any) -> int:
    """What a function of torch does that concerns the ledger."""
    name = getattr(func, "__name__", "")
    if name in ("__set__", "__delete__", "__get__"):
        attribute = getattr(getattr(func, "__self__", None), "__name__", "")
        if attribute == "requires_grad" and name == "__set__":
            return _SWITCH
        if attribute == "grad":
            return _GRAD_GET if name == "__get__" else _GRAD_SET if name == "__set__" else _GRAD_DELETE
        if attribute == "_backward_hooks":
            return _HOOKS
        return PASSIVE if name == "__get__" and attribute in _PASSIVE_ATTRIBUTES else NOTHING
    if name == "requires_grad_":
        return _SWITCH
    if name == "retain_grad":
        return _RETAIN
    if name.startswith(("_foreach_", "_amp_foreach_")) and name.endswith("_"):
        return _IN_PLACE_LIST
    if name.startswith("_fused_"):
        return _FUSED
    if (name.endswith("_") and not name.endswith("__")) or name in _IN_PLACE_DUNDERS:
        return _IN_PLACE
    return NOTHING


class GradWatch:
    """Looks at each call that a mode has seen."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.kinds: dict[Any, int] = {}
        """What is known of functions; filled by `kind_of`."""
        self.n_calls = 0
        self.n_without_grad = 0
        self._handlers: dict[int, Callable[[Any, Any, Any, types.FrameType], None]] = {
            _IN_PLACE: lambda func, args, _, frame: self._wrote(args[:1], func, frame),
            _IN_PLACE_LIST: lambda func, args, _, frame: self._wrote(args[0], func, frame),
            _FUSED: lambda func, args, _, frame: self._wrote(args[0], func, frame),
            _GRAD_SET: lambda _, args, __, frame: self._assigned(args[0], args[1], frame),
            _GRAD_DELETE: lambda _, args, __, frame: self._assigned(args[0], None, frame),
            _GRAD_GET: lambda _, args, result, frame: self._read(args[0], result, frame),
            _RETAIN: lambda _, args, __, ___: self._retained(args[0]),
            _HOOKS: lambda _, args, __, frame: self._hooked(args[0], frame),
            _SWITCH: lambda _, args, __, frame: self._switched(args[0], frame),
        }

    def failed(self, error: Exception) -> None:
        """Something of ours went wrong: the recorder ends, the program goes on."""
        self._recorder.fail(error)

    def kind_of(self, func: Any) -> int:
        """What calls of this function can mean for the ledger."""
        kind = _kind(func)
        if kind == _GRAD_GET and not self._recorder.config.facts:
            kind = PASSIVE
        self.kinds[func] = kind
        return kind

    def saw(self, kind: int, func: Any, args: Any, result: Any, frame: types.FrameType, made_nodes: bool) -> None:
        """Note what this call means for the ledger."""
        self.n_calls += 1
        if kind == NOTHING:
            if not made_nodes and self.n_calls < _MAX_COUNTED:
                self._count_untracked(args, result, frame)
            return
        self._handlers[kind](func, args, result, frame)

    def _count_untracked(self, args: Any, result: Any, frame: types.FrameType) -> None:
        if not isinstance(result, torch.Tensor) or torch.is_grad_enabled() or not result.is_floating_point():
            return
        if any(isinstance(one, torch.Tensor) and one.requires_grad for one in args) and not _in_optimizer(frame):
            self.n_without_grad += 1
            if self.n_without_grad == 1:
                self._recorder.first_without_grad = user_place(frame, "")

    def _wrote(self, targets: Any, func: Any, frame: types.FrameType) -> None:
        writes = self._recorder.writes
        if writes is not None:
            writes.saw(targets, _torch_call(frame) or func.__name__, frame)
        by_grad = self._recorder.leaves.by_grad
        if not by_grad or self._recorder.events.muted:
            return
        touched: list[LeafState] = []
        for target in targets:
            if type(target) not in torch_facts.PLAIN_TYPES or target.layout is not torch.strided:
                continue
            state = by_grad.get(torch_facts.pointer(target))
            if state is not None and state not in touched:
                touched.append(state)
        if not touched:
            return
        name = func.__name__
        cleared = name in _CLEARING
        self._event("grad_cleared" if cleared else "grad_modified", touched, frame, name, False if cleared else None)

    def _assigned(self, tensor: torch.Tensor, value: torch.Tensor | None, frame: types.FrameType) -> None:
        if self._recorder.events.muted:
            return
        state = self._recorder.leaves.find(tensor)
        if state is None:
            return
        if value is None:
            self._event("grad_cleared", [state], frame, "Tensor.grad = None", True)
        else:
            self._event("grad_modified", [state], frame, "Tensor.grad = ...", None)
        self._recorder.leaves.remember(state, value)

    def _event(
        self, kind: str, states: list[LeafState], frame: types.FrameType, name: str, set_to_none: bool | None
    ) -> None:
        call = _torch_call(frame) or name
        place = user_place(frame, call)
        self._recorder.events.add(kind, [state.id for state in states], place, call=call, set_to_none=set_to_none)

    def _read(self, tensor: torch.Tensor, grad: torch.Tensor | None, frame: types.FrameType) -> None:
        """The program itself looked at a `.grad`: it is None, or another variable stands for it already."""
        if not self._recorder.config.facts or is_internal(frame.f_code):
            return
        if grad is not None:
            self._named_twice(tensor, grad, frame)
            return
        state = self._recorder.leaves.find(tensor) if tensor.is_leaf else None
        call = "leaf" if tensor.is_leaf else "non-leaf"
        self._recorder.events.add("grad_read", [] if state is None else [state.id], user_place(frame, call), call=call)

    def _named_twice(self, tensor: torch.Tensor, grad: torch.Tensor, frame: types.FrameType) -> None:
        """A variable from an earlier read, or a list, holds the tensor that is read now: no copy was made."""
        holder = holder_of(grad, frame)
        state = None if holder is None else self._recorder.leaves.find(tensor)
        place = None if state is None else user_place(frame, "grad")
        if holder is None or state is None or place is None:
            return
        number = self._recorder.journal.place(place)
        if number is None or holder not in assigned_names(self._recorder.journal.location(number)):
            self._recorder.events.add("grad_alias", [state.id], place, call=holder)

    def _switched(self, tensor: torch.Tensor, frame: types.FrameType) -> None:
        """`requires_grad` was set: who did it, is what explains a leaf without a gradient."""
        if not self._recorder.config.facts or not tensor.is_leaf:
            return
        call = f"requires_grad = {tensor.requires_grad}"
        state = self._recorder.leaves.get(tensor, None)
        self._recorder.events.add("requires_grad", [state.id], user_place(frame, call), call=call)

    def _retained(self, tensor: torch.Tensor) -> None:
        node, table = tensor.grad_fn, self._recorder.table()
        if node is not None and table is not None:
            table.retained.add((node._sequence_nr(), tensor.output_nr))

    def _hooked(self, tensor: torch.Tensor, frame: types.FrameType) -> None:
        if frame.f_code.co_name != "register_hook":
            return
        table = self._recorder.table()
        hooks = tensor._backward_hooks
        node = tensor.grad_fn
        if table is None or hooks is None or node is None:
            return
        key = (node._sequence_nr(), tensor.output_nr)
        place = user_place(frame, "register_hook")
        known = table.hooked.setdefault(key, (weakref.ref(hooks), []))
        if place is not None and place not in known[1]:
            known[1].append(place)


def _torch_call(frame: types.FrameType) -> str:
    """The function of torch which the user called, such as `clip_grad_norm_`; "" when it was the operation itself."""
    name = ""
    current: types.FrameType | None = frame
    while current is not None and is_internal(current.f_code):
        if not current.f_code.co_name.startswith(("_", "<", "wrap", "inner", "decorate")):
            name = current.f_code.co_name
        current = current.f_back
    return name


def _in_optimizer(frame: types.FrameType) -> bool:
    return "optim" in frame.f_code.co_filename


def holder_of(grad: torch.Tensor, frame: types.FrameType) -> str | None:
    """The name of a variable of the frame, or of its caller in the same file, that is the tensor or lists it."""
    scopes = [locals_of(frame)]
    if frame.f_back is not None and frame.f_back.f_code.co_filename == frame.f_code.co_filename:
        scopes.append(locals_of(frame.f_back))
    for scope in scopes:
        for name, value in scope.items():
            if value is grad or (isinstance(value, list | tuple) and any(one is grad for one in value[:_MAX_LISTED])):
                return name
    return None


_MAX_LISTED = 100
