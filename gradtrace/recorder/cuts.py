"""Watches for places where a value leaves the graph, and for where it comes back as a constant.

Only when facts for a diagnosis are asked for: it looks at the arguments and results of every call. A result that
requires no grad although an argument does is a cut; what is computed from such a result is followed until it enters a
graph again. Results are followed by weak references, numbers by their value (`item()` gives a float, and a float that
equals it comes back), so nothing is kept alive.
"""

from __future__ import annotations

import inspect
import types
import weakref
from collections.abc import Callable
from typing import Any

import torch

from gradtrace.model.kinds import CutKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.custom_functions import is_forward
from gradtrace.recorder.cut import Cut
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.looking import is_any_of, is_tensor, module_of
from gradtrace.recorder.names import Names, assigned_names
from gradtrace.recorder.sites import Place, locals_of, running_module, user_place
from gradtrace.recorder.switches import switched_off_by

_MAX_CUTS = 2_000
_MAX_TAINTED = 100_000
_MAX_CARRIED = 20_000
"""Nodes of earlier streams of which it is known what they took in."""
_MAX_UPSTREAM = 20_000
_MAX_LISTED = 64
_MAX_LEAVES = 2_000
_MAX_NUMBERS = 256

_BY_NAME = {
    "detach": CutKind.DETACH,
    "detach_": CutKind.DETACH,
    "item": CutKind.ITEM,
    "tolist": CutKind.TOLIST,
    "numpy": CutKind.NUMPY,
    "__array__": CutKind.NUMPY,
    "__float__": CutKind.NUMBER,
    "__int__": CutKind.NUMBER,
    "__complex__": CutKind.NUMBER,
    "__bool__": CutKind.NUMBER,
    "__index__": CutKind.NUMBER,
    "tensor": CutKind.NEW_TENSOR,
    "as_tensor": CutKind.NEW_TENSOR,
    "Tensor": CutKind.NEW_TENSOR,
    "asarray": CutKind.NEW_TENSOR,
}
_STEPS = frozenset({"sign", "sgn", "round", "floor", "ceil", "trunc", "heaviside"})
"""Functions whose results are constant piece by piece."""
_NO_DATA = frozenset(
    {
        "zeros_like", "ones_like", "empty_like", "rand_like", "randn_like", "randint_like", "full_like",
        "new_zeros", "new_ones", "new_empty", "new_full", "new_tensor", "type_as",
        "is_floating_point", "is_complex", "size", "stride", "dim", "numel", "__len__", "storage_offset",
        "data_ptr", "untyped_storage", "is_contiguous", "element_size", "get_device", "_is_view",
        "requires_grad_", "register_hook", "retain_grad", "__repr__", "__format__", "__hash__",
        "allclose", "equal", "isfinite", "isnan", "isinf", "is_nonzero",
    }
)  # fmt: skip
"""Functions that take nothing from a tensor but its shape, or look at it in passing."""


