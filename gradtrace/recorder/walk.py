"""Walks a graph and describes its nodes: types, places, names, saved tensors.

With an explicit stack (recursion dies at 1,000 nodes), keyed by the wrapper objects themselves (their `id` is reused as soon as one is
dropped), each node once. Ids are the order of discovery, depth first in the order of slots.
"""

from __future__ import annotations

import types
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from gradtrace.recorder import torch_facts
from gradtrace.recorder.measure import fill_from_values, is_readable
from gradtrace.recorder.names import Scope, assigned_names
from gradtrace.recorder.slot_names import slot_inputs

if TYPE_CHECKING:
    from gradtrace.recorder.forward import ForwardTable
    from gradtrace.recorder.leaves import LeafState
    from gradtrace.recorder.session import Recorder

Node = Any
_CHUNK = 2_000
_MAX_ARGUMENT = 60


class _TypeFacts(NamedTuple):
    name: str
    op: str
    is_leaf: bool
    is_custom: bool
    saved: tuple[tuple[str, str], ...]
    arguments: tuple[tuple[str, str], ...]


_facts: dict[type, _TypeFacts] = {}


def _facts_of(node: Node) -> _TypeFacts:
    kind = type(node)
    known = _facts.get(kind)
    if known is not None:
        return known
    is_custom = issubclass(kind, torch._C._FunctionBase)
    name = kind.__name__
    attributes = dir(kind)
    raw = {entry.removeprefix("_raw_saved_") for entry in attributes if entry.startswith("_raw_saved_")}
    plain = {entry.removeprefix("_saved_") for entry in attributes if entry.startswith("_saved_")} - raw
    facts = _TypeFacts(
        name=name,
        op=torch_facts.op_name(name, is_custom=is_custom),
        is_leaf=name == "AccumulateGrad",
        is_custom=is_custom,
        saved=() if is_custom else tuple((entry, "_raw_saved_" + entry) for entry in sorted(raw)),
        arguments=()
        if is_custom
        else tuple((entry, "_saved_" + entry) for entry in sorted(plain) if "sym_" not in entry),
    )
    if not is_custom:  # classes of custom functions come and go
        _facts[kind] = facts
    return facts


class Walk:
    """The graph below some roots, as columns."""

    def __init__(self, roots: list[Node]) -> None:
        self.ids: dict[Node, int] = {}
        self.sources = array("l")
        self.targets = array("l")
        self.outputs = array("l")
        self.slots = array("l")
        self.first_edge = array("l")
        self._walk(roots)

    def _walk(self, roots: list[Node]) -> None:
        ids = self.ids
        order: list[Node] = []
        stack = list(reversed(roots))
        children: list[Any] = []
        while stack:
            node = stack.pop()
            if node in ids:
                continue
            ids[node] = len(order)
            order.append(node)
            following = node.next_functions
            children.append(following)
            for child, _ in reversed(following):
                if child is not None and child not in ids:
                    stack.append(child)
        for number, following in enumerate(children):
            self.first_edge.append(len(self.sources))
            for slot, (child, output) in enumerate(following):
                if child is not None:
                    self.sources.append(number)
                    self.targets.append(ids[child])
                    self.outputs.append(output)
                    self.slots.append(slot)
        self.first_edge.append(len(self.sources))

    def edge(self, node: int, slot: int) -> int:
        """The number of the edge that leaves a node at a slot, or -1."""
        first, last = self.first_edge[node], self.first_edge[node + 1]
        if first + slot < last and self.slots[first + slot] == slot:
            return first + slot
        for number in range(first, last):
            if self.slots[number] == slot:
                return number
        return -1


