"""Nodes of the samples of torch's op database, each with the op that made it, what it received and what it sent.

Each sample is run under a dispatch mode, which sees, below autograd, each op with its arguments by name, just after
torch made the node. Then backward runs with hooks that take what arrived at each node and what it sent to each slot.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from gradtrace.formulas.derivatives import derivative

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

N_SAMPLES = 5
"""Of each op and dtype, taken from its whole list at equal distances."""

MORE_SAMPLES = {"nn.functional.scaled_dot_product_attention": 40}
"""Ops that take different ways from sample to sample."""

DTYPES = (torch.float64, torch.complex128)

Edge = tuple[Any, int]


@dataclass
class Call:
    """One op as torch ran it.

    Attributes:
        op: its name.
        arguments: by name, numbers as tensors where the schema says tensor.
        results: by name.
        edges: where each tensor argument came from.
        again: runs it once more, on other arguments, given by name.
        shares: whether a result lies in the memory of an argument.
    """

    op: str
    arguments: dict[str, Any]
    results: dict[str, Any]
    edges: dict[str, Edge | None]
    again: Callable[..., Any] | None = None
    shares: bool = False


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
        call.again = func
        call.shares = bool(storages(out) & storages((args, kwargs)))
        returns = func._schema.returns
        names = [each.name or f"result{i}" for i, each in enumerate(returns)] if len(returns) > 1 else ["result"]
        call.results = dict(zip(names, snapshot(out) if len(returns) > 1 else [snapshot(out)], strict=True))
        if call.op.startswith("as_strided") and args[0].untyped_storage().nbytes() != args[0].nbytes:
            call.op = "as_strided of a part of the memory, which a copy of the tensor does not show"
        return out


def snapshot(value: Any) -> Any:
    """Copies, so that an op that writes in place does not change what is known of its inputs."""
    return tree_map(lambda leaf: leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf, value)


def storages(tree: Any) -> set[int]:
    """The memory in which the tensors of a tree lie."""
    tensors = (each for each in tree_leaves(tree) if isinstance(each, torch.Tensor))
    return {each.untyped_storage().data_ptr() for each in tensors if each.layout is torch.strided and each.numel()}


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


def first_samples(n: int) -> Iterator[tuple[str, Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]]]:
    """The first few samples of each op, real numbers only, none in place."""
    for op in op_db:
        if op.supports_autograd and torch.float64 in op.supported_backward_dtypes("cpu"):
            torch.manual_seed(0)
            for sample in islice(op.sample_inputs("cpu", torch.float64, requires_grad=True), n):
                yield op.name, op.op, sample.input, sample.args, sample.kwargs


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
