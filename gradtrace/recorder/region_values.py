"""Runs the backward graph of a compiled region once more, op by op, so that the gradients inside it can be measured.

The compiled code fuses what stands in that graph, so that no gradient inside is ever in memory. Just before the region
runs, its inputs are all there: what it saved, and the gradients that arrive. The ops run on these one after another,
without writing to any of them. What would be seen by the program is not run: random numbers, collectives, operators
and kernels of the program's own, what writes to its inputs. Neither is what needs the result of such an op.
"""

from __future__ import annotations

import operator
import sys
from array import array
from typing import Any

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.compiled_graphs import backward_graph, rows_of
from gradtrace.recorder.looking import is_tensor, listed, message
from gradtrace.recorder.measure import Measurements, is_readable
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.stream import plain_text

_SCHEMAS = "torch._functorch._aot_autograd.schemas"
_NAMESPACES = ("aten", "prims")
_OF_NUMBERS = ("_operator", "math", "torch")
"""Modules of the functions by which a graph computes extents that vary."""
_LONGEST = 200


class _NotRecomputedError(Exception):
    """Why a region, or an op of it, is not run."""


class RegionValues:
    """What the compiled regions of one pass hold inside.

    Attributes:
        inside: of each result that was measured: node, op, number of its statistics.
        reasons: of each node of which not all was recomputed, why.
    """

    def __init__(self, measurements: Measurements) -> None:
        self._measurements = measurements
        self.inside = array("I")
        self.reasons: list[tuple[int, str]] = []

    def recompute(self, number: int, gradients: Any) -> None:
        """Called before the node of a region runs, on its thread, with torch functions and grad mode off.

        Args:
            number: the node.
            gradients: what arrives at it, one an output.
        """
        try:
            node = torch_facts.current_node()
            function = getattr(node, "_forward_cls", None)
            graph = None if function is None else backward_graph(function)
            reason = "it came from a cache of compiled code, without its backward graph"
            if graph is not None:
                values = _inputs(node, function, graph, gradients)
                with torch_facts.DisableAutocast():
                    reason = self._run(number, graph, values)
        except _NotRecomputedError as error:
            reason = str(error)
        except BaseException as error:
            if is_foreign(error):
                raise
            reason = f"to run its backward graph failed: {message(error).partition(chr(10))[0]}"
        if reason:
            self.reasons.append((number, plain_text(reason)[:_LONGEST]))

    def _run(self, number: int, graph: Any, values: dict[Any, Any]) -> str:
        """Run all ops that may be run; returns why others were not."""
        rows = {node: row for row, node in enumerate(rows_of(graph))}
        last_use = {used: node for node in graph.nodes for used in node.all_input_nodes}
        left_out: list[str] = []
        for node in graph.nodes:
            if node.op == "get_attr":
                values[node] = getattr(graph.owning_module, node.target)  # a constant, of a module that torch made
            elif node.op == "call_function" and all(used in values for used in node.all_input_nodes):
                try:
                    values[node] = result = _result(node, values)
                except _NotRecomputedError as error:
                    left_out.append(str(error))
                    continue
                if node in rows and is_tensor(result) and not _is_uninitialized(node):
                    self.inside.extend((number, rows[node], self._measurements.add(result)))
            for used in node.all_input_nodes:
                if last_use[used] is node:
                    values.pop(used, None)
        return left_out[0] if left_out else ""


def _inputs(node: Any, function: Any, graph: Any, gradients: Any) -> dict[Any, Any]:
    """The values of the inputs of the graph, in the order in which AOTAutograd hands them over."""
    metadata = getattr(function, "metadata", None)
    if getattr(function, "maybe_subclass_metadata", None) is not None:
        raise _NotRecomputedError("it works on a subclass of tensors")
    if getattr(metadata, "is_rng_op_functionalized", False) or getattr(metadata, "num_graphsafe_rng_states", 0):
        raise _NotRecomputedError("it draws random numbers in backward")
    kept = [*listed(node._raw_saved_tensors), *listed(getattr(node, "_tensors_no_vc_check", None))]
    if any(getattr(one, "unpack_hook", None) is not None for one in kept):
        raise _NotRecomputedError("hooks for saved tensors hold what it saved")
    saved = [getattr(one, "data", None) if type(one) is torch_facts.SavedTensor else one for one in kept]
    given = [
        *listed(getattr(node, "symints", None)),
        *saved,
        *listed(getattr(node, "opaque_objects", None)),
        *_arriving(node, metadata, gradients),
    ]
    placeholders = [one for one in graph.nodes if one.op == "placeholder"]
    if len(placeholders) != len(given):
        raise _NotRecomputedError(
            f"its backward graph takes {len(placeholders)} inputs, of which {len(given)} are known"
        )
    return {one: _as_traced(value, one.meta.get("val")) for one, value in zip(placeholders, given, strict=True)}


