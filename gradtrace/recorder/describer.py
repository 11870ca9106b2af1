"""Describes the nodes of a graph: types, places, names, saved tensors.

What a node has in common with those that the same line made, in this pass and in others, is written once
(`node_kind`); of a graph is then left one number a node, and columns.
"""

from __future__ import annotations

import types
from array import array
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import torch

from gradtrace.model.format import COMPILED_REGION
from gradtrace.recorder import torch_facts
from gradtrace.recorder.columns import Columns
from gradtrace.recorder.context import Context
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.kept_outputs import KeptOutputs
from gradtrace.recorder.leaves import LeafState
from gradtrace.recorder.measure import Measurements
from gradtrace.recorder.names import assigned_names
from gradtrace.recorder.node_types import NodeType, inputs_of, type_of
from gradtrace.recorder.saved_tensors import Saved, SavedTensors
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.stream import plain_text
from gradtrace.recorder.walk import Node, Walk

_MAX_ARGUMENT = 60
_MAX_LENGTH = 8
_ELSEWHERE = -2
"""Made by another thread."""
_INTEGERS = frozenset({int})
_OTHER_OP, _POSSIBLE, _SAME_OP = range(3)


class _Where(NamedTuple):
    """Where nodes come from, in words; `number` stands for them all."""

    number: int
    place: int | None
    module: str | None
    module_type: str | None
    call: str | None
    names: tuple[str, ...]
    is_direct: bool


_NOWHERE = _Where(-1, None, None, None, None, (), is_direct=True)

_Output = tuple[int, tuple[int, ...], torch.dtype, torch.device]
"""Index, shape, dtype and device of an output."""
_More = tuple[str | None, bool, tuple[int | None, ...]]
"""What few outputs have: a name of its own, whether it retains its gradient, the places of hooks."""
_NO_MORE: _More = (None, False, ())


def _fit(table: ForwardTable, position: int, op: str) -> int:
    """How well a call goes with a node of this op that it is said to have made."""
    origin = table.origins[table.origin_numbers[position]]
    call = "" if origin.place is None else origin.place.call.strip("_").removeprefix("r")
    if call == op.removeprefix("r"):
        return _SAME_OP
    return _OTHER_OP if origin.is_direct and torch_facts.has_own_node(call) else _POSSIBLE


def find_call(tables: list[ForwardTable], sequence: int, op: str) -> tuple[ForwardTable, int] | None:
    """Table and position of the call that made the node which has this number and is of this op.

    Each thread counts for itself, so that several may know the number. Then the one is taken whose call has the op's
    name, the first of the tables if none does, unless its call is of another op; else none: no line is better than a
    wrong one.
    """
    found = [(one, position) for one in tables if (position := one.find(sequence)) >= 0]
    if len(found) <= 1:
        return found[0] if found else None
    fits = [_fit(one, position, op) for one, position in found]
    best = max(fits)
    return found[fits.index(best)] if best > _OTHER_OP else None


