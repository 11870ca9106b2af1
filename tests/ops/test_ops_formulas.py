"""Every entry of the catalogue against torch's autograd, over the samples of torch's own op database.

Each sample is run under a dispatch mode, which sees, below autograd, each op with its arguments by name, just after
torch made the node. Then backward runs with hooks that take what arrived at each node and what it sent to each slot.
The entry's expressions, evaluated on those arguments, must give what was sent.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as expressions name it
from shared_recordings import once
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from gradtrace.formulas.catalogue import CATALOGUE, sparse
from gradtrace.formulas.derivatives import derivative
from gradtrace.formulas.formula import Formula
from gradtrace.formulas.lookup import lookup
from gradtrace.recorder.slot_names import slot_inputs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

N_SAMPLES = 5
"""Of each op and dtype, taken from its whole list at equal distances."""

MORE_SAMPLES = {"nn.functional.scaled_dot_product_attention": 40}
"""Ops that take different ways from sample to sample."""

DTYPES = (torch.float64, torch.complex128)

TOLERANCE = {"rtol": 1e-7, "atol": 1e-8}

Edge = tuple[Any, int]


@dataclass
class Call:
    """One op as torch ran it: its name, arguments and results by name, and where each tensor argument came from."""

    op: str
    arguments: dict[str, Any]
    results: dict[str, Any]
    edges: dict[str, Edge | None]


class Calls(TorchDispatchMode):
    """Keeps, by sequence number of the node that torch made just before, the first op that was then run."""

    def __init__(self) -> None:
        super().__init__()
        self.by_node: dict[int, Call] = {}
        self.start = torch.autograd._get_sequence_nr()
        self.kept_alive: list[Any] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        node = torch.autograd._get_sequence_nr() - 1
        is_first = node >= self.start and node not in self.by_node
        if not is_first:
            return func(*args, **(kwargs or {}))
        self.kept_alive.append((args, kwargs))
        given = dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)) | (kwargs or {})
        call = Call(func._schema.name.split("::")[1], {}, {}, {})
        for argument in func._schema.arguments:
            value = given.get(argument.name, argument.default_value)
            call.arguments[argument.name] = as_tensor(argument, snapshot(value))
            for name, member in members(argument.name, value):
                call.edges[name] = origin(member)
        self.by_node[node] = call
        out = func(*args, **(kwargs or {}))
        returns = func._schema.returns
        names = [each.name or f"result{i}" for i, each in enumerate(returns)] if len(returns) > 1 else ["result"]
        call.results = dict(zip(names, snapshot(out) if len(returns) > 1 else [snapshot(out)], strict=True))
        if call.op.startswith("as_strided") and args[0].untyped_storage().nbytes() != args[0].nbytes:
            call.op = "as_strided of a part of the memory, which a copy of the tensor does not show"
        return out


def snapshot(value: Any) -> Any:
    """Copies, so that an op that writes in place does not change what is known of its inputs."""
    return tree_map(lambda leaf: leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf, value)


def as_tensor(argument: Any, value: Any) -> Any:
    """Python numbers stand where the schema says tensor: torch wraps them later."""
    is_number = isinstance(value, (int, float, complex)) and not isinstance(value, bool)
    return torch.tensor(value) if is_number and str(argument.type) in ("Tensor", "Optional[Tensor]") else value


def members(name: str, value: Any) -> list[tuple[str, Any]]:
    """A list of tensors has a slot for each member."""
    if isinstance(value, (list, tuple)) and any(isinstance(each, torch.Tensor) for each in value):
        return [(f"{name}[{i}]", each) for i, each in enumerate(value)]
    return [(name, value)]


def origin(value: Any) -> Edge | None:
    """Where the gradient of a tensor goes: a leaf is known by its address."""
    if not isinstance(value, torch.Tensor) or not value.requires_grad:
        return None
    return ("leaf", id(value)) if value.grad_fn is None else (value.grad_fn, value.output_nr)


@dataclass
class Observed:
    """A node of a sample: its call, and what its backward received and sent."""

    op: str
    type: str
    call: Call
    slots: list[Edge | None]
    outputs: list[tuple[Any, torch.dtype]] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)


def samples() -> Iterator[tuple[str, Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]]]:
    """Name, op, input and further arguments; in place too where the op has such a variant."""
    for op in op_db:
        for dtype in DTYPES:
            if not op.supports_autograd or dtype not in op.supported_backward_dtypes("cpu"):
                continue
            torch.manual_seed(0)
            every = list(op.sample_inputs("cpu", dtype, requires_grad=True))
            for sample in every[:: max(1, len(every) // MORE_SAMPLES.get(op.name, N_SAMPLES))]:
                yield op.name, op.op, sample.input, sample.args, sample.kwargs
                if op.inplace_variant and isinstance(sample.input, torch.Tensor) and not sample.broadcasts_input:
                    yield op.name, op.inplace_variant, sample.input.clone(), sample.args, sample.kwargs


def observe(name: str, op: Callable[..., Any], first: Any, args: Any, kwargs: Any) -> list[Observed]:
    """Run one sample forwards and backwards; what torch itself refuses (an in-place op, a double use) has no nodes."""
    try:
        with Calls() as calls:
            out = op(first, *args, **kwargs)
    except (RuntimeError, NotImplementedError, TypeError):
        return []
    roots = [each for each in tree_leaves(out) if isinstance(each, torch.Tensor) and each.requires_grad]
    found, handles = [], []
    for node in nodes([root.grad_fn for root in roots if root.grad_fn is not None]):
        call = calls.by_node.get(node._sequence_nr()) if node._sequence_nr() >= calls.start else None
        entry = derivative(node.name())
        known = Observed(name, node.name().removeprefix("torch::autograd::"), Call("", {}, {}, {}), slots(node))
        # An in-place op may copy its input first: then the first op after the node was made is not its own.
        if call and entry and plain(call.op) in (plain(entry.op), f"{plain(entry.op)}_copy"):
            known.call = call
            known.outputs = [(each.shape, each.dtype) for each in node._input_metadata]
            handles.append(node.register_hook(lambda sent, received, known=known: keep(known, sent, received)))
        found.append(known)
    with contextlib.suppress(RuntimeError, NotImplementedError):  # torch has no derivative for it
        torch.autograd.backward(roots, [seed(root) for root in roots], inputs=leaves((first, args, kwargs)) or None)
    for handle in handles:
        handle.remove()
    for each in leaves((first, args, kwargs)):
        each.grad = None
    return found


def keep(known: Observed, sent: Any, received: Any) -> None:
    known.sent, known.received = list(snapshot(sent)), list(snapshot(received))


def seed(root: torch.Tensor) -> torch.Tensor:
    return torch.randn_like(root) if root.layout == torch.strided else torch.ones_like(root)


def leaves(tree: Any) -> list[torch.Tensor]:
    return [
        each for each in tree_leaves(tree) if isinstance(each, torch.Tensor) and each.requires_grad and each.is_leaf
    ]


def plain(op: str) -> str:
    return op.strip("_").removesuffix("_forward")


def nodes(roots: list[Any]) -> list[Any]:
    seen = dict.fromkeys(roots)
    todo = list(seen)
    while todo:
        for following, _ in todo.pop().next_functions:
            if following is not None and following not in seen:
                seen[following] = None
                todo.append(following)
    return list(seen)


def slots(node: Any) -> list[Edge | None]:
    return [
        None
        if following is None
        else ("leaf", id(following.variable))
        if hasattr(following, "variable")
        else (following, nr)
        for following, nr in node.next_functions
    ]


@dataclass
class Verdict:
    """What the whole database said."""

    types: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    misnamed: list[str] = field(default_factory=list)
    verified: set[tuple[str, str]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """One run over the database serves all tests."""
    return once("formulas", verdict_of_all, tmp_path_factory)


def verdict_of_all() -> Verdict:
    """What the samples say."""
    result = Verdict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in samples():
            for known in observe(*sample):
                result.types.add(known.type)
                compare_names(known, result)
                formula = lookup(known.type)
                own = formula.node_types if formula is not None and formula.source == "catalogue" else ()
                if known.sent and known.type.removesuffix("_copy") in own:  # twins may name their arguments otherwise
                    compare_gradients(known, formula, result)
    return result


def compare_names(known: Observed, result: Verdict) -> None:
    names = slot_inputs(known.type, len(known.slots))
    if names is None or not known.call.op:
        return
    result.named.add(known.type)
    for name, slot in zip(names, known.slots, strict=True):
        if not is_same(known.call.edges.get(name), slot):
            result.misnamed.append(f"{known.type} of {known.op}: slot {name}")


def is_same(seen: Edge | None, slot: Edge | None) -> bool:
    """A view that was written into gets a new node of the same type whenever it is asked for it.

    torch leaves a slot empty now and then although the argument is a leaf (the window of istft).
    """
    if slot is None:
        return seen is None or seen[0] == "leaf"
    if seen is None or "leaf" in (seen[0], slot[0]):
        return seen == slot
    return seen == slot or seen[0].name() == slot[0].name()


def compare_gradients(known: Observed, formula: Formula, result: Verdict) -> None:
    results = known.call.results
    if all(gradient.code is None for gradient in formula.gradients):
        return  # only words
    if formula in sparse.FORMULAS:
        return  # written for dense tensors that stand for sparse ones, as their examples have them
    codes = [code for _, code in formula.where] + [gradient.code or "" for gradient in formula.gradients]
    if sum(each is not None for each in known.received) > 1 and not any("grads" in code for code in codes):
        return  # the entry tells what the first result's gradient does
    grads = [
        torch.zeros(shape, dtype=dtype) if received is None else received
        for received, (shape, dtype) in zip(known.received, known.outputs, strict=True)
    ]
    scope = known.call.arguments | results | {"grad": grads[0], "grads": grads, "torch": torch, "F": F, "math": math}
    where = f"{known.type} of {known.op}"
    try:
        for name, code in formula.where:
            scope[name] = eval(code, scope)
        computed = {
            name: value
            for gradient in formula.gradients
            if gradient.code is not None
            for name, value in members(gradient.input.removesuffix("*"), eval(gradient.code, scope))
        }
    except Exception as error:  # noqa: BLE001 - an entry that cannot be evaluated is wrong
        result.wrong.append(f"{where}: {type(error).__name__}: {str(error)[:200]}")
        return
    names = slot_inputs(known.type, len(known.sent)) or ()
    for name, sent in zip(names, known.sent, strict=True):
        if sent is None:
            continue
        try:
            torch.testing.assert_close(finish(computed[name], sent), sent.to_dense(), equal_nan=True, **TOLERANCE)
        except Exception as error:  # noqa: BLE001 - a wrong shape or a missing input too
            result.wrong.append(f"{where}, input {name}, {sent.dtype}: {' '.join(str(error).split())[:200]}")
        else:
            result.verified.add((known.type, name.partition("[")[0]))


def finish(gradient: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """What the engine does after every formula."""
    gradient = gradient.sum_to_size(like.shape) if gradient.shape != like.shape else gradient
    gradient = gradient.real if gradient.is_complex() and not like.is_complex() else gradient
    return gradient.to(like.dtype)


def test_expressions_are_autograd(verdict: Verdict) -> None:
    """On every sample each expression of the catalogue gives what torch's node sent, complex numbers included."""
    assert verdict.wrong == []