def _arriving(node: Any, metadata: Any, gradients: Any) -> list[torch.Tensor]:
    """The gradients that the graph takes: those of outputs that are tensors of their own."""
    kinds = getattr(sys.modules.get(_SCHEMAS), "OutputType", None)
    if kinds is None or metadata is None:
        raise _NotRecomputedError("this version of torch does not tell which gradients it takes")
    own = (kinds.non_alias, kinds.unsafe_view_alias, getattr(kinds, "custom_function_view", None))
    changed = metadata.mutated_inp_runtime_indices
    inputs = [metadata.input_info[index] for index in changed]
    takes = [one.mutates_data and one.requires_grad for one in inputs]
    takes += [
        one.output_type in own
        and issubclass(one.raw_type, torch.Tensor)
        and getattr(one, "requires_grad_for_backward", one.requires_grad)
        for one in metadata.output_info
    ]
    takes += [True] * metadata.num_intermediate_bases
    if len(takes) != len(gradients):
        raise _NotRecomputedError(f"{len(gradients)} gradients arrive, where {len(takes)} are known")
    return [
        _zeros(node, index) if one is None else one
        for index, (one, is_taken) in enumerate(zip(gradients, takes, strict=True))
        if is_taken
    ]


def _zeros(node: Any, index: int) -> torch.Tensor:
    """What the engine puts in the place of a gradient that did not come."""
    known = node._input_metadata[index]
    return torch.zeros(tuple(known.shape), dtype=known.dtype, device=known.device)


def _as_traced(value: Any, traced: Any) -> Any:
    """An input with the strides with which the graph was traced."""
    if not is_tensor(value):
        return value
    if not is_readable(value):
        raise _NotRecomputedError("it works on tensors whose elements cannot be read")
    value = value.detach()
    if not is_tensor(traced) or value.layout is not torch.strided:
        return value
    extents = [one for one in traced.shape if type(one) is int]
    if len(extents) != traced.dim():
        return value
    if extents != list(value.shape) or traced.dtype is not value.dtype:
        raise _NotRecomputedError("its inputs do not fit its backward graph")
    strides = traced.stride()
    if any(type(one) is not int for one in strides) or strides == value.stride():
        return value
    return torch.empty_strided(extents, strides, dtype=value.dtype, device=value.device).copy_(value)


def _result(node: Any, values: dict[Any, Any]) -> Any:
    """Run one call of a graph."""
    target = node.target
    if type(target) is torch._ops.OpOverload:
        _refuse_what_is_seen(target)
    elif target is not operator.getitem and getattr(target, "__module__", None) not in _OF_NUMBERS:
        raise _NotRecomputedError(f"{_name(target)} is not run a second time")
    arguments = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
    return target(*arguments[0], **arguments[1])


def _refuse_what_is_seen(target: Any) -> None:
    name = _name(target)
    if target.namespace not in _NAMESPACES:
        what = "would communicate" if "c10d" in target.namespace else "is not torch's own, and would run"
        raise _NotRecomputedError(f"{name} {what} a second time")
    if target._schema.is_mutable:
        raise _NotRecomputedError(f"{name} writes to its input")
    if torch.Tag.nondeterministic_seeded in target.tags:
        raise _NotRecomputedError(f"{name} draws random numbers")


def _name(target: Any) -> str:
    return str(target) if type(target) is torch._ops.OpOverload else str(getattr(target, "__name__", target))


def _is_uninitialized(node: Any) -> bool:
    """Whether nobody has written what the result holds."""
    return "empty" in _name(node.target)
