"""Every fact about torch that may change with its version, named once.

Nothing else in the recorder touches a private attribute of torch without a reason given there.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import torch.autograd.function
import torch.autograd.graph
from torch import _C
from torch.nn.modules import module as _module
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]
from torch.utils import _device

from gradtrace.model.format import UNKNOWN_EXTENT

TORCH_DIRECTORY = str(Path(torch.__file__).parent) + os.sep

NN_DIRECTORY = TORCH_DIRECTORY + "nn" + os.sep
PRINTING = TORCH_DIRECTORY + "_tensor_str.py"
"""The code that turns a tensor into text: what it takes from the tensor goes nowhere."""

sequence_number = _C._autograd._get_sequence_nr
"""The number which the next node made on this thread will get."""

grad_fn = _C.TensorBase.grad_fn.__get__  # type: ignore[union-attr]
shape = _C.TensorBase.shape.__get__  # type: ignore[attr-defined]
dtype = _C.TensorBase.dtype.__get__  # type: ignore[attr-defined]
requires_grad = _C.TensorBase.requires_grad.__get__  # type: ignore[attr-defined]
output_number = _C.TensorBase.output_nr.__get__  # type: ignore[attr-defined]
base = _C.TensorBase._base.__get__  # type: ignore[union-attr]
"""Attributes of any tensor, whatever a subclass has put in their place."""


def any_shape(tensor: torch.Tensor) -> tuple[Any, ...]:
    """The shape of any tensor, also of one that torch does not tell: a nested one that is strided."""
    try:
        return shape(tensor)  # type: ignore[no-any-return]
    except RuntimeError as error:
        if _came_in_between(error):
            raise
    return tuple(_extent(tensor, dimension) for dimension in range(tensor.dim()))


def _extent(tensor: torch.Tensor, dimension: int) -> int:
    try:
        return tensor.size(dimension)
    except RuntimeError as error:
        if _came_in_between(error):
            raise
        return UNKNOWN_EXTENT


def extents(of: Iterable[Any]) -> tuple[int, ...]:
    """A shape in whole numbers, whatever its extents are; to ask a symbol for its number would make torch decide it."""
    return tuple(extent if type(extent) is int else _known(extent) for extent in of)


def _known(symbol: Any) -> int:
    """What torch knows a symbol to be, or has seen in its place."""
    node = getattr(symbol, "node", None)
    for known in (getattr(node, "maybe_as_int", None), getattr(node, "_hint", None)):
        number = known() if callable(known) else known
        if type(number) is int:
            return number
    return UNKNOWN_EXTENT


leaf_flag = _C.TensorBase.is_leaf.__get__  # type: ignore[attr-defined]
GRAD = _C.TensorBase.grad
"""The attribute of whose reading torch warns, unless the tensor is a leaf by that flag."""


def plain_attribute(name: str) -> Callable[[torch.Tensor], Any]:
    """What reads another attribute of any tensor likewise."""
    return getattr(_C.TensorBase, name).__get__  # type: ignore[no-any-return]


NO_SEQUENCE = 2**64 - 1
"""What `_sequence_nr()` says of an AccumulateGrad: the engine runs it as soon as it can."""

is_compiling = torch.compiler.is_compiling

CALL_IMPL = _module.Module._call_impl.__code__
"""The frame of a module's call: its `self` is the module."""
OUTER_CALL = getattr(getattr(_module.Module, "_wrapped_call_impl", None), "__code__", None)
"""The frame around that one, of `Module.__call__` itself."""

CustomFunction = _C._FunctionBase
"""The class of the node of a function that was written in Python."""

FUNCTION_APPLY = getattr(getattr(torch.autograd.Function.apply, "__func__", None), "__code__", None)
"""The code of `Function.apply`; None where that is no Python, as from torch 2.14 on."""
FunctionContext = torch.autograd.function.BackwardCFunction
"""The class of what a custom function's `forward` gets as `ctx`, and of its node: each function has one of its own."""

vector_norm = _C._linalg.linalg_vector_norm  # type: ignore[attr-defined]
"""The 2-norm without Python in between."""