def test_every_expression_was_compared(verdict: Verdict) -> None:
    """Entries that the database does not reach are those whose worked example alone holds them to autograd."""
    never = {
        (node_type, gradient.input.removesuffix("*"))
        for formula in CATALOGUE
        for node_type in formula.node_types
        for gradient in formula.gradients
    } - verdict.verified
    by_example = {formula.node_types[0] for formula in CATALOGUE if formula.example and len(formula.node_types) == 1}
    assert {node_type for node_type, _ in never} - by_example <= ONLY_BY_EXAMPLE


ONLY_BY_EXAMPLE = {"FmodBackward0", "RemainderBackward0", "ThresholdBackward1"}
"""Types of entries that have several, which the example reaches or which differ in the kind of an argument alone."""


def test_slots_bear_the_names_of_the_arguments(verdict: Verdict) -> None:
    """In every graph the slots named by the recorder's table are the arguments of that name, None slots included."""
    assert verdict.misnamed == []
    assert len(verdict.named) > 300


def test_every_node_type_has_an_entry(verdict: Verdict) -> None:
    """All types that the database reaches are found; those made by torch.library have none of their own."""
    unknown = {node_type for node_type in verdict.types if lookup(node_type) is None}
    assert all(node_type.startswith("GeneratedBackwardFor_") for node_type in unknown)
    assert len(verdict.types) > 330
