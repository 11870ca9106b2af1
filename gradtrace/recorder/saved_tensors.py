"""What nodes keep for their backward: described and, where it is small, read, without unpacking anything."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch

from gradtrace.model.needs import ALL, USUAL, Statistic
from gradtrace.recorder import torch_facts
from gradtrace.recorder.context import Context
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.measure import Measurements, begins_otherwise, has_memory, is_readable, small_values
from gradtrace.recorder.node_types import NodeType
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.tables import Spec

_NOTHING = -1
_ALL_ZERO = frozenset({Statistic.ALL_ZERO})

Saved = tuple[str, int, int, torch.device | None, bool]
"""What the description of a node says of a saved tensor: name, shape and dtype (-1 if it is packed), bytes, device,
and whether its memory was met before, at a leaf or at another node."""

_Asked = frozenset[Statistic]
_Described = tuple[int, int, torch.device, bool, int, _Asked]
"""Shape and dtype, bytes, device, whether it is shared, number of statistics or -1, and what these tell."""

More = list[tuple[int, int, int]]
"""Those of which there is more to say: position, number of statistics or -1, leaf or -1."""


class SavedTensors:
    """Looks at the saved tensors of one graph.

    Args:
        is_close: everything is measured of all of them, not only what was asked for: something is not finite.
    """

    def __init__(self, context: Context, measurements: Measurements, *, is_close: bool = False) -> None:
        self._context = context
        self._spec = context.journal.tables.spec
        self._measurements = measurements
        self._everything = ALL if is_close else None
        self._asked: dict[tuple[str, str], _Asked] = {}
        """By type of node and name of the tensor: what is to be measured."""
        self._storages: set[int] = set()
        self._known: dict[Hashable, _Described] = {}
        """What was found out of a tensor that another node saved before, by where it lies and how."""

    def know(self, leaf: torch.Tensor) -> None:
        """The memory of a leaf; all are to be known before the first node is looked at."""
        self._memory(leaf)

    def look(self, node: Any, of: NodeType) -> tuple[tuple[Saved, ...], More]:
        """What a node keeps."""
        described: list[Saved] = []
        more: More = []
        shows_data = torch_facts.SAVED_TENSORS_SHOW_DATA
        if not shows_data and self._context.saw_saved_hooks:
            return (), more  # to look would be to unpack, and that runs the program's hooks
        try:
            if of.is_custom:
                kept = node._raw_saved_tensors if shows_data else node.saved_tensors
                self._save(of.name, "saved", tuple(kept or ()), described, more)
            for name, raw_name, plain_name in of.saved:
                self._save(of.name, name, getattr(node, raw_name if shows_data else plain_name), described, more)
        except (RuntimeError, AttributeError) as error:  # freed by an earlier pass
            if is_foreign(error):
                raise
        return tuple(described), more

    def _save(self, op: str, name: str, kept: Any, described: list[Saved], more: More) -> None:
        if type(kept) is tuple:
            for position, one in enumerate(kept):
                self._save(op, f"{name}[{position}]", one, described, more)
            return
        if getattr(kept, "unpack_hook", None) is not None:
            described.append((name, -1, 0, None, False))
            return
        tensor = kept if is_tensor(kept) else getattr(kept, "data", None)
        if tensor is None or not is_tensor(tensor):
            return
        try:
            spec, n_bytes, device, shared, number, _ = self._describe(tensor, self._everything or self._of(op, name))
            leaf = self._leaf(tensor)
        except BaseException as error:
            what = f"a saved tensor {name} of type {type(tensor).__name__}"
            if not self._context.failures.absorb(what, error):
                raise
        else:
            if number >= 0 or leaf >= 0:
                more.append((len(described), number, leaf))
            described.append((name, spec, n_bytes, device, shared))

    def _leaf(self, tensor: torch.Tensor) -> int:
        """The number of the leaf that it is, or -1."""
        if type(tensor) not in torch_facts.PLAIN_TYPES or not tensor.requires_grad or not tensor.is_leaf:
            return _NOTHING
        state = self._context.leaves.find(tensor)
        return _NOTHING if state is None else state.id

    def _of(self, op: str, name: str) -> _Asked:
        asked = self._asked.get((op, name))
        if asked is None:
            asked = self._asked[op, name] = self._context.config.of_saved(op, name)
        return asked

    def _describe(self, tensor: torch.Tensor, asked: _Asked) -> _Described:
        dtype, shape = tensor.dtype, torch_facts.shape(tensor)
        if not is_readable(tensor):
            spec = self._spec(shape, dtype)
            n_bytes, shared = self._memory(tensor)
            return spec.number, n_bytes, tensor.device, shared, _NOTHING, asked
        if tensor.layout is not torch.strided or dtype.is_complex or not (pointer := tensor.data_ptr()):
            return self._look_at(tensor, shape, dtype, asked)  # a complex one may be the conjugate of what lies there
        key = (pointer, tensor._version, shape, tensor.stride(), dtype, tensor.is_neg())
        known = self._known.get(key)
        if known is None or not asked <= known[5]:
            known = self._look_at(tensor, shape, dtype, asked if known is None else asked | known[5])
            self._known[key] = (*known[:3], True, *known[4:])
        return known

    def _look_at(self, tensor: torch.Tensor, shape: torch.Size, dtype: torch.dtype, asked: _Asked) -> _Described:
        spec = self._spec(shape, dtype)
        n_bytes, shared = self._memory(tensor)
        number = _NOTHING
        if tensor.is_cpu and has_memory(tensor):
            number, asked = self._measure(tensor, spec, asked)
        return spec.number, n_bytes, tensor.device, shared, number, asked

    def _memory(self, tensor: torch.Tensor) -> tuple[int, bool]:
        """How many bytes it keeps, and whether a leaf or another saved tensor keeps the same."""
        identity, n_bytes = torch_facts.memory(tensor)
        is_shared = identity in self._storages
        if identity:
            self._storages.add(identity)
        return n_bytes, is_shared

    def _measure(self, tensor: torch.Tensor, spec: Spec, asked: _Asked) -> tuple[int, _Asked]:
        """The number of its values, or of the statistics asked for; -1 for neither. And what is known now."""
        measurements = self._measurements
        if spec.numel <= measurements.value_limit:
            elements = small_values(tensor) if spec.is_small_float else None
            if elements is None:
                return measurements.add(tensor, USUAL), ALL
            return measurements.add_values(spec, elements), ALL
        if not asked or not tensor.is_floating_point() or (asked == _ALL_ZERO and begins_otherwise(tensor)):
            return _NOTHING, asked
        return measurements.add(tensor, asked), asked