DisableTorchFunction = _C.DisableTorchFunction
DisableTorchDispatch = _C._DisableTorchDispatch
"""Keeps the program's dispatch modes from seeing what is done inside."""
DisableAutocast = _C._DisableAutocast
dispatch_stack_length = _C._len_torch_dispatch_stack
profiler_enabled = _C._autograd._profiler_enabled
enable_record_function = _C._autograd._enable_record_function
anomaly_enabled = torch.is_anomaly_enabled
ANOMALY_STACK = "traceback_"
"""Where anomaly mode keeps the stack of a node, in its metadata: lines as `traceback.format_stack` writes them."""
current_node = getattr(_C, "_current_autograd_node", lambda: None)
"""The node that the engine runs on this thread; what it saved is there until its hooks have run."""
set_grad_enabled = _C._set_grad_enabled
tracing_state = _C._get_tracing_state
"""None unless `torch.jit.trace` runs."""

set_eval_frame = _C._dynamo.eval_frame.set_eval_frame
"""Sets what torch.compile does with each Python frame of this thread, and returns what it was."""
stack_length = _C._len_torch_function_stack
push_mode = _C._push_on_torch_function_stack
pop_mode = _C._pop_torch_function_stack
mode_at = _C._get_function_stack_at

disabled_torch_function = _C._disabled_torch_function_impl
"""What a tensor subclass without overrides has as its `__torch_function__`."""

PLAIN_TYPES = frozenset({torch.Tensor, torch.nn.Parameter, torch.nn.Buffer})
"""Types whose values may be read as they are. Other subclasses (fake, distributed, quantized) are described only."""

SavedTensor: Any = _C._autograd.SavedTensor

SAVED_TENSORS_SHOW_DATA = hasattr(SavedTensor, "data") and hasattr(SavedTensor, "unpack_hook")
"""Whether what a node saved can be seen without unpacking it (torch 2.13 can, 2.9 cannot)."""

_storage = torch.Tensor.untyped_storage
_n_bytes = torch.UntypedStorage.nbytes

functorch_is_active = _C._are_functorch_transforms_active
is_functorch_wrapped = _C._functorch.is_functorch_wrapped_tensor

DeviceContext = _device.DeviceContext
"""The mode of the default device, which torch looks for at the bottom of the stack of modes."""

HAS_TORCH_FUNCTION = {
    "has_torch_function": _C._has_torch_function,
    "has_torch_function_unary": _C._has_torch_function_unary,
    "has_torch_function_variadic": _C._has_torch_function_variadic,
}
"""The checks by which torch's Python functions decide whether to hand a call to a mode."""


def pointer(tensor: torch.Tensor) -> int:
    """The address of a tensor's data; 0 where it has none (sparse, an efficient zero tensor, a wrapper)."""
    if type(tensor) not in PLAIN_TYPES or tensor.layout is not torch.strided:
        return 0
    try:
        return tensor.data_ptr()
    except RuntimeError as error:
        if _came_in_between(error):
            raise
        return 0


def memory(tensor: torch.Tensor) -> tuple[int, int]:
    """What tells its memory from others as long as it lives (0 where nothing does), and how many bytes that has.

    It is the whole storage: a view of one number keeps all of it, and a number that is expanded needs no more than one.
    """
    if type(tensor) not in PLAIN_TYPES:
        tensor = local_part(tensor)
    try:
        if tensor.layout is torch.strided:
            storage = _storage(tensor)
            n_bytes = _n_bytes(storage)
            return storage._cdata, n_bytes if type(n_bytes) is int else max(0, _known(n_bytes))
        parts = tensor._indices(), tensor._values()  # what can be asked of a coalesced tensor only copies
        return 0, sum(_n_bytes(_storage(part)) for part in parts)
    except (RuntimeError, NotImplementedError) as error:
        if _came_in_between(error):
            raise
        numel = tensor.numel()
        return 0, numel * tensor.dtype.itemsize if type(numel) is int else 0


