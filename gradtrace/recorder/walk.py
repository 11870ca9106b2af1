"""Walks a graph and describes its nodes: types, places, names, saved tensors.

With an explicit stack (recursion dies at 1,000 nodes), keyed by the wrapper objects themselves (their `id` is reused
as soon as one is dropped), each node once. Ids are the order of discovery, depth first in the order of slots.
"""

from __future__ import annotations

import types
from array import array
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from gradtrace.model.kinds import LeafKind
from gradtrace.model.needs import ALL, Statistic
from gradtrace.recorder import torch_facts
from gradtrace.recorder.context import Context
from gradtrace.recorder.forward_table import ForwardTable, Origin
from gradtrace.recorder.kept_outputs import KeptOutputs
from gradtrace.recorder.leaves import LeafState
from gradtrace.recorder.looking import is_tensor
from gradtrace.recorder.measure import Measurements, begins_otherwise, has_memory, head, is_readable, values
from gradtrace.recorder.names import Scope, assigned_names
from gradtrace.recorder.sections import is_foreign
from gradtrace.recorder.slot_names import slot_inputs
from gradtrace.recorder.stream import encode, plain_text, quote

Node = Any
_CHUNK = 2_000
_MAX_ARGUMENT = 60
_MAX_LENGTH = 8
_ALL_ZERO = frozenset({Statistic.ALL_ZERO})


class _TypeFacts(NamedTuple):
    name: str
    op: str
    head: str
    """Type and op, encoded."""
    is_leaf: bool
    is_custom: bool
    saved: tuple[tuple[str, str, str], ...]
    arguments: tuple[tuple[str, str], ...]


class _Where(NamedTuple):
    place: int | None
    encoded: str
    """Module, its type, call and place, encoded."""
    names: tuple[str, ...]
    is_direct: bool


_NOWHERE = _Where(None, "null,null,null,null", (), is_direct=True)

_facts: dict[type, _TypeFacts] = {}


