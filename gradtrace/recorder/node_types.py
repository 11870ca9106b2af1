"""What is known of a node by its class alone, found out once for each."""

from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.slot_names import slot_inputs

_numbers = count(1)


class NodeType(NamedTuple):
    """A class of nodes.

    Attributes:
        number: stands for the class; 0 for custom functions, whose classes come and go.
        saved: of each tensor that it saves the name, and the attributes which show it, not unpacked and unpacked.
        arguments: of each other argument that it keeps the name and the attribute.
    """

    number: int
    name: str
    op: str
    is_leaf: bool
    is_custom: bool
    saved: tuple[tuple[str, str, str], ...]
    arguments: tuple[tuple[str, str], ...]


_types: dict[type, NodeType] = {}


def type_of(node: Any) -> NodeType:
    """The class of a node."""
    kind = type(node)
    return _types.get(kind) or _look_at(kind)


def _look_at(kind: type) -> NodeType:
    name = kind.__name__
    if issubclass(kind, torch_facts.CustomFunction):
        op = torch_facts.op_name(name, is_custom=True)
        return NodeType(0, name, op, is_leaf=False, is_custom=True, saved=(), arguments=())
    attributes = dir(kind)
    raw = {entry.removeprefix("_raw_saved_") for entry in attributes if entry.startswith("_raw_saved_")}
    plain = {entry.removeprefix("_saved_") for entry in attributes if entry.startswith("_saved_")} - raw
    known = _types[kind] = NodeType(
        number=next(_numbers),
        name=name,
        op=torch_facts.op_name(name, is_custom=False),
        is_leaf=name == "AccumulateGrad",
        is_custom=False,
        saved=tuple((entry, "_raw_saved_" + entry, "_saved_" + entry) for entry in sorted(raw)),
        arguments=tuple((entry, "_saved_" + entry) for entry in sorted(plain) if "sym_" not in entry),
    )
    return known


def inputs_of(node: Any, of: NodeType, n_slots: int) -> tuple[str, ...]:
    """The names of its arguments, one a slot; none where they are not known."""
    if of.is_custom:
        return _custom_inputs(node)
    return _inputs(of.name, n_slots)


@lru_cache(maxsize=4096)
def _inputs(node_type: str, n_slots: int) -> tuple[str, ...]:
    return slot_inputs(node_type, n_slots) or ()


def _custom_inputs(node: Any) -> tuple[str, ...]:
    """The arguments of a custom function's `forward`, without its context."""
    function = getattr(node, "_forward_cls", None)
    forward = getattr(getattr(function, "forward", None), "__code__", None)
    if forward is None:
        return ()
    names: tuple[str, ...] = forward.co_varnames[: forward.co_argcount]
    has_own_setup = getattr(function, "setup_context", None) is not torch.autograd.Function.setup_context
    return names if has_own_setup else names[1:]