class Describer:
    """Describes the nodes of one walk.

    Args:
        is_close: the pass begins at what is not finite: all saved tensors are measured.

    Attributes:
        leaves: by node id, the leaf of each AccumulateGrad.
        unknown: nodes of which no more is written down than their type.
        sequence: the sequence number of each node.
        positions: of each node its place in the table of this thread; negative for none.
        regions: the nodes that stand for a compiled region.
    """

    def __init__(
        self,
        context: Context,
        table: ForwardTable | None,
        scope: Scope,
        measurements: Measurements,
        index: int,
        *,
        is_close: bool,
    ) -> None:
        self._context = context
        self._journal = context.journal
        self._tables = context.journal.tables
        self._measurements = measurements
        self._index = index
        self._table = table
        self._scope = scope
        self._forward = context.tables()
        self._is_only = len(self._forward) == 1 and table is not None
        self._places: dict[tuple[ForwardTable, int], _Where] = {}
        self._saved_tensors = SavedTensors(context, measurements, scope, is_close=is_close)
        self._facts = context.config.facts
        self._kept = KeptOutputs(context.journal) if self._facts else None
        self._kinds = array("I")
        self._leaf = array("I")
        self._value = array("I")
        self._saved = array("I")
        self._saved_leaf = array("I")
        self._storage = array("I")
        self._leaf_storage = array("I")
        self._maker = array("I")
        self._ids: dict[Node, int] = {}
        self._made = array("I")
        self._freed = array("I")
        self._last_made = -1
        self.leaves: dict[int, tuple[LeafState, torch.Tensor]] = {}
        self.unknown: set[int] = set()
        self.regions: set[int] = set()
        self.sequence = array("Q")
        self.positions = array("q")

    def describe(self, walk: Walk) -> int:
        """Take in all nodes, and return the number of the graph."""
        types_ = list(map(type_of, walk.ids))
        for (node, number), of in zip(walk.ids.items(), types_, strict=True):
            if of.is_leaf:
                try:
                    self._meet(node.variable, number)
                except BaseException as error:
                    if not self._context.failures.absorb("a leaf", error):
                        raise
        kinds, n_slots, self._ids = self._kinds, walk.n_slots, walk.ids
        for (node, number), of in zip(walk.ids.items(), types_, strict=True):
            if of.is_leaf:
                is_known = number in self.leaves
                kinds.append(self._leaf_kind(number, of) if is_known else self._unknown_kind(number, of))
            else:
                try:
                    kinds.append(self._kind(node, number, of, n_slots[number]))
                except BaseException as error:
                    if not self._context.failures.absorb(f"a node {of.name}", error):
                        raise
                    kinds.append(self._unknown_kind(number, of))
        self._ids = {}
        columns = {
            "kind": kinds,
            "source": walk.sources,
            "target": walk.targets,
            "slot": walk.slots,
            "output": walk.outputs,
        }
        return self._tables.table("graph", columns, n_nodes=len(kinds), n_edges=len(walk.sources))

    def state(self) -> Columns:
        """What the nodes hold in this pass; rows of two or three."""
        return {
            "leaf": self._leaf,
            "value": self._value,
            "saved": self._saved,
            "saved_leaf": self._saved_leaf,
            "storage": self._storage,
            "leaf_storage": self._leaf_storage,
            "maker": self._maker,
            "made": self._made,
            "freed": self._freed,
            "call": self._calls(),
        }

    def _calls(self) -> array[int]:
        """The calls that made several nodes, numbered from 1, with these; 0 for what a backward pass made.

        Never empty, so that what was not looked at can be told from what has a call of its own.
        """
        rows, table = array("I"), self._table
        if table is None:
            return rows
        by_call: dict[int, list[int]] = {}
        for number, position in enumerate(self.positions):
            if position == _ELSEWHERE or (position >= 0 and table.starts[position] in table.by_backward):
                rows.extend((number, 0))
            elif position >= 0:
                by_call.setdefault(table.first_of_call(position), []).append(number)
        call = 0
        for numbers in by_call.values():
            if len(numbers) > 1 or not rows:
                call += 1
                for number in numbers:
                    rows.extend((number, call))
        return rows

    def _meet(self, variable: torch.Tensor, number: int) -> None:
        """Know all leaves before the first node says what it saved of them."""
        part = self._context.leaves.shards.part_of(variable)
        state, storage = self._context.leaves.get(part, self._scope), self._saved_tensors.know(variable)
        self.leaves[number] = (state, part)
        self._leaf_storage.append(storage)

    def _leaf_kind(self, number: int, of: NodeType) -> int:
        state, variable = self.leaves[number]
        self.sequence.append(torch_facts.NO_SEQUENCE)
        self.positions.append(-1)
        self._leaf.extend((number, state.id))
        output = (0, torch_facts.extents(torch_facts.shape(variable)), variable.dtype, variable.device)
        key = (of.number, output)
        known = self._tables.known_kind(key)
        return self._define(key, of, outputs=(output,)) if known is None else known

    def _unknown_kind(self, number: int, of: NodeType) -> int:
        """Only its type, where the rest cannot be found out."""
        self.unknown.add(number)
        if len(self.sequence) == number:
            self.sequence.append(torch_facts.NO_SEQUENCE)
        if len(self.positions) == number:
            self.positions.append(-1)
        key = (of.name, of.op, of.is_custom)
        known = self._tables.known_kind(key)
        return self._define(key, of) if known is None else known

    def _kind(self, node: Node, number: int, of: NodeType, n_slots: int) -> int:
        sequence = node._sequence_nr()
        self.sequence.append(sequence)
        table, position, where, names = self._origin(sequence, of.op)
        self.positions.append(position if table is self._table else _ELSEWHERE if position >= 0 else -1)
        by_output = self._scope.results.get(node) if self._scope.results else None
        name = (by_output.get(0) if by_output else None) or (names[0] if len(names) == 1 else None)
        outputs, more = self._outputs(node, sequence, number, table, names, by_output)
        described, measured = self._saved_tensors.look(node, of)
        storages, makers = self._saved_tensors.storages, self._saved_tensors.makers
        for at, stats, leaf in measured:
            if stats >= 0:
                self._saved.extend((number, at, stats))
            if leaf >= 0:
                self._saved_leaf.extend((number, at, leaf))
        for at, maker in makers:
            if maker in self._ids:
                self._maker.extend((number, at, self._ids[maker]))
        arguments = _arguments(node, of) if of.arguments else ()
        if self._facts and self._table is not None:
            self._note_history(number, sequence)
        backward, inputs = (None, n_slots) if not of.is_custom else self._custom(node, of, n_slots)
        region = self._context.compiled.region(node) if of.is_custom else None
        if region is not None:
            self.regions.add(number)
        key = (of.number, where.number, name, outputs, more, described, arguments, inputs, backward, region)
        known = self._tables.known_kind(key)
        if known is not None:
            self._storage.extend(storages)
            return known
        kind = self._define(
            key,
            of,
            name=name,
            where=where,
            outputs=outputs,
            more=more,
            saved=described,
            arguments=arguments,
            inputs=inputs_of(node, of, n_slots),
            backward=backward,
            region=region,
        )
        self._storage.extend(storages)
        return kind

    def _custom(self, node: Node, of: NodeType, n_slots: int) -> tuple[int | None, Any]:
        """Where the backward of a custom function is written, and what tells its class from others."""
        if self._kept is not None:
            self._kept.look(node)
        return self._backward_place(node), (of.name, inputs_of(node, of, n_slots))

    def _origin(self, sequence: int, op: str) -> tuple[ForwardTable | None, int, _Where, tuple[str, ...]]:
        """Table and position of the call that made a node, where that was, and the names which the line gives it."""
        table = self._table
        if self._is_only and table is not None:
            position = table.find(sequence)
        else:
            table, position = find_call(self._forward, sequence, op) or (table, -1)
        if position < 0 or table is None:
            return table, position, _NOWHERE, ()
        origin_number = table.origin_numbers[position]
        where = self._places.get((table, origin_number)) or self._where(table, origin_number)
        names = where.names
        if names and (
            sequence != table.ends[position] - 1
            or not (where.is_direct or table.is_last_of_call(position))
            or table.starts[position] in table.by_backward  # the line is of what this is a derivative of
        ):
            names = ()
        return table, position, where, names

    def _define(
        self,
        key: Hashable,
        of: NodeType,
        *,
        name: str | None = None,
        where: _Where = _NOWHERE,
        outputs: tuple[_Output, ...] = (),
        more: tuple[_More, ...] | None = None,
        saved: tuple[Saved, ...] = (),
        arguments: tuple[tuple[str, type | None, Any], ...] = (),
        inputs: tuple[str, ...] = (),
        backward: int | None = None,
        region: tuple[int, str | None] | None = None,
    ) -> int:
        """Write down what nodes have in common."""
        rows = []
        for (index, shape, dtype, device), (own_name, retains, hooks) in zip(
            outputs, more or [_NO_MORE] * len(outputs), strict=True
        ):
            spec = self._tables.spec(shape, dtype).number
            rows.append([index, spec, str(device), _text(own_name), retains, list(hooks)])
        kept = []
        for argument, saved_spec, n_bytes, at, shared, owner in saved:
            row = [_text(argument), None if saved_spec < 0 else saved_spec, n_bytes, str(at or "cpu"), shared]
            kept.append(row if owner is None else [*row, _text(owner[0]), owner[1]])
        fields: dict[str, Any] = {
            "type": _text(of.name),
            "op": _text(of.op),
            "name": _text(name),
            "module": _text(where.module),
            "module_type": _text(where.module_type),
            "call": _text(where.call),
            "location": where.place,
            "outputs": rows,
            "saved": kept,
            "is_custom": of.is_custom,
            "backward_location": backward,
            "arguments": [
                (argument, (one if kind is None else repr(_signed(one)))[:_MAX_ARGUMENT])
                for argument, kind, one in arguments
            ],
            "inputs": list(map(_text, inputs)),
        }
        if region is not None:
            fields["region"], backend = region
            fields["op"] = f"{COMPILED_REGION} ({backend})" if backend else COMPILED_REGION
        return self._tables.new_kind(key, {field: one for field, one in fields.items() if one or type(one) is int})

    def _note_history(self, number: int, sequence: int) -> None:
        """After which pass nodes were made, where that changes, and by which one was freed: counted back from this."""
        table = self._table
        if table is None:
            return
        made = self._index - table.made_after(sequence)
        if made != self._last_made:
            self._made.extend((number, made))
            self._last_made = made
        freed = table.freed.get(sequence)
        if freed is not None:
            self._freed.extend((number, self._index - freed))

    def _where(self, table: ForwardTable, origin_number: int) -> _Where:
        origin = table.origins[origin_number]
        place = self._journal.place(origin.place)
        call = origin.place.call if origin.place is not None else None
        module, module_type = self._module(origin.module)
        names = () if place is None else assigned_names(self._journal.location(place))
        if len(names) == 1 and origin.place is not None and self._scope.holds_other(names[0], origin.place.code):
            names = ()  # `out = model(x)`, and `out.loss` is the tensor
        number = self._tables.where_number((place, module, module_type, call))
        where = _Where(number, place, module, module_type, call, names, origin.is_direct)
        self._places[table, origin_number] = where
        return where

    def _module(self, number: int) -> tuple[str | None, str | None]:
        if number < 0:
            return None, None
        modules = self._context.modules
        module = modules.references[number]()
        if module is not None:
            modules.remembered[number] = (self._context.names.module_path(module), type(module).__name__)
        return modules.remembered.get(number, (None, None))

    def _outputs(
        self,
        node: Node,
        sequence: int,
        number: int,
        table: ForwardTable | None,
        names: tuple[str, ...],
        by_output: dict[int, str] | None,
    ) -> tuple[tuple[_Output, ...], tuple[_More, ...] | None]:
        """What is the same in each pass; values are noted on the way."""
        try:
            metadata = node._input_metadata
        except (RuntimeError, AttributeError) as error:
            if is_foreign(error):
                raise
            return (), None
        outputs: list[_Output] = []
        for index, one in enumerate(metadata):
            try:
                outputs.append((index, _numbers(tuple(one.shape)), one.dtype, one.device))
            except (RuntimeError, TypeError, ValueError) as error:
                if is_foreign(error):
                    raise  # else an output that takes no gradient
                continue
            result = None if table is None else table.values.get((sequence, index))
            if result is not None:
                self._value.extend((number, index, self._measurements.add_elements(*result)))
        n_outputs = len(metadata)
        if table is None or (n_outputs == 1 and not table.hooked and not table.retained):
            return tuple(outputs), None
        own_names: Sequence[str | None] = [None] * n_outputs if n_outputs == 1 or len(names) != n_outputs else names
        if by_output and n_outputs > 1:
            own_names = [by_output.get(index) or name for index, name in enumerate(own_names)]
        more = []
        for index, *_ in outputs:
            hooked = table.hooked.get((sequence, index))
            hooks = () if hooked is None else tuple(map(self._journal.place, hooked[1]))
            more.append((own_names[index], (sequence, index) in table.retained, hooks))
        return tuple(outputs), tuple(more)

    def _backward_place(self, node: Node) -> int | None:
        function = getattr(node, "_forward_cls", None)
        backward = getattr(getattr(function, "backward", None), "__wrapped__", getattr(function, "backward", None))
        code = getattr(backward, "__code__", None)
        if not isinstance(code, types.CodeType) or code.co_filename.startswith(torch_facts.TORCH_DIRECTORY):
            return None
        return self._journal.result(code)


