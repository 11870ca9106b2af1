"""What nodes keep for their backward: described and, where it is small, read, without unpacking anything."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch

from gradtrace.model.format import CHECKPOINT, CONTEXT, PACKED
from gradtrace.model.kinds import LeafKind
from gradtrace.model.needs import ALL, USUAL, Statistic
from gradtrace.recorder import torch_facts
from gradtrace.recorder.context import Context
from gradtrace.recorder.looking import attributes, is_tensor, module_of
from gradtrace.recorder.measure import Measurements, begins_otherwise, has_memory, is_readable, readable_values
from gradtrace.recorder.node_types import NodeType
from gradtrace.recorder.packed import checkpoint_frame, checkpoint_inputs
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.tables import Spec

_NOTHING = -1
_PLAIN, _SAVED = torch_facts.PLAIN_TYPES, torch_facts.SavedTensor
_STRIDED = torch.strided
_ALL_ZERO = frozenset({Statistic.ALL_ZERO})
_MOST_PACKED = 16
_NUMBER = 16
"""Bytes of a single number, such as a factor: nobody asks whose it is."""
_OF_CUSTOM = "saved["
_CHECKPOINTS = "torch.utils.checkpoint"

Owner = tuple[str, LeafKind]
"""What the program calls a tensor that no operation of a graph made, and what it is."""

Saved = tuple[str, int, int, torch.device | None, bool, Owner | None]
"""What the description of a node says of a saved tensor: name, shape and dtype (-1 if it is packed), bytes, device,
whether its memory was met before, at a leaf or at another node, and whose it is besides."""

_Asked = frozenset[Statistic]
_Plan = tuple[str, str, _Asked]
"""Of a tensor that nodes of a type save: its name, the attribute that shows it, and what is to be measured."""
_Memory = tuple[int, int, bool, Owner | None]
"""Number of the storage, its bytes, whether it was met before, and whose it is besides."""
_Described = tuple[int, _Memory, torch.device, int, _Asked]
"""Shape and dtype, memory, device, number of statistics or -1, and what these tell."""

More = list[tuple[int, int, int]]
"""Those of which there is more to say: position, number of statistics or -1, leaf or -1."""


class SavedTensors:
    """Looks at the saved tensors of one graph.

    Args:
        scope: the variables that may hold what nodes have saved.
        is_close: everything is measured of all of them, not only what was asked for: something is not finite.

    Attributes:
        storages: of each tensor that the last `look` described, the number of its storage; 0 for none.
        makers: positions of those of which torch's name does not say what made them, with the nodes that did.
    """

    def __init__(
        self, context: Context, measurements: Measurements, scope: Scope | None = None, *, is_close: bool = False
    ) -> None:
        self._context = context
        self._scope = scope
        self._spec = context.journal.tables.spec
        self._measurements = measurements
        self._everything = ALL if is_close else None
        self._asked: dict[tuple[str, str], _Asked] = {}
        """By type of node and name of the tensor: what is to be measured."""
        self._shows_data = torch_facts.SAVED_TENSORS_SHOW_DATA
        self._plans: dict[int, list[_Plan]] = {}
        """By type of node: the tensors that it saves."""
        self._numbers: dict[int, int] = {}
        """By identity of the storage, its number from 1."""
        self._n_storages = 0
        self._frames: set[int] = set()
        """Checkpoints whose inputs were described."""
        self.storages: list[int] = []
        self.makers: list[tuple[int, Any]] = []
        self._first: dict[int, tuple[torch.Tensor, _Described]] = {}
        """By where it lies: the tensor that was met there first, and what is to be said when it is met again."""
        self._known: dict[Hashable, _Described] = {}
        """The same of others that lie there, by how they do."""

    def know(self, leaf: torch.Tensor) -> int:
        """The number of a leaf's storage; all are to be known before the first node is looked at."""
        identity, _ = torch_facts.memory(leaf)
        return self._numbers.get(identity) or self._new_number(identity)

    def look(self, node: Any, of: NodeType) -> tuple[tuple[Saved, ...], More]:
        """What a node keeps."""
        described: list[Saved] = []
        more: More = []
        self.storages, self.makers = [], []
        if not self._shows_data and self._context.saw_saved_hooks:
            return (), more  # to look would be to unpack, and that runs the program's hooks
        try:
            if of.is_custom:
                several = node._raw_saved_tensors if self._shows_data else node.saved_tensors
                self._save(of.name, "saved", tuple(several or ()), described, more)
                self._look_at_context(node, of, described, more)
            for name, attribute, asked in self._plans.get(of.number) or self._plan(of):
                kept: Any = getattr(node, attribute)
                if type(kept) is not _SAVED or not self._shows_data or kept.unpack_hook is not None:
                    self._save(of.name, name, kept, described, more)
                elif (tensor := kept.data) is not None:
                    self._keep(name, tensor, asked, described, more)
        except (RuntimeError, AttributeError) as error:  # freed by an earlier pass
            if is_foreign(error):
                raise
        return tuple(described), more

    def _plan(self, of: NodeType) -> list[_Plan]:
        plan = [(name, raw if self._shows_data else plain, self._of(of.name, name)) for name, raw, plain in of.saved]
        if not of.is_custom:
            self._plans[of.number] = plan
        return plan

    def _save(self, op: str, name: str, kept: Any, described: list[Saved], more: More) -> None:
        if type(kept) is tuple:
            for position, one in enumerate(kept):
                self._save(op, f"{name}[{position}]", one, described, more)
            return
        hook = getattr(kept, "unpack_hook", None)
        if hook is not None:
            described.append((name, -1, 0, None, False, None))
            self.storages.append(0)
            self._look_into(op, name, hook, getattr(kept, "data", None), described, more)
            return
        tensor = getattr(kept, "data", None) if type(kept) is _SAVED or not is_tensor(kept) else kept
        if tensor is not None and is_tensor(tensor):
            self._keep(name, tensor, self._of(op, name), described, more)

    def _keep(self, name: str, tensor: torch.Tensor, asked: _Asked, described: list[Saved], more: More) -> None:
        """Describe a tensor that was saved as it is."""
        try:
            spec, (storage, n_bytes, shared, owner), device, number, _ = self._describe(tensor, asked)
            leaf = self._leaf(tensor) if tensor.requires_grad else _NOTHING
        except BaseException as error:
            what = f"a saved tensor {name} of type {type(tensor).__name__}"
            if not self._context.failures.absorb(what, error):
                raise
        else:
            if number >= 0 or leaf >= 0:
                more.append((len(described), number, leaf))
            described.append((name, spec, n_bytes, device, shared, owner))
            self.storages.append(storage)
            if "." in name or name.startswith(_OF_CUSTOM):  # no name of an argument, which would say whose output it is
                self._note_maker(len(described) - 1, tensor)

    def _note_maker(self, position: int, tensor: torch.Tensor) -> None:
        if torch_facts.requires_grad(tensor) and not torch_facts.is_written_view(tensor):
            node = torch_facts.grad_fn(tensor)
            if node is not None:
                self.makers.append((position, node))

    def _look_into(self, op: str, name: str, hook: Any, data: Any, described: list[Saved], more: More) -> None:
        """What a saved-tensor hook holds instead: the inputs of a checkpoint, or the tensors that it packed."""
        frame = checkpoint_frame(hook)
        if frame is None:
            packed = data if type(data) in (tuple, list) else (data,)
            for one in packed[:_MOST_PACKED]:
                if is_tensor(one):
                    self._save(op, PACKED + name, one, described, more)
        elif id(frame) not in self._frames:
            self._frames.add(id(frame))
            for position, one in enumerate(checkpoint_inputs(frame)):
                if is_tensor(one) or type(one) is torch_facts.SavedTensor:
                    self._save(op, f"{CHECKPOINT}{position}", one, described, more)

    def _look_at_context(self, node: Any, of: NodeType, described: list[Saved], more: More) -> None:
        """Tensors that a custom function keeps as attributes of its context."""
        if module_of(getattr(node, "_forward_cls", type(None))) == _CHECKPOINTS:
            return  # states of generators, and the inputs once more
        for attribute, value in attributes(node).items():
            if is_tensor(value):
                self._save(of.name, CONTEXT + attribute, value, described, more)
            elif type(value) in (tuple, list) and any(map(is_tensor, value)):
                for position, one in enumerate(value):
                    if is_tensor(one):
                        self._save(of.name, f"{CONTEXT}{attribute}[{position}]", one, described, more)

    def _leaf(self, tensor: torch.Tensor) -> int:
        """The number of the leaf that it is, or -1."""
        if type(tensor) not in _PLAIN or not tensor.is_leaf:
            return _NOTHING
        state = self._context.leaves.find(tensor)
        return _NOTHING if state is None else state.id

    def _of(self, op: str, name: str) -> _Asked:
        asked = self._asked.get((op, name))
        if asked is None:
            asked = self._everything or self._context.config.of_saved(op, name)
            self._asked[op, name] = asked
        return asked

    def _describe(self, tensor: torch.Tensor, asked: _Asked) -> _Described:
        if not is_readable(tensor):
            spec = self._spec(torch_facts.any_shape(tensor), tensor.dtype)
            return spec.number, self._memory(tensor), tensor.device, _NOTHING, asked
        dtype = tensor.dtype
        if tensor.layout is not _STRIDED or dtype.is_complex or not (pointer := tensor.data_ptr()):
            return self._look_at(tensor, asked)  # a complex one may be the conjugate of what lies there
        first = self._first.get(pointer)
        if first is None:
            found = self._look_at(tensor, asked)
            self._first[pointer] = (tensor, found)
            return found
        before, known = first
        if not _is_alike(before, tensor):
            return self._describe_other(tensor, asked, pointer)
        known = self._met_again(tensor, known, asked)
        self._first[pointer] = (tensor, known)
        return known

    def _describe_other(self, tensor: torch.Tensor, asked: _Asked, pointer: int) -> _Described:
        """Describe a tensor that lies where another one does, otherwise: a view of it, say."""
        shape = torch_facts.any_shape(tensor)
        key = (pointer, tensor._version, shape, tensor.stride(), tensor.dtype, tensor.is_neg())
        known = self._known.get(key)
        known = self._look_at(tensor, asked) if known is None else self._met_again(tensor, known, asked)
        self._known[key] = known
        return known

    def _met_again(self, tensor: torch.Tensor, known: _Described, asked: _Asked) -> _Described:
        """What is to be said of a tensor that was met before: its memory is shared, and whose it is has been said."""
        if not asked <= known[4]:
            known = self._look_at(tensor, asked | known[4])
        spec, (storage, n_bytes, _, _), device, number, asked = known
        return spec, (storage, n_bytes, True, None), device, number, asked

    def _look_at(self, tensor: torch.Tensor, asked: _Asked) -> _Described:
        spec = self._spec(torch_facts.any_shape(tensor), tensor.dtype)
        memory = self._memory(tensor)
        number = _NOTHING
        if tensor.is_cpu and (memory[1] or has_memory(tensor)):
            number, asked = self._measure(tensor, spec, asked)
        return spec.number, memory, tensor.device, number, asked

    def _memory(self, tensor: torch.Tensor) -> _Memory:
        """What it keeps, whether a leaf or another saved tensor keeps the same, and whose that is besides."""
        identity, n_bytes = torch_facts.memory(tensor)
        number = self._numbers.get(identity)
        if number is not None:
            return number, n_bytes, True, None
        number = self._new_number(identity)
        is_owned = n_bytes > _NUMBER and not torch_facts.requires_grad(tensor)
        return number, n_bytes, False, self._owner(tensor) if is_owned else None

    def _new_number(self, identity: int) -> int:
        """A number for a storage that was not met before; what nothing tells from others is always new."""
        self._n_storages += 1
        if identity:
            self._numbers[identity] = self._n_storages
        return self._n_storages

    def _owner(self, tensor: torch.Tensor) -> Owner | None:
        """What the program calls a tensor that no operation with a gradient made, or what it is a view of."""
        whole = torch_facts.base(tensor)
        for one in (tensor,) if whole is None else (tensor, whole):
            found = self._context.names.tensor(one)
            if found is not None:
                return found
            name = None if self._scope is None else self._scope.tensors.get(id(one))
            if name is not None:
                return name, LeafKind.TENSOR
        return None

    def _measure(self, tensor: torch.Tensor, spec: Spec, asked: _Asked) -> tuple[int, _Asked]:
        """The number of its values, or of the statistics asked for; -1 for neither. And what is known now."""
        measurements = self._measurements
        if spec.numel <= measurements.value_limit:
            elements = readable_values(tensor) if spec.is_small_float else None
            if elements is None:
                return measurements.add(tensor, USUAL), ALL
            return measurements.add_values(spec, elements), ALL
        if not asked or not tensor.is_floating_point() or (asked == _ALL_ZERO and begins_otherwise(tensor)):
            return _NOTHING, asked
        return measurements.add(tensor, asked), asked


def _is_alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors that begin at the same address have the same elements."""
    return (
        torch_facts.shape(one) == torch_facts.shape(other)
        and one.dtype is other.dtype
        and one.stride() == other.stride()
        and one._version == other._version
        and one.is_neg() == other.is_neg()
    )