def _facts_of(node: Node) -> _TypeFacts:
    kind = type(node)
    known = _facts.get(kind)
    if known is not None:
        return known
    is_custom = issubclass(kind, torch_facts.CustomFunction)
    name = kind.__name__
    attributes = dir(kind)
    raw = {entry.removeprefix("_raw_saved_") for entry in attributes if entry.startswith("_raw_saved_")}
    plain = {entry.removeprefix("_saved_") for entry in attributes if entry.startswith("_saved_")} - raw
    op = torch_facts.op_name(name, is_custom=is_custom)
    facts = _TypeFacts(
        name=name,
        op=op,
        head=f"{quote(plain_text(name))},{quote(plain_text(op))}",
        is_leaf=name == "AccumulateGrad",
        is_custom=is_custom,
        saved=() if is_custom else tuple((entry, "_raw_saved_" + entry, "_saved_" + entry) for entry in sorted(raw)),
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
        self.n_slots = array("l")
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
            self.n_slots.append(len(following))
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


_OTHER_OP, _POSSIBLE, _SAME_OP = range(3)


def _fit(table: ForwardTable, position: int, op: str) -> int:
    """How well a call goes with a node of this op that it is said to have made."""
    origin = table.origins[table.origin_numbers[position]]
    call = "" if origin.place is None else origin.place.call.strip("_").removeprefix("r")
    if call == op.removeprefix("r"):
        return _SAME_OP
    return _OTHER_OP if origin.is_direct and torch_facts.has_own_node(call) else _POSSIBLE


def op_of(node: Node) -> str:
    """What the operation of a node is called."""
    return _facts_of(node).op


def find_origin(tables: list[ForwardTable], sequence: int, op: str) -> Origin | None:
    """Where the node was made that has this number and is of this op; none where several threads may have made it."""
    found = [(one, position) for one in tables if (position := one.find(sequence)) >= 0]
    if len(found) > 1:
        fits = [_fit(one, position, op) for one, position in found]
        found = [found[fits.index(max(fits))]] if max(fits) > _OTHER_OP else []
    if not found:
        return None
    table, position = found[0]
    return table.origins[table.origin_numbers[position]]


class Describer:
    """Writes the nodes and edges of one walk."""

    def __init__(self, context: Context, table: ForwardTable | None, scope: Scope) -> None:
        self._context = context
        self._journal = context.journal
        self._table = table
        self._scope = scope
        self._tables = [one for one in (table, *(one for one in context.tables() if one is not table)) if one]
        self._places: dict[tuple[int, int], _Where] = {}
        self._value_limit = context.config.value_limit
        self._storages: set[int] = set()
        self.is_close = False
        """All saved tensors are measured: the pass begins at what is not finite."""
        self._kept = KeptOutputs(context.journal) if context.config.facts else None
        self.leaves: dict[int, tuple[LeafState, torch.Tensor]] = {}
        """By node id: the leaf of each AccumulateGrad."""
        self.sequence = array("Q")
        self.positions = array("l")

    def write(self, index: int, walk: Walk) -> None:
        """Write `nodes` and `edges` lines."""
        rows: list[str] = []
        facts_by_node = [_facts_of(node) for node in walk.ids]
        for (node, number), facts in zip(walk.ids.items(), facts_by_node, strict=True):
            if facts.is_leaf:
                self._meet(node.variable, number)
        for (node, number), facts in zip(walk.ids.items(), facts_by_node, strict=True):
            rows.append(self._leaf_row(number, facts) if facts.is_leaf else self._guarded_row(node, number, facts))
            if len(rows) == _CHUNK:
                self._journal.write_rows("nodes", index, rows)
                rows = []
        if rows:
            self._journal.write_rows("nodes", index, rows)
        self._write_edges(index, walk, facts_by_node)

    def _write_edges(self, index: int, walk: Walk, facts_by_node: list[_TypeFacts]) -> None:
        rows: list[str] = []
        edge = 0
        for (node, number), facts in zip(walk.ids.items(), facts_by_node, strict=True):
            last = walk.first_edge[number + 1]
            if edge == last:
                continue
            inputs = _custom_inputs(node) if facts.is_custom else _encoded_inputs(facts.name, walk.n_slots[number])
            for position in range(edge, last):
                slot = walk.slots[position]
                name = inputs[slot] if inputs is not None and slot < len(inputs) else "null"
                rows.append(f"[{number},{walk.targets[position]},{slot},{walk.outputs[position]},{name}]")
            edge = last
            if len(rows) >= _CHUNK:
                self._journal.write_rows("edges", index, rows)
                rows = []
        if rows:
            self._journal.write_rows("edges", index, rows)

    def _meet(self, variable: torch.Tensor, number: int) -> None:
        """Know all leaves before the first node says what it saved of them."""
        self.leaves[number] = (self._context.leaves.get(variable, self._scope), variable)
        if is_readable(variable) and variable.layout is torch.strided:
            self._storages.add(torch_facts.pointer(variable))

    def _leaf_row(self, number: int, facts: _TypeFacts) -> str:
        state, variable = self.leaves[number]
        self.sequence.append(torch_facts.NO_SEQUENCE)
        self.positions.append(-1)
        module = "null"
        if state.record["kind"] != LeafKind.TENSOR and "." in state.name:
            module = quote(state.name.rpartition(".")[0])
        output = f"{_place_head(0, torch_facts.shape(variable), variable.dtype, variable.device)}]"
        return f"[{number},{facts.head},{quote(state.name)},{module},null,null,null,{state.id},[{output}]]"

    def _guarded_row(self, node: Node, number: int, facts: _TypeFacts) -> str:
        """The row of a node; only its type where the rest cannot be found out."""
        try:
            return self._row(node, number, facts)
        except BaseException as error:
            if not self._context.failures.absorb(f"a node {facts.name}", error):
                raise
        if len(self.sequence) == number:
            self.sequence.append(torch_facts.NO_SEQUENCE)
        if len(self.positions) == number:
            self.positions.append(-1)
        is_custom = "true" if facts.is_custom else "false"
        return f"[{number},{facts.head},null,null,null,null,null,null,[],[],{is_custom},null,[]]"

    def _row(self, node: Node, number: int, facts: _TypeFacts) -> str:
        sequence = node._sequence_nr()
        self.sequence.append(sequence)
        table, position = self._find(sequence, facts.op)
        self.positions.append(position if table is self._table else -1)
        where = _NOWHERE
        names: tuple[str, ...] = ()
        if position >= 0 and table is not None:
            origin_number = table.origin_numbers[position]
            where = self._where(table, origin_number)
            if where.place is not None and sequence == table.ends[position] - 1:
                names = where.names if where.is_direct or table.is_last_of_call(position) else ()
        by_output = self._scope.results.get(node)
        outputs = self._outputs(node, sequence, table, names, by_output or {})
        name = (by_output.get(0) if by_output else None) or (names[0] if len(names) == 1 else None)
        backward = self._backward_place(node) if facts.is_custom else None
        if facts.is_custom and self._kept is not None:
            self._kept.look(node)
        arguments = _arguments(node, facts) if facts.arguments else "[]"
        return (
            f"[{number},{facts.head},{_text(name)},{where.encoded},null,{outputs},{self._saved(node, facts)},"
            f"{'true' if facts.is_custom else 'false'},{_text_or_number(backward)},{arguments}"
            f"{self._history(sequence)}]"
        )

    def _history(self, sequence: int) -> str:
        """After which pass a node was made, and by which it was freed."""
        if self._table is None or not self._context.config.facts:
            return ""
        freed = self._table.freed.get(sequence)
        return f",{self._table.made_after(sequence)},{_text_or_number(freed)}"

    def _find(self, sequence: int, op: str) -> tuple[ForwardTable | None, int]:
        """The interval in which a node was made, on this thread or on another.

        Each thread counts for itself, so that several may know the number. Then the one is taken whose call bears the
        op's name; this thread's own if none does, unless its call is of another op; else none: no line is better than
        a wrong one.
        """
        table = self._table
        found = [(one, position) for one in self._tables if (position := one.find(sequence)) >= 0]
        if len(found) <= 1:
            return found[0] if found else (table, -1)
        fits = [_fit(one, position, op) for one, position in found]
        best = max(fits)
        return found[fits.index(best)] if best > _OTHER_OP else (table, -1)

    def _where(self, table: ForwardTable, origin_number: int) -> _Where:
        key = (id(table), origin_number)
        known = self._places.get(key)
        if known is None:
            origin = table.origins[origin_number]
            place = self._journal.place(origin.place)
            call = origin.place.call if origin.place is not None else None
            module, module_type = self._module(origin.module)
            encoded = f"{_text(module)},{_text(module_type)},{_text(call)},{_text_or_number(place)}"
            names = () if place is None else assigned_names(self._journal.location(place))
            known = self._places[key] = _Where(place, encoded, names, origin.is_direct)
        return known

    def _module(self, number: int) -> tuple[str | None, str | None]:
        if number < 0:
            return None, None
        modules = self._context.modules
        module = modules.references[number]()
        if module is not None:
            modules.remembered[number] = (self._context.names.module_path(module), type(module).__name__)
        return modules.remembered.get(number, (None, None))

    def _outputs(
        self, node: Node, sequence: int, table: ForwardTable | None, names: tuple[str, ...], by_output: dict[int, str]
    ) -> str:
        try:
            metadata = node._input_metadata
        except (RuntimeError, AttributeError) as error:
            if is_foreign(error):
                raise
            return "[]"
        rows = []
        single = len(metadata) == 1
        for index, one in enumerate(metadata):
            try:
                row = _place_head(index, tuple(one.shape), one.dtype, one.device)
            except (RuntimeError, TypeError, ValueError) as error:
                if is_foreign(error):
                    raise
                continue  # an output that takes no gradient, or a shape that is a symbol
            name = None
            if not single:
                name = by_output.get(index) or (names[index] if len(names) == len(metadata) else None)
            rows.append(row + self._output_rest((sequence, index), table, name))
        return f"[{','.join(rows)}]"

    def _output_rest(self, key: tuple[int, int], table: ForwardTable | None, name: str | None) -> str:
        """Value, name, whether it retains its gradient, and hooks."""
        if table is None:
            return f",null,{_text(name)}]"
        value = table.values.get(key)
        hooked = table.hooked.get(key)
        retained = key in table.retained
        if hooked is None and not retained:
            return "]" if value is None and name is None else f",{value or 'null'},{_text(name)}]"
        hooks = [] if hooked is None else [self._journal.place(place) for place in hooked[1]]
        return f",{value or 'null'},{_text(name)},{'true' if retained else 'false'},{encode(hooks)}]"

    def _saved(self, node: Node, facts: _TypeFacts) -> str:
        rows: list[str] = []
        if not torch_facts.SAVED_TENSORS_SHOW_DATA and self._context.saw_saved_hooks:
            return "[]"  # to look would be to unpack, and that runs the program's hooks
        try:
            if facts.is_custom:
                kept = node._raw_saved_tensors if torch_facts.SAVED_TENSORS_SHOW_DATA else node.saved_tensors
                self._save(rows, facts.name, "saved", tuple(kept or ()))
            for name, raw_name, plain_name in facts.saved:
                kept = getattr(node, raw_name if torch_facts.SAVED_TENSORS_SHOW_DATA else plain_name)
                self._save(rows, facts.name, name, kept)
        except (RuntimeError, AttributeError) as error:  # freed by an earlier pass
            if is_foreign(error):
                raise
        return f"[{','.join(rows)}]"

    def _save(self, rows: list[str], op: str, name: str, kept: Any) -> None:
        if type(kept) is tuple:
            for position, one in enumerate(kept):
                self._save(rows, op, f"{name}[{position}]", one)
            return
        if getattr(kept, "unpack_hook", None) is not None:
            rows.append(f'["{name}",null,null,0,"cpu",false,null,true]')
            return
        tensor = kept if is_tensor(kept) else getattr(kept, "data", None)
        if is_tensor(tensor):
            try:
                rows.append(self._saved_row(op, name, tensor))
            except BaseException as error:
                if not self._context.failures.absorb(f"a saved tensor {name} of type {type(tensor).__name__}", error):
                    raise

    def _saved_row(self, op: str, name: str, tensor: torch.Tensor) -> str:
        shared, leaf, value = False, None, "null"
        if is_readable(tensor):
            shared = self._is_shared(tensor)
            if tensor.requires_grad and tensor.is_leaf:
                state = self._context.leaves.find(tensor)
                leaf = state.id if state is not None else None
            if tensor.numel() <= self._value_limit and tensor.is_cpu and has_memory(tensor):
                value = values(tensor)
        rest = f"{'true' if shared else 'false'},{_text_or_number(leaf)},false,{value}"
        if value == "null":
            rest += self._statistics(tensor, ALL if self.is_close else self._context.config.of_saved(op, name))
        return f"{_saved_head(name, torch_facts.shape(tensor), tensor.dtype, tensor.device)},{rest}]"

    def _is_shared(self, tensor: torch.Tensor) -> bool:
        """Whether its memory was met before, at a leaf or at another node."""
        pointer = torch_facts.pointer(tensor)
        known = pointer in self._storages
        if pointer:
            self._storages.add(pointer)
        return known

    def _statistics(self, tensor: torch.Tensor, asked: frozenset[Statistic]) -> str:
        if not asked or not is_readable(tensor) or not tensor.is_floating_point():
            return ""
        if not tensor.is_cpu or not has_memory(tensor) or (asked == _ALL_ZERO and begins_otherwise(tensor)):
            return ""
        measured = Measurements(self._value_limit, asked)
        return f",{measured.row(measured.add(tensor))}"

    def _backward_place(self, node: Node) -> int | None:
        function = getattr(node, "_forward_cls", None)
        backward = getattr(getattr(function, "backward", None), "__wrapped__", getattr(function, "backward", None))
        code = getattr(backward, "__code__", None)
        if not isinstance(code, types.CodeType) or code.co_filename.startswith(torch_facts.TORCH_DIRECTORY):
            return None
        return self._journal.result(code)


def _custom_inputs(node: Node) -> tuple[str, ...] | None:
    """Encoded names of the arguments of a custom function's `forward`, one a slot, without its context."""
    function = getattr(node, "_forward_cls", None)
    forward = getattr(getattr(function, "forward", None), "__code__", None)
    if forward is None:
        return None
    names = forward.co_varnames[: forward.co_argcount]
    has_own_setup = getattr(function, "setup_context", None) is not torch.autograd.Function.setup_context
    return tuple(map(quote, names if has_own_setup else names[1:]))


@lru_cache(maxsize=4096)
def _encoded_inputs(node_type: str, n_slots: int) -> tuple[str, ...] | None:
    inputs = slot_inputs(node_type, n_slots)
    return None if inputs is None else tuple(map(quote, inputs))


@lru_cache(maxsize=65536)
def _place_head(index: int, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> str:
    """The beginning of an output's row: index, shape, dtype, device."""
    spec = head(torch.Size(shape), dtype)[0]
    return f'[{index},{spec[1 : spec.rindex(",")]},"{device}"'


@lru_cache(maxsize=65536)
def _saved_head(name: str, shape: torch.Size, dtype: torch.dtype, device: torch.device) -> str:
    """The beginning of a saved tensor's row: name, shape, dtype, bytes, device."""
    spec, numel = head(shape, dtype)
    return f'["{name}",{spec[1 : spec.rindex(",")]},{numel * dtype.itemsize},"{device}"'


def _arguments(node: Node, facts: _TypeFacts) -> str:
    found = []
    for name, attribute in facts.arguments:
        try:
            value = getattr(node, attribute)
        except (RuntimeError, AttributeError) as error:
            if is_foreign(error):
                raise
            continue
        if isinstance(value, bool | int | float | str) or (isinstance(value, tuple) and len(value) <= _MAX_LENGTH):
            found.append((name, repr(_signed(value))[:_MAX_ARGUMENT]))
    return encode(found)


def _signed(value: Any) -> Any:
    """Torch shows a negative integer argument as an unsigned one."""
    if isinstance(value, tuple):
        return tuple(_signed(one) for one in value)
    return value - 2**64 if isinstance(value, int) and value >= 2**63 else value


@lru_cache(maxsize=4096)
def _text(text: str | None) -> str:
    return "null" if text is None else quote(plain_text(text))


def _text_or_number(number: int | None) -> str:
    return "null" if number is None else str(number)