class Describer:
    """Writes the nodes and edges of one walk."""

    def __init__(self, recorder: Recorder, table: ForwardTable | None, scope: Scope) -> None:
        self._recorder = recorder
        self._journal = recorder.journal
        self._table = table
        self._scope = scope
        self._paths: dict[int, tuple[str | None, str | None]] = {}
        self._assigned: dict[int, tuple[str, ...]] = {}
        self._storages: set[int] = set()
        self.leaves: dict[int, tuple[LeafState, torch.Tensor]] = {}
        """By node id: the leaf of each AccumulateGrad."""
        self.sequence = array("Q")
        self.positions = array("l")

    def write(self, index: int, walk: Walk) -> None:
        """Write `nodes` and `edges` lines."""
        rows: list[Any] = []
        facts_by_node = [_facts_of(node) for node in walk.ids]
        for (node, number), facts in zip(walk.ids.items(), facts_by_node, strict=True):
            if facts.is_leaf:
                self._meet(node.variable, number)
        for (node, number), facts in zip(walk.ids.items(), facts_by_node, strict=True):
            rows.append(self._leaf_row(number, facts) if facts.is_leaf else self._row(node, number, facts))
            if len(rows) == _CHUNK:
                self._journal.write({"t": "nodes", "index": index, "rows": rows})
                rows = []
        if rows:
            self._journal.write({"t": "nodes", "index": index, "rows": rows})
        self._write_edges(index, walk, facts_by_node)

    def _write_edges(self, index: int, walk: Walk, facts_by_node: list[_TypeFacts]) -> None:
        rows: list[Any] = []
        n_slots = -1
        inputs: tuple[str, ...] | None = None
        described = -1
        nodes = list(walk.ids)
        for number, (source, target, output, slot) in enumerate(
            zip(walk.sources, walk.targets, walk.outputs, walk.slots, strict=True)
        ):
            if source != described:
                described = source
                facts = facts_by_node[source]
                n_slots = len(nodes[source].next_functions) if not facts.is_custom else 0
                inputs = _custom_inputs(nodes[source]) if facts.is_custom else slot_inputs(facts.name, n_slots)
            name = inputs[slot] if inputs is not None and slot < len(inputs) else None
            rows.append([source, target, slot, output, name])
            if len(rows) == _CHUNK or number == len(walk.sources) - 1:
                self._journal.write({"t": "edges", "index": index, "rows": rows})
                rows = []

    def _meet(self, variable: torch.Tensor, number: int) -> None:
        """Know all leaves before the first node says what it saved of them."""
        self.leaves[number] = (self._recorder.leaves.get(variable, self._scope), variable)
        if variable.layout is torch.strided and is_readable(variable):
            self._storages.add(variable.data_ptr())

    def _leaf_row(self, number: int, facts: _TypeFacts) -> list[Any]:
        state, variable = self.leaves[number]
        self.sequence.append(torch_facts.NO_SEQUENCE)
        self.positions.append(-1)
        output = [0, list(variable.shape), torch_facts.short_dtype(variable.dtype), str(variable.device)]
        module = None
        if state.record["kind"] != "tensor" and "." in state.name:
            module = state.name.rpartition(".")[0]
        return [number, facts.name, facts.op, state.name, module, None, None, None, state.id, [output]]

    def _row(self, node: Node, number: int, facts: _TypeFacts) -> list[Any]:
        sequence = node._sequence_nr()
        self.sequence.append(sequence)
        table = self._table
        position = table.find(sequence) if table is not None else -1
        if position < 0 and table is not None:
            for other in self._recorder.tables():
                position = other.find(sequence) if other is not table else -1
                if position >= 0:
                    table = other
                    break
        self.positions.append(position if table is self._table else -1)
        place_id = call = module = module_type = None
        names: tuple[str, ...] = ()
        if position >= 0 and table is not None:
            origin_number = table.origin_numbers[position]
            origin = table.origins[origin_number]
            place_id = self._journal.place(origin.place)
            call = origin.place.call if origin.place is not None else None
            module, module_type = self._module(origin.module)
            if place_id is not None and sequence == table.ends[position] - 1:
                last = (
                    origin.is_direct
                    or position + 1 == len(table.starts)
                    or table.origin_numbers[position + 1] != origin_number
                )
                names = self._assigned_at(place_id) if last else ()
        outputs = self._outputs(node, sequence, table)
        by_output = self._scope.results.get(node, {})
        name = by_output.get(0) or (names[0] if len(names) == 1 else None)
        if len(outputs) > 1:
            for entry in outputs:
                entry[5] = by_output.get(entry[0]) or (names[entry[0]] if len(names) == len(outputs) else None)
        return [
            number,
            facts.name,
            facts.op,
            name,
            module,
            module_type,
            call,
            place_id,
            None,
            outputs,
            self._saved(node, facts),
            facts.is_custom,
            self._backward_place(node) if facts.is_custom else None,
            _arguments(node, facts),
        ]

    def _module(self, number: int) -> tuple[str | None, str | None]:
        if number < 0:
            return None, None
        known = self._paths.get(number)
        if known is None:
            module = self._recorder.modules.references[number]()
            known = (None, None)
            if module is not None:
                known = (self._recorder.names.module_path(module), type(module).__name__)
                self._recorder.modules.remembered[number] = known
            else:
                known = self._recorder.modules.remembered.get(number, known)
            self._paths[number] = known
        return known

    def _assigned_at(self, place_id: int) -> tuple[str, ...]:
        names = self._assigned.get(place_id)
        if names is None:
            names = self._assigned[place_id] = assigned_names(self._journal.location(place_id))
        return names

    def _outputs(self, node: Node, sequence: int, table: ForwardTable | None) -> list[list[Any]]:
        rows = []
        try:
            metadata = node._input_metadata
        except (RuntimeError, AttributeError):
            return []
        for index, one in enumerate(metadata):
            try:
                row = [index, list(map(int, one.shape)), torch_facts.short_dtype(one.dtype), str(one.device)]
            except (
                RuntimeError,
                TypeError,
                ValueError,
            ):  # an output that takes no gradient, or a shape that is a symbol
                continue
            row += [None, None, False, []]
            if table is not None:
                key = (sequence, index)
                seen = table.values.get(key)
                if seen is not None:
                    row[4] = _value_row(seen)
                row[6] = key in table.retained
                hooked = table.hooked.get(key)
                if hooked is not None:
                    row[7] = [self._journal.place(place) for place in hooked[1]]
            rows.append(row)
        return rows

    def _saved(self, node: Node, facts: _TypeFacts) -> list[list[Any]]:
        rows: list[list[Any]] = []
        try:
            if facts.is_custom:
                for position, raw in enumerate(node._raw_saved_tensors or ()):
                    self._save(rows, f"saved[{position}]", raw)
            for name, attribute in facts.saved:
                raw = getattr(node, attribute)
                if isinstance(raw, tuple):
                    for position, one in enumerate(raw):
                        self._save(rows, f"{name}[{position}]", one)
                else:
                    self._save(rows, name, raw)
        except (RuntimeError, AttributeError):  # freed by an earlier pass
            return rows
        return rows

    def _save(self, rows: list[list[Any]], name: str, raw: Any) -> None:
        if getattr(raw, "unpack_hook", None) is not None:
            rows.append([name, None, None, 0, "cpu", False, None, True])
            return
        tensor = raw.data
        if not isinstance(tensor, torch.Tensor):
            return
        shared, leaf = False, None
        if type(tensor) in torch_facts.PLAIN_TYPES and tensor.layout is torch.strided and is_readable(tensor):
            pointer = tensor.data_ptr()
            shared = pointer in self._storages and pointer != 0
            self._storages.add(pointer)
            if tensor.requires_grad and tensor.is_leaf:
                state = self._recorder.leaves.find(tensor)
                leaf = state.id if state is not None else None
                shared = True
        value = None
        if tensor.numel() <= self._recorder.config.value_limit and tensor.device.type == "cpu" and is_readable(tensor):
            row: list[Any] = [None] * 11
            fill_from_values(row, (tensor if tensor.layout is torch.strided else tensor.to_dense()).tolist())
            value = row[10]
        dtype = torch_facts.short_dtype(tensor.dtype)
        rows.append(
            [
                name,
                list(tensor.shape),
                dtype,
                tensor.numel() * tensor.element_size(),
                str(tensor.device),
                shared,
                leaf,
                False,
                value,
            ]
        )

    def _backward_place(self, node: Node) -> int | None:
        function = getattr(node, "_forward_cls", None)
        backward = getattr(getattr(function, "backward", None), "__wrapped__", getattr(function, "backward", None))
        code = getattr(backward, "__code__", None)
        if not isinstance(code, types.CodeType) or code.co_filename.startswith(torch_facts.TORCH_DIRECTORY):
            return None
        return self._journal.function(code)