def _came_in_between(error: BaseException) -> bool:
    """Whether an error was raised not by the call of torch in our line, but by a signal's handler right after it."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


def is_written_view(tensor: torch.Tensor) -> bool:
    """Whether it is a view that was written to: asked for its node, torch would make a new one, or raise."""
    return not tensor.is_inference() and tensor._is_view() and bool(tensor._version)


_COMPILED = "torch._functorch._aot_autograd.runtime_wrappers"


def is_compiled_function(function: type) -> bool:
    """Whether it is the autograd function by which a region that torch has compiled appears in the graph."""
    return function.__name__ == "CompiledFunction" and function.__module__ == _COMPILED


def is_fake(tensor: torch.Tensor) -> bool:
    """Whether it has a shape and no values: a fake tensor, or one on the meta device."""
    kind = type(tensor)
    return tensor.is_meta if kind in PLAIN_TYPES else kind.__module__ == "torch._subclasses.fake_tensor"


def is_leaf(tensor: torch.Tensor) -> bool:
    """Whether no operation made it, as far as it can be asked."""
    return not is_written_view(tensor) and tensor.is_leaf


def storage_pointer(tensor: torch.Tensor) -> int:
    """The address of the memory that a tensor is a view of; 0 where it has none."""
    if type(tensor) not in PLAIN_TYPES:
        return 0
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError) as error:
        if _came_in_between(error):
            raise
        return 0


def short_dtype(dtype: Any) -> str:
    """`float32` for `torch.float32`."""
    return str(dtype).removeprefix("torch.")


_BACKWARD = re.compile(r"Backward(\d*)(_copy)?$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def op_name(node_type: str, *, is_custom: bool) -> str:
    """A human name: `mul` for `MulBackward0`, `log_softmax` for `LogSoftmaxBackward0`, `leaf` for `AccumulateGrad`."""
    if node_type == "AccumulateGrad":
        return "leaf"
    stem = _BACKWARD.sub("", node_type) or node_type
    if is_custom:
        return stem
    return _spelled().get(stem.lower()) or _CAMEL.sub("_", stem).lower()


@functools.cache
def _spelled() -> dict[str, str]:
    """Torch's own spelling of its functions: `smooth_l1_loss` for `smoothl1loss`, which capitals cannot tell."""
    modules = [getattr(_C, room) for room in ("_VariableFunctions", "_nn", "_special", "_linalg", "_fft")]
    names = [name for module in modules for name in dir(module) if not name.startswith("_") and not name.endswith("_")]
    return {name.replace("_", ""): name for name in sorted(names, key=len)}


@functools.cache
def has_own_node(call: str) -> bool:
    """Whether a function makes a node of its own name: `exp` makes `ExpBackward0`, `reshape` makes others."""
    return hasattr(_C._functions, f"{call.title().replace('_', '')}Backward0")


def compiles_autograd() -> bool:
    """Whether passes are compiled as they run: hooks of ours would become part of what is compiled."""
    compiled_autograd = sys.modules.get("torch._dynamo.compiled_autograd")
    return compiled_autograd is not None and bool(getattr(compiled_autograd, "compiled_autograd_enabled", False))


def is_capturing() -> bool:
    """Whether this thread's work on a GPU becomes part of a graph: nothing has run yet, and a look would end it."""
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()  # type: ignore[no-untyped-call]


def make_known_to_torchscript(check: Any) -> None:
    """Let TorchScript take a function for one of `has_torch_function*`, which it compiles to False."""
    from torch.jit._builtins import _register_builtin

    _register_builtin(check, "aten::has_torch_function")


def is_uninitialized(tensor: torch.Tensor) -> bool:
    """Whether it is a parameter of a lazy module, without a shape as long as no data was seen."""
    return issubclass(type(tensor), UninitializedTensorMixin)


def reduction_name(op: object) -> str:
    """How a collective operation makes one number of several: `sum`, which it is unless another is given."""
    return "sum" if op is None else str(op).rpartition(".")[2].lower()[:20]


def group_size(group: Any) -> int:
    """How many ranks a process group has; None: the default one."""
    return torch.distributed.get_world_size(group)


def may_shard() -> bool:
    """Whether the program can have sharded a module."""
    return "torch.distributed.fsdp._fully_shard._fully_shard" in sys.modules or _FLATTENING in sys.modules


_FLATTENING = "torch.distributed.fsdp.fully_sharded_data_parallel"