class CutWatch:
    """The cuts of a process, one for each place and kind."""

    def __init__(
        self, journal: Journal, leaves: Leaves, names: Names, find_table: Callable[[], ForwardTable | None]
    ) -> None:
        self._journal = journal
        self._leaves = leaves
        self._names = names
        self._find_table = find_table
        self._cuts: dict[tuple[tuple[int, ...], CutKind], Cut] = {}
        """Those that happened since this stream began."""
        self._written: list[Cut] = []
        """By their numbers in this stream."""
        self._tainted: dict[int, tuple[weakref.ref[torch.Tensor], Cut]] = {}
        self._numbers: dict[float, Cut] = {}
        self._reentries: dict[int, list[Cut]] = {}
        self._taken_in: dict[int, list[Cut]] = {}
        """By sequence number of a node: the cuts whose values it took in as constants."""

    def saw(self, seen: TorchCall) -> None:
        """Look at one call."""
        args, kwargs, result, frame = seen.args, seen.kwargs, seen.result, seen.frame
        if _stays_tracked(seen) or (name := _called(seen.func)) is None or torch_facts.is_of_sharding(frame.f_code):
            return
        nodes = (seen.before, seen.after)
        tensors = tensors_among(args, kwargs)
        if nodes[0] != nodes[1]:
            self._reenter(tensors, args, kwargs, frame, nodes)
            if is_tensor(result) and result.requires_grad:
                return
        cut_off = [one for one in tensors if one.requires_grad]
        if cut_off and _is_sequence(result) and nodes[0] != nodes[1]:
            indices = tuple(
                one for one in result if is_tensor(one) and not (one.is_floating_point() or one.is_complex())
            )
            if indices:
                self._add(CutKind.NOT_DIFFERENTIABLE, name, cut_off, indices, frame)
            return
        if cut_off and not _requires_grad(result):
            kind = self._kind(name, result)
            if kind is not None:
                cut = self._add(kind, name, cut_off, result, frame)
                if cut is not None and len(tensors) > len(cut_off):
                    self._link(cut, tensors)
                return
        known = self._known(tensors)
        if known is not None and nodes[0] == nodes[1]:
            self._follow(name, result, known)

    def _link(self, cut: Cut, tensors: list[torch.Tensor]) -> None:
        """Note which other cuts went into this one: where its value comes back, so do theirs."""
        for one in tensors:
            known = self._tainted.get(id(one))
            if known is not None and known[0]() is one and known[1] is not cut and len(cut.before) < _MAX_LISTED:
                cut.before[known[1]] = None

    def _kind(self, name: str, result: Any) -> CutKind | None:
        if name in _BY_NAME:
            return _BY_NAME[name]
        if name == "data":
            return CutKind.DATA
        if not is_tensor(result) and not _is_sequence(result):
            return None
        if torch.is_inference_mode_enabled():
            return CutKind.INFERENCE_MODE
        if not torch.is_grad_enabled():
            return CutKind.NO_GRAD
        one = result if is_tensor(result) else next((x for x in result if is_tensor(x)), None)
        if one is not None and not (one.is_floating_point() or one.is_complex()):
            return CutKind.NOT_DIFFERENTIABLE
        return None

    def _add(
        self, kind: CutKind, call: str, cut_off: list[torch.Tensor], result: Any, frame: types.FrameType
    ) -> Cut | None:
        file = frame.f_code.co_filename
        if file == torch_facts.PRINTING or (kind == CutKind.NO_GRAD and f"{torch.__name__}/optim" in file):
            return None
        place = user_place(frame, call)
        if place is None:
            return None
        key = (place.key, kind)
        cut = self._cuts.get(key)
        if cut is not None:
            cut.count += 1
        elif len(self._cuts) < _MAX_CUTS:
            cut = self._cuts[key] = self._described(kind, call, cut_off, place, frame)
            cut.is_of_inputs = cut.is_inside_function and _are_inputs(cut_off, frame)
            self._number(cut)
        if cut is not None:
            self._take_leaves(cut, cut_off)
            self._follow(call, result, cut)
        return cut

    def _follow(self, call: str, result: Any, cut: Cut) -> None:
        """Know from now on that a result comes from a cut; inside a Function not if no derivative is lost with it."""
        if not (cut.is_inside_function and _is_in_steps(call, result)):
            self._taint(result, cut)

    def _take_leaves(self, cut: Cut, cut_off: list[torch.Tensor]) -> None:
        """Note the leaves that went in at a later time; what derives from others is looked through the first time."""
        cut.is_of_leaves = cut.is_of_leaves and all(one.is_leaf for one in cut_off)
        for one in cut_off:
            if one.is_leaf and not torch_facts.is_written_view(one) and len(cut.leaves) < _MAX_LEAVES:
                self._take_leaf(cut, one)

    def _take_leaf(self, cut: Cut, leaf: torch.Tensor) -> None:
        number = self._leaves.get(leaf, None).id
        if number not in cut.leaves:
            cut.leaves[number] = weakref.ref(leaf)

    def _number(self, cut: Cut) -> int:
        """The number of a cut in this stream, where it is written if it is not yet."""
        if cut.number is None:
            leaves = [leaf for reference in cut.leaves.values() if (leaf := reference()) is not None]
            cut.leaves = {}
            for leaf in leaves:
                self._take_leaf(cut, leaf)
            cut.number = len(self._written)
            self._written.append(cut)
            self._write(cut)
        return cut.number

    def _write(self, cut: Cut) -> None:
        cut.known = cut.changes()
        self._journal.write(cut.record(self._journal))

    def _described(
        self, kind: CutKind, call: str, cut_off: list[torch.Tensor], place: Place, frame: types.FrameType
    ) -> Cut:
        location = self._journal.place(place)
        names = assigned_names(self._journal.location(location)) if location is not None else ()
        module = running_module(frame)
        is_off = kind in (CutKind.NO_GRAD, CutKind.INFERENCE_MODE)
        switch = switched_off_by(frame) if is_off else None
        cut = Cut(kind, call, place, switch)
        cut.source = self._name(cut_off[0])
        cut.name = names[0] if len(names) == 1 else None
        cut.module = None if module is None else self._names.module_path(module)
        for leaf in self._leaves_above(cut_off):
            self._take_leaf(cut, leaf)
        return cut

    def _name(self, tensor: torch.Tensor) -> str | None:
        """What the value that is cut off is called: its leaf's name, or what its line assigned it to."""
        if torch_facts.is_written_view(tensor):
            return None
        if tensor.is_leaf:
            state = self._leaves.find(tensor)
            return state.name if state is not None and state.is_named else None
        table = self._find_table()
        node = tensor.grad_fn
        if table is None or node is None:
            return None
        position = table.find(node._sequence_nr())
        if position < 0:
            return None
        location = self._journal.place(table.origins[table.origin_numbers[position]].place)
        names = () if location is None else assigned_names(self._journal.location(location))
        return names[0] if len(names) == 1 else None

    def _leaves_above(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        leaves: dict[int, torch.Tensor] = {}
        seen: set[Any] = set()
        stack: list[Any] = []
        for tensor in tensors:
            if torch_facts.is_written_view(tensor):
                continue
            if tensor.grad_fn is None:
                leaves[id(tensor)] = tensor
            else:
                stack.append(tensor.grad_fn)
        while stack and len(seen) < _MAX_UPSTREAM:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            variable = getattr(node, "variable", None)
            if is_tensor(variable):
                leaves[id(variable)] = variable
            stack.extend(child for child, _ in node.next_functions if child is not None)
        return list(leaves.values())

    def _taint(self, result: Any, cut: Cut) -> None:
        """Follow what came out of a cut."""
        if is_tensor(result):
            if not result.requires_grad:
                if len(self._tainted) > _MAX_TAINTED:
                    self._tainted.clear()
                self._tainted[id(result)] = (weakref.ref(result), cut)
        elif type(result) is float:
            self._follow_number(result, cut)
        elif _is_sequence(result):
            for one in result[:_MAX_LISTED]:
                self._taint(one, cut)

    def _follow_number(self, number: float, cut: Cut) -> None:
        if number not in (0.0, 1.0, -1.0) and number == number:  # noqa: PLR0124
            if len(self._numbers) >= _MAX_NUMBERS:
                del self._numbers[next(iter(self._numbers))]
            self._numbers[number] = cut

    def _known(self, tensors: list[torch.Tensor]) -> Cut | None:
        for one in tensors:
            known = self._tainted.get(id(one))
            if known is not None and known[0]() is one and not one.requires_grad:
                return known[1]
        return None

    def _reenter(
        self, tensors: list[torch.Tensor], args: Any, kwargs: Any, frame: types.FrameType, nodes: tuple[int, int]
    ) -> None:
        """A call that made nodes: does it take in anything that was cut off?"""
        cuts = dict.fromkeys(
            known[1]
            for one in tensors
            if (known := self._tainted.get(id(one))) is not None
            and known[0]() is one
            and not (one.requires_grad and known[1].is_of_inputs)
        )
        if self._numbers:
            numbers = (one for one in (*args, *kwargs.values()) if type(one) is float and one in self._numbers)
            cuts |= dict.fromkeys(self._numbers[one] for one in numbers)
        for cut in cuts:
            if cut.reentry is None:
                cut.reentry = user_place(frame, "")
            if len(self._reentries) < _MAX_TAINTED:
                for sequence in range(*nodes):
                    self._reentries.setdefault(sequence, []).append(cut)
                # What a call makes last is what it was called for: of linear() the product, not the transposed weight.
                self._taken_in.setdefault(nodes[1] - 1, []).append(cut)

    def cut_of(self, tensor: torch.Tensor) -> int | None:
        """The number of the cut that a tensor comes from, if it is known to come from one."""
        known = self._tainted.get(id(tensor))
        return self._number(known[1]) if known is not None and known[0]() is tensor else None

    def graph_walked(self, sequence_numbers: Any, index: int) -> None:
        """Note which cuts the graph of a pass has taken in."""
        if self._reentries:
            for node, sequence in enumerate(sequence_numbers):
                for cut in self._reentries.get(sequence, ()):
                    self._number(cut)
                    cut.passes[index] = None
                for cut in self._taken_in.get(sequence, ()):
                    self._taken_first(cut, index, node, sequence)

    def _taken_first(self, cut: Cut, index: int, node: int, sequence: int) -> None:
        """Of several nodes of a pass that took the value in, keep the one that was made first."""
        if cut.first is None or cut.first[0] != index or sequence < cut.first[1]:
            cut.first = (index, sequence)
            cut.nodes[index] = node

    def gradients_returned(self, result: Any, roots: Any, frame: types.FrameType) -> None:
        """What `autograd.grad` gives back: constants, unless it was asked to create a graph."""
        found = tuple(one for one in result if is_tensor(one)) if type(result) is tuple else ()
        if found and not _requires_grad(found):
            self._add(CutKind.GRADIENT, "grad", list(roots), found, frame)

    def parameter_made(self, data: Any, parameter: torch.Tensor, frame: types.FrameType) -> None:
        """`nn.Parameter(data)` of a result: a new leaf that knows nothing of where its value came from."""
        if is_tensor(data) and data.grad_fn is not None:
            self._add(CutKind.PARAMETER, "Parameter", [data], None, frame)
            cut = self._cuts.get(self._key(frame, CutKind.PARAMETER))
            if cut is not None:
                self._tainted[id(parameter)] = (weakref.ref(parameter), cut)

    def _key(self, frame: types.FrameType, kind: CutKind) -> tuple[tuple[int, ...], CutKind]:
        place = user_place(frame, "")
        return (() if place is None else place.key, kind)

    def after_fork(self) -> None:
        """The stream is a new one; what was cut off before may come back in it."""
        for cut in self._written:
            cut.begin_stream()
        self._cuts, self._written, self._numbers = {}, [], {}  # a number that comes later may be equal by chance
        self._tainted = {number: one for number, one in self._tainted.copy().items() if one[0]() is not None}
        for known in (self._reentries, self._taken_in):
            for sequence in list(known)[: max(0, len(known) - _MAX_CARRIED)]:
                del known[sequence]

    def _pass_back(self) -> None:
        """Tell the cuts whose values went into others where those came back."""
        waiting = [cut for cut in self._written if cut.before and cut.passes]
        while waiting:
            cut = waiting.pop()
            for earlier in cut.before:
                if not cut.passes.keys() <= earlier.passes.keys():
                    self._number(earlier)
                    earlier.passes.update(cut.passes)
                    earlier.reentry = earlier.reentry or cut.reentry
                    if earlier.before:
                        waiting.append(earlier)

    def write(self) -> None:
        """Write every cut again of which more is known by now."""
        self._pass_back()
        for cut in self._written:
            if cut.known != cut.changes():
                self._write(cut)


def _are_inputs(tensors: list[torch.Tensor], frame: types.FrameType) -> bool:
    """Whether tensors are arguments of the custom Function whose `forward` makes the call."""
    outer: types.FrameType | None = frame
    while outer is not None:
        if is_forward(outer.f_code):
            return {id(one) for one in tensors} <= _arguments(outer)
        outer = outer.f_back
    return False


def _arguments(frame: types.FrameType) -> set[int]:
    """The ids of what a function was given, and of what stands in its `*args`; not of what it takes from around it."""
    code = frame.f_code
    n_names = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARARGS)
    found = locals_of(frame)
    values = [found[name] for name in code.co_varnames[:n_names] if name in found]
    return {id(one) for value in values for one in (value if type(value) is tuple else (value,))}