def _custom_inputs(node: Node) -> tuple[str, ...] | None:
    """Names of the arguments of a custom function's `forward`, one a slot, without its context."""
    function = getattr(node, "_forward_cls", None)
    forward = getattr(getattr(function, "forward", None), "__code__", None)
    if forward is None:
        return None
    names = forward.co_varnames[: forward.co_argcount]
    own_setup = getattr(function, "setup_context", None) is not torch.autograd.Function.setup_context
    return names if own_setup else names[1:]


def _arguments(node: Node, facts: _TypeFacts) -> list[tuple[str, str]]:
    found = []
    for name, attribute in facts.arguments:
        try:
            value = getattr(node, attribute)
        except (RuntimeError, AttributeError):
            continue
        if isinstance(value, bool | int | float | str) or (isinstance(value, tuple) and len(value) <= 8):  # noqa: PLR2004
            if attribute == "_saved_dim" and isinstance(value, int) and value >= 2**63:
                value -= 2**64  # torch shows a negative dim as an unsigned number
            found.append((name, repr(value)[:_MAX_ARGUMENT]))
    return found


def _value_row(seen: tuple[list[int], str, Any]) -> list[Any]:
    shape, dtype, value = seen
    row: list[Any] = [shape, dtype, 1, None, None, None, None, None, None, None, None]
    for extent in shape:
        row[2] *= extent
    fill_from_values(row, value)
    return row
