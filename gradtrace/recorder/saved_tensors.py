"""What nodes keep for their backward: described and, where it is small, read, without unpacking anything."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from gradtrace.model.kinds import Level
from gradtrace.recorder import torch_facts
from gradtrace.recorder.context import Context
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.measure import Measurements, flat_values, has_memory, is_readable
from gradtrace.recorder.node_types import NodeType
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.tables import FLOATS

_NO_LEAF = -1
_NOTHING = -1


class Saved(NamedTuple):
    """What the description of a node says of a saved tensor: the same in each pass of the same structure.

    Attributes:
        spec: shape and dtype, -1 if it is packed.
        shared: its memory was met before, at a leaf or at another node.
    """

    name: str
    spec: int
    n_bytes: int
    device: torch.device | None
    shared: bool


class SavedTensors:
    """Looks at the saved tensors of one graph."""

    def __init__(self, context: Context, measurements: Measurements) -> None:
        self._context = context
        self._tables = context.journal.tables
        self._measurements = measurements
        self._value_limit = context.config.value_limit
        self._measures_all = context.config.facts
        self._storages: set[int] = set()
        self._known: dict[tuple[Any, ...], int] = {}
        """Values that were read already, by where they lie and how."""

    def know(self, leaf: torch.Tensor) -> None:
        """The memory of a leaf; all are to be known before the first node is looked at."""
        if is_readable(leaf) and leaf.layout is torch.strided:
            self._storages.add(torch_facts.pointer(leaf))

    def look(self, node: Any, of: NodeType) -> tuple[tuple[Saved, ...], list[tuple[int, int, int]]]:
        """Descriptions, and for those of which there is more: position, number of statistics or -1, leaf or -1."""
        described: list[Saved] = []
        more: list[tuple[int, int, int]] = []
        shows_data = torch_facts.SAVED_TENSORS_SHOW_DATA
        if not shows_data and self._context.saw_saved_hooks:
            return (), more  # to look would be to unpack, and that runs the program's hooks
        try:
            if of.is_custom:
                kept = node._raw_saved_tensors if shows_data else node.saved_tensors
                self._save("saved", tuple(kept or ()), described, more)
            for name, raw_name, plain_name in of.saved:
                self._save(name, getattr(node, raw_name if shows_data else plain_name), described, more)
        except (RuntimeError, AttributeError) as error:  # freed by an earlier pass
            if is_foreign(error):
                raise
        return tuple(described), more

    def _save(self, name: str, kept: Any, described: list[Saved], more: list[tuple[int, int, int]]) -> None:
        if type(kept) is tuple:
            for position, one in enumerate(kept):
                self._save(f"{name}[{position}]", one, described, more)
            return
        if getattr(kept, "unpack_hook", None) is not None:
            described.append(Saved(name, -1, 0, None, shared=False))
            return
        tensor = kept if is_tensor(kept) else getattr(kept, "data", None)
        if is_tensor(tensor):
            try:
                self._describe(name, tensor, described, more)
            except BaseException as error:
                what = f"a saved tensor {name} of type {type(tensor).__name__}"
                if not self._context.failures.absorb(what, error):
                    raise

    def _describe(
        self, name: str, tensor: torch.Tensor, described: list[Saved], more: list[tuple[int, int, int]]
    ) -> None:
        dtype = tensor.dtype
        spec = self._tables.spec(torch_facts.shape(tensor), dtype)
        shared, leaf, number = False, _NO_LEAF, _NOTHING
        if is_readable(tensor):
            pointer = torch_facts.pointer(tensor)
            if pointer:
                shared = pointer in self._storages
                self._storages.add(pointer)
            if tensor.requires_grad and tensor.is_leaf:
                state = self._context.leaves.find(tensor)
                leaf = _NO_LEAF if state is None else state.id
            number = self._measure(tensor, pointer, spec)
        if number != _NOTHING or leaf != _NO_LEAF:
            more.append((len(described), number, leaf))
        described.append(Saved(name, spec.number, spec.numel * dtype.itemsize, tensor.device, shared))

    def _measure(self, tensor: torch.Tensor, pointer: int, spec: Any) -> int:
        """The number of its values, read once, or with facts of its statistics; -1 for neither."""
        if not tensor.is_cpu:
            return _NOTHING
        if spec.numel > self._value_limit:
            is_wanted = self._measures_all and tensor.is_floating_point() and has_memory(tensor)
            return self._measurements.add(tensor, Level.FULL) if is_wanted else _NOTHING
        key = (pointer, tensor._version, spec.number, tensor.stride(), tensor.is_neg()) if pointer else None
        if tensor.is_complex():
            key = None  # another may be its conjugate, at the same place
        known = None if key is None else self._known.get(key)
        if known is not None:
            return known
        if not has_memory(tensor):
            return _NOTHING
        if tensor.dtype in FLOATS and tensor.layout is torch.strided:
            number = self._measurements.add_values(spec, flat_values(tensor))
        else:
            number = self._measurements.add(tensor)
        if key is not None:
            self._known[key] = number
        return number