def _is_in_steps(call: str, result: Any) -> bool:
    """Whether a result is constant piece by piece, so that no derivative is lost with it."""
    return call in _STEPS or (is_tensor(result) and not (result.is_floating_point() or result.is_complex()))


def tensors_among(args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The tensors among the arguments, one level into lists."""
    found: list[torch.Tensor] = []
    for one in (*args, *kwargs.values()):
        if is_tensor(one):
            found.append(one)
        elif _is_sequence(one):
            found.extend(x for x in one[:_MAX_LISTED] if is_tensor(x))
    return found


def _is_sequence(value: Any) -> bool:
    """Whether it is a tuple (also of what torch returns by name) or a list, and no class of the program's."""
    kind = type(value)
    return is_any_of(value, tuple, list) or (issubclass(kind, tuple) and module_of(kind).startswith("torch."))


def _stays_tracked(seen: TorchCall) -> bool:
    """Whether the result is no constant and nothing was cut off, as of a parameter that an optimizer has written to."""
    return seen.before == seen.after and is_tensor(seen.result) and seen.result.requires_grad


def _called(func: Any) -> str | None:
    """The name of a function that can take a value out of a graph; None for one that cannot."""
    name: str = getattr(func, "__name__", "")
    if name == "__get__":
        return "data" if getattr(getattr(func, "__self__", None), "__name__", "") == "data" else None
    return None if name in _NO_DATA or name in ("__set__", "__delete__") else name


def _requires_grad(result: Any) -> bool:
    if is_tensor(result):
        return result.requires_grad
    return _is_sequence(result) and any(is_tensor(one) and one.requires_grad for one in result)