def _numbers(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return shape if _INTEGERS.issuperset(map(type, shape)) else torch_facts.extents(shape)


_Argument = tuple[str, type | None, Any]
"""Name, class and value; without a class the value is a text that describes it."""


def _arguments(node: Node, of: NodeType) -> tuple[_Argument, ...]:
    """The arguments that are a number, a text or a short tuple."""
    found: list[_Argument] = []
    for name, attribute in of.arguments:
        try:
            value = getattr(node, attribute)
        except (RuntimeError, AttributeError) as error:
            if is_foreign(error):
                raise
            continue
        kind = type(value)
        if kind in _SIMPLE or (kind is tuple and len(value) <= _MAX_LENGTH and _SIMPLE.issuperset(map(type, value))):
            found.append((name, kind, value))
        elif kind is tuple and len(value) <= _MAX_LENGTH:
            found.append((name, None, repr(_signed(value))))
    return tuple(found)


_SIMPLE = frozenset({bool, int, float, str})


def _signed(value: Any) -> Any:
    """Torch shows a negative integer argument as an unsigned one."""
    if isinstance(value, tuple):
        return tuple(_signed(one) for one in value)
    return value - 2**64 if isinstance(value, int) and value >= 2**63 else value


def _text(text: str | None) -> str | None:
    return None if text is None else plain_text(text)
