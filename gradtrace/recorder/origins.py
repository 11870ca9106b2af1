"""Where a number that is not finite came from, found in what a graph still holds.

Nobody asks each forward result whether it is finite. When a root or a gradient is not, the tensors that the nodes
below it saved are still there: what a node saved of an argument is the result of the node below, and of small results
the values are known. What is known of neither is computed again where that is one elementwise operation; a result of
which nothing is known lets through what is known of its inputs. An operation is an origin if a NaN came out of it and
none went in, or an infinity and only finite numbers went in. What no operation made and holds a NaN, or is a leaf that
is not finite, is reported at the operation that takes it in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from gradtrace.model.needs import ALL
from gradtrace.recorder import torch_facts
from gradtrace.recorder.forward_table import ForwardTable, Result
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.measure import Measurements, has_memory, is_finite, is_readable, words_for_infinity
from gradtrace.recorder.node_types import type_of
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.slot_names import slot_inputs
from gradtrace.recorder.tables import FLOATS, Tables

Node = Any

_RESULTS = {"result": 0, "output": 0, "result0": 0, "result1": 1, "result2": 2, "U": 0, "S": 1, "Vh": 2}
"""Names under which nodes save what they returned, and which output that is."""
_ONE_ARGUMENT = frozenset(
    {"abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "digamma", "erf", "erfinv", "exp", "exp2"}
    | {"expm1", "lgamma", "log", "log10", "log1p", "log2", "neg", "reciprocal", "relu", "rsqrt", "sigmoid", "sin"}
    | {"sinh", "sqrt", "tan", "tanh"}
)
_TWO_ARGUMENTS = frozenset({"add", "sub", "mul", "div", "xlogy"})
_HARMLESS = frozenset(
    {"abs", "accumulate_grad", "as_strided", "atan", "cat", "clamp", "clone", "cos", "detach", "dropout", "erf"}
    | {"expand", "gather", "gelu", "hardtanh", "index", "index_select", "leaf", "leaky_relu", "max"}
    | {"max_pool2d_with_indices", "min", "native_dropout", "neg", "permute", "relu", "repeat", "reshape"}
    | {"reshape_alias", "select", "sigmoid", "sin", "slice", "split", "squeeze", "stack", "t", "tanh", "threshold"}
    | {"transpose", "unbind", "unsafe_view", "unsqueeze", "view", "where"}
)
"""What gives finite results for finite arguments."""
_UNLIKELY = frozenset({"mean", "sum"})
"""What seldom gives others; then it is rather what went in, of which nothing is known."""
_MOST_ELEMENTS = 1 << 26
"""So many elements of results that are computed again are held at once."""
_MOST_INPUTS = 16
_MOST_ORIGINS = 32
_MOST_TOLD = 4


class Known:
    """What is known of one tensor: itself, or a small result; with neither, that it is finite."""

    __slots__ = ("_result", "has_nan", "is_finite", "tensor")

    def __init__(self, tensor: torch.Tensor | None, result: Result | None = None) -> None:
        self.tensor = tensor
        self._result = result
        self.is_finite, self.has_nan = True, False
        if tensor is not None:
            self.is_finite = is_finite(tensor)
            self.has_nan = not self.is_finite and bool(torch.isnan(tensor).any())
        elif result is not None:
            _, dtype, elements = result
            if dtype in FLOATS:
                self.is_finite = all(map(math.isfinite, elements))
                self.has_nan = any(map(math.isnan, elements))
            else:
                words = list(words_for_infinity(elements))
                self.is_finite = not words
                self.has_nan = any("nan" in word for word in words)

    def row(self, tables: Tables, value_limit: int) -> list[Any] | None:
        """All of its statistics, as a row; None where only that it is finite is known."""
        measured = Measurements(tables, value_limit, ALL)
        if self._result is not None:
            return measured.row(measured.add_elements(*self._result))
        return None if self.tensor is None else measured.row(measured.add(self.tensor))


class Origin(NamedTuple):
    """An operation from which something not finite came.

    Attributes:
        call: what the operation is called.
        inputs: what went in, as far as it is known.
        is_exact: all that went in is known; else it may have come from a place shortly before.
        is_given: the operation made nothing of this: `output` is what it was given.
        leaf: which leaf that is, if it is one.
    """

    node: Node
    call: str
    output: Known
    inputs: tuple[Known, ...]
    is_exact: bool
    is_given: bool = False
    leaf: torch.Tensor | None = None


class Origins:
    """Looks once through the nodes of a walk.

    Args:
        ids: the nodes with their numbers.
        roots: nodes, outputs and tensors at which the pass begins, as far as there are tensors.
        tables: forward tables, in which values of small results stand.
        may_unpack: to look at what was saved may be to unpack it: nobody's hooks would run.
    """

    def __init__(
        self,
        ids: dict[Node, int],
        roots: list[tuple[Node, int, torch.Tensor]],
        tables: list[ForwardTable],
        *,
        may_unpack: bool,
    ) -> None:
        self._may_unpack = may_unpack
        self._tables = tables
        self._known: dict[tuple[int, int], Known] = {}
        self._constants: dict[tuple[int, int], Known] = {}
        """Arguments that no node made, by node and slot."""
        self._saved: dict[int, dict[str, torch.Tensor]] = {}
        self._bad_leaves: dict[int, torch.Tensor] = {}
        self._ids = ids
        self._n_elements = 0
        for node, number in ids.items():
            self._take(node, number)
        for node, output, tensor in roots:
            if _is_usable(tensor):
                self._known[ids[node], output] = Known(tensor.detach())

    def _take(self, node: Node, number: int) -> None:
        """Note what a node tells of tensors: of its own results, and of what went in."""
        variable = getattr(node, "variable", None)
        if is_tensor(variable):
            if _is_usable(variable):
                known = self._known[number, 0] = Known(variable.detach())
                if not known.is_finite:
                    self._bad_leaves[number] = variable
            return
        sequence = node._sequence_nr()
        for table in self._tables:
            for output in (0, 1, 2):
                result = table.values.get((sequence, output))
                if result is not None:
                    self._known.setdefault((number, output), Known(None, result))
        saved = self._saved[number] = saved_tensors(node, may_unpack=self._may_unpack)
        for name, tensor in saved.items():
            if name in _RESULTS:
                self._known[number, _RESULTS[name]] = Known(tensor)
        self._take_inputs(node, number, saved)

    def _take_inputs(self, node: Node, number: int, saved: dict[str, torch.Tensor]) -> None:
        following = node.next_functions
        names = slot_inputs(type(node).__name__, len(following)) or ()
        for slot, name in enumerate(names):
            if name in saved:
                child, output = following[slot]
                if child is None:
                    self._constants[number, slot] = Known(saved[name])
                elif (self._ids[child], output) not in self._known:
                    self._known[self._ids[child], output] = Known(saved[name])

    def find(self) -> Iterator[Origin]:
        """The origins, in the order in which they were computed."""
        nodes = [(node._sequence_nr(), number, node) for node, number in self._ids.items() if number in self._saved]
        above: dict[int, list[Known]] = {}
        """By node whose result is unknown: what is known of that from which it was computed."""
        maybe: dict[int, Node | None] = {}
        """The latest of the nodes with unknown results, from this one upwards in time, that may be an origin."""
        n_found = 0
        for _, number, node in sorted(nodes, key=lambda one: one[:2]):
            op = type_of(node).op
            for given in self._given(node, number):
                if n_found < _MOST_ORIGINS:
                    n_found += 1
                    yield given
            inputs, is_exact, before = self._inputs(node, number, above, maybe)
            if (number, 0) not in self._known:
                self._compute(node, number, op, inputs if is_exact else None)
            results = [one for output in (0, 1, 2) if (one := self._known.get((number, output))) is not None]
            if not results:
                above[number] = inputs
                maybe[number] = before if op in _HARMLESS or (op in _UNLIKELY and before is not None) else node
            elif any(_is_born(one, inputs) for one in results):
                output = next(one for one in results if _is_born(one, inputs))
                there = node
                if not is_exact and before is not None and (op in _HARMLESS or op in _UNLIKELY):
                    there = before
                if n_found < _MOST_ORIGINS:
                    n_found += 1
                    yield Origin(there, type_of(there).op, output, tuple(inputs[:_MOST_TOLD]), is_exact)

    def _given(self, node: Node, number: int) -> Iterator[Origin]:
        """What an operation takes in that none made, and that is not as numbers should be; minus infinity is a mask."""
        for slot, (child, _) in enumerate(node.next_functions):
            if child is None:
                known = self._constants.get((number, slot))
                if known is not None and known.has_nan:
                    yield Origin(node, type_of(node).op, known, (known,), is_exact=True, is_given=True)
                continue
            leaf = self._bad_leaves.pop(self._ids[child], None) if self._bad_leaves else None
            if leaf is not None:
                known = self._known[self._ids[child], 0]
                yield Origin(node, type_of(node).op, known, (known,), is_exact=True, is_given=True, leaf=leaf)

    def _inputs(
        self, node: Node, number: int, above: dict[int, list[Known]], maybe: dict[int, Node | None]
    ) -> tuple[list[Known], bool, Node | None]:
        """What went in, or was above what went in; whether all of it is known itself; who else may be an origin."""
        found: list[Known] = []
        is_exact, before = True, None
        for slot, (child, output) in enumerate(node.next_functions):
            if child is None:
                constant = self._constants.get((number, slot))
                found += [] if constant is None else [constant]
                continue
            child_number = self._ids[child]
            known = self._known.get((child_number, output))
            if known is not None:
                found.append(known)
                continue
            is_exact = False
            found += above.get(child_number, ())
            before = maybe.get(child_number) or before
        unique = list(dict.fromkeys(found))
        if len(unique) > _MOST_INPUTS:
            unique.sort(key=lambda one: one.is_finite)
        return unique[:_MOST_INPUTS], is_exact, before

    def _compute(self, node: Node, number: int, op: str, inputs: list[Known] | None) -> None:
        """Get a result of which nothing is known from its arguments."""
        if inputs and op in _HARMLESS and all(one.is_finite for one in inputs):
            self._known[number, 0] = Known(None)
            return
        tensors = self._arguments(node, number)
        if tensors is None or self._n_elements > _MOST_ELEMENTS:
            return
        try:
            result = _again(node, op, tensors)
        except (RuntimeError, TypeError, ValueError) as error:
            if is_foreign(error):
                raise
            return
        if result is not None and tuple(result.shape) == _shape(node):
            self._n_elements += result.numel()
            self._known[number, 0] = Known(result)

    def _arguments(self, node: Node, number: int) -> list[torch.Tensor] | None:
        found = []
        for slot, (child, output) in enumerate(node.next_functions):
            known = self._constants.get((number, slot)) if child is None else None
            if child is not None:
                known = self._known.get((self._ids[child], output))
            if known is None or known.tensor is None:
                return None
            found.append(known.tensor)
        return found


def _again(node: Node, op: str, tensors: list[torch.Tensor]) -> torch.Tensor | None:
    """The result of an elementwise operation, computed once more."""
    result: torch.Tensor | None = None
    if op in _ONE_ARGUMENT and len(tensors) == 1:
        result = getattr(torch, op)(tensors[0])
    elif op == "pow" and len(tensors) == 1:
        result = torch.pow(tensors[0], node._saved_exponent)
    elif op in _TWO_ARGUMENTS and len(tensors) == len(("self", "other")):
        alpha = getattr(node, "_saved_alpha", 1)
        if op in ("add", "sub") and alpha != 1:
            result = getattr(torch, op)(*tensors, alpha=alpha)
        elif getattr(node, "_saved_rounding_mode", None) is None:
            result = getattr(torch, op)(*tensors)
    return result


def _is_born(result: Known, inputs: list[Known]) -> bool:
    """Whether what is not finite in a result was not so in what went in."""
    if result.has_nan:
        return not any(one.has_nan for one in inputs)
    return not result.is_finite and all(one.is_finite for one in inputs)


def _shape(node: Node) -> tuple[int, ...] | None:
    try:
        return tuple(node._input_metadata[0].shape)
    except (RuntimeError, AttributeError, IndexError, TypeError, ValueError) as error:
        if is_foreign(error):
            raise
        return None


def saved_tensors(node: Node, *, may_unpack: bool) -> dict[str, torch.Tensor]:
    """What a node has saved, by name, as far as it can be read without running anybody's hooks."""
    found: dict[str, torch.Tensor] = {}
    shows = torch_facts.SAVED_TENSORS_SHOW_DATA
    if not (shows or may_unpack):
        return found
    for name, raw_name, plain_name in type_of(node).saved:
        try:
            kept = getattr(node, raw_name if shows else plain_name)
        except (RuntimeError, AttributeError) as error:  # freed by an earlier pass
            if is_foreign(error):
                raise
            continue
        for position, one in enumerate(kept) if type(kept) is tuple else ((None, kept),):
            tensor = None if getattr(one, "unpack_hook", None) is not None else getattr(one, "data", None)
            if is_tensor(tensor) and _is_usable(tensor):
                found[name if position is None else f"{name}[{position}]"] = tensor.detach()
    return found


def _is_usable(tensor: torch.Tensor) -> bool:
    if not is_readable(tensor) or tensor.layout is not torch.strided or not has_memory(tensor):
        return False
    return tensor.is_floating_point()