def flat_parameter(module: torch.nn.Module) -> tuple[torch.Tensor, list[Any], tuple[int, ...]] | None:
    """What `FullyShardedDataParallel` trains in the place of a module's parameters: one flat parameter.

    With it stand the parameters that are views of it, if the program is shown these, and the ranks that each hold a
    part of it.
    """
    kind = getattr(sys.modules.get(_FLATTENING), "FullyShardedDataParallel", None)
    if kind is None or not issubclass(type(module), kind):
        return None
    handle = module.__dict__.get("_handle")
    if handle is None or handle.flat_param is None:
        return None
    flat = handle.flat_param
    own = handle.process_group if handle.uses_sharded_strategy else None
    try:
        ranks = () if own is None else tuple(torch.distributed.get_process_group_ranks(own))
    except (KeyError, ValueError):  # the program has left the group
        ranks = ()
    return flat, list(getattr(flat, "_params", None) or ()), ranks


def sharded_parameters(module: torch.nn.Module) -> list[Any]:
    """What `fully_shard` knows of each parameter that it has sharded in a module: an `FSDPParam`."""
    kind = getattr(sys.modules.get("torch.distributed.fsdp._fully_shard._fully_shard"), "FSDPModule", None)
    if kind is None or not issubclass(type(module), kind):
        return []
    from torch.distributed._composable_state import _get_module_state

    state = _get_module_state(module)
    groups = getattr(state, "_fsdp_param_groups", None) or [getattr(state, "_fsdp_param_group", None)]
    return [one for group in groups for one in getattr(group, "fsdp_params", ())]


def is_of_sharding(code: types.CodeType) -> bool:
    """Whether a code is one that shards modules, which moves gradients between parameters while a pass runs.

    What a program calls to clip gradients stands beside it.
    """
    return code.co_filename.startswith(_SHARDING) and not code.co_filename.endswith(_CLIPPING)


_SHARDING = str(Path(TORCH_DIRECTORY) / "distributed" / "fsdp") + os.sep
_CLIPPING = os.sep + "fully_sharded_data_parallel.py"


def local_part(tensor: torch.Tensor) -> torch.Tensor:
    """What this rank holds of a tensor spread over ranks, the values of a nested one; any other tensor itself."""
    kind = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)
    if kind is not None and type(tensor) is kind:
        return tensor._local_tensor  # type: ignore[attr-defined, no-any-return]
    nested = getattr(sys.modules.get("torch.nested._internal.nested_tensor"), "NestedTensor", None)
    if nested is not None and type(tensor) is nested and tensor._lengths is None:  # type: ignore[attr-defined]
        values: torch.Tensor = vars(tensor)["_values"]
        return values
    return tensor


def spread(tensor: Any) -> tuple[tuple[int, ...], int] | None:
    """Over which ranks a tensor is spread, and how many of them hold the same part; None for one that is not spread.

    Nobody holds a part of a sum that is still to be taken: then no rank is named.
    """
    kind = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", None)
    if kind is None or type(tensor) is not kind:
        return None
    spec = tensor._spec
    mesh, copies = spec.mesh.mesh, 1
    for dimension, placement in enumerate(spec.placements):
        if type(placement).__name__ == "Replicate":
            copies *= mesh.size(dimension)
        elif type(placement).__name__ not in _PARTS:
            return (), 1
    return tuple(mesh.flatten().tolist()), copies


_PARTS = ("Shard", "_StridedShard")
"""Placements of a tensor of which each rank holds a part of its own."""


def is_placed_alike(one: Any, other: Any) -> bool:
    """Whether two spread tensors are spread in the same way."""
    return type(one) is type(other) and one._spec.placements == other._spec.placements


def world() -> tuple[int, int] | None:
    """The rank of this process in the default process group, and how many there are; None before it has joined one."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return None
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


_use_count = getattr(_C, "_storage_Use_Count", None)
_USED_BY_ONE = 2
"""References to the storage of a tensor that shares it with no other: the tensor's, and that of who asks."""


def shares_storage(tensor: torch.Tensor) -> bool:
    """Whether another tensor has the same storage, as far as it can be asked."""
    return _use_count is not None and _use_count(tensor.untyped_storage()._cdata) > _USED_BY_ONE
