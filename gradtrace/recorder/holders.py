"""Which variables keep graphs of earlier steps alive.

From the variables that can be seen from a call, through containers and the program's own objects, within bounds.
"""

from __future__ import annotations

import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any

import torch

from gradtrace.model.kinds import HolderKind
from gradtrace.recorder import torch_facts
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.journal import Journal, positions
from gradtrace.recorder.looking import attributes, copied, is_any_of, is_module, is_tensor, module_of
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import Place, is_internal, locals_of
from gradtrace.recorder.stores import stored_at, stores

_MAX_NODES = 5_000
_MAX_OBJECTS = 20_000
_MAX_DEPTH = 5
_MIN_PASSES = 3
_CO_NEWLOCALS = 0x2
_TENSOR = torch.Tensor
_OPAQUE = (type, types.ModuleType, types.FunctionType, types.MethodType, torch.optim.Optimizer, str, bytes, int, float)


def write_holders(journal: Journal, table: ForwardTable | None, frame: types.FrameType | None) -> None:
    """Write a line for each variable from which nodes of several passes can be reached."""
    if table is None:
        return
    groups: dict[str, list[tuple[str, Any]]] = {}
    scope: Scope | None = None
    for path, tensor in _results(frame):
        groups.setdefault(path.partition("[")[0], []).append((path, tensor.grad_fn))
    for base, members in groups.items():
        n_nodes, passes, newest = _reach([node for _, node in members], table)
        if len(passes) < _MIN_PASSES:
            continue
        scope = scope or Scope(frame)
        position = table.find(newest)
        made = table.origins[table.origin_numbers[position]].place if position >= 0 else None
        path = f"{base}[" if "[" in members[0][0] else base
        is_made_there = made is not None and stores(made, path)
        stored = None if is_made_there else stored_at(frame, scope.codes(), path)
        place = made if stored is None or _is_same_line(stored, made) else stored
        journal.write(
            {
                "t": "holder",
                "name": base,
                "kind": HolderKind.VARIABLE,
                "location": journal.place(place),
                "made": journal.place(made),
                "n_tensors": len(members),
                "n_nodes": n_nodes,
                "n_passes": len(passes),
                "pass_index": journal.last_pass_index,
            }
        )


def _is_same_line(one: Place, other: Place | None) -> bool:
    return (
        other is not None
        and one.code is other.code
        and positions(one.code, one.instruction)[0] == positions(other.code, other.instruction)[0]
    )


def _results(frame: types.FrameType | None) -> Iterator[tuple[str, torch.Tensor]]:
    """Results with a graph that can be reached, each once, with the path that leads there."""
    queue: deque[tuple[str, Any, int]] = deque()
    seen_globals: set[int] = set()
    while frame is not None:
        if not is_internal(frame.f_code):
            spaces = [locals_of(frame)] if frame.f_code.co_flags & _CO_NEWLOCALS else []
            if id(frame.f_globals) not in seen_globals:
                seen_globals.add(id(frame.f_globals))
                spaces.append(copied(frame.f_globals))
            queue.extend(
                (name, value, 0)
                for space in spaces
                for name, value in space.items()
                if type(name) is str and name[:2] != "__" and _may_lead_on(value)
            )
        frame = frame.f_back
    seen: set[int] = set()
    while queue and len(seen) < _MAX_OBJECTS:
        path, value, depth = queue.popleft()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if is_tensor(value):
            yield path, value
        elif depth < _MAX_DEPTH:
            queue.extend((path + step, part, depth + 1) for step, part in _parts(value))


def _parts(value: Any) -> list[tuple[str, Any]]:
    """What may lead to a tensor, and the step there; of thousands of things in a model few do."""
    kind = type(value)
    if is_any_of(value, list, tuple, deque, set):
        return [(f"[{position}]", part) for position, part in enumerate(tuple(value)) if _may_lead_on(part)]
    if is_any_of(value, dict, defaultdict, OrderedDict):
        parts = [(key, part) for key, part in tuple(dict.items(value)) if _may_lead_on(part)]
        return [(f"[{key!r}]", part) for key, part in parts if is_any_of(key, str, int)]
    if module_of(kind).partition(".")[0] in ("torch", "numpy", "builtins") and not is_module(value):
        return []
    return [("." + key, part) for key, part in attributes(value).items() if _may_lead_on(part)]


def _may_lead_on(part: Any) -> bool:
    """Whether it is a result with a graph, or neither of a kind that holds nothing nor empty."""
    kind = type(part)
    if part is None or kind is bool or kind is int or kind is float or kind is str:  # most are
        return False
    if issubclass(kind, _TENSOR):
        has_graph = kind in torch_facts.PLAIN_TYPES and part.requires_grad
        return has_graph and not torch_facts.is_written_view(part) and not part.is_leaf
    if issubclass(kind, _OPAQUE):
        return False
    return not is_any_of(part, dict, OrderedDict, list, tuple, set) or len(part) > 0


def _reach(nodes: list[Any], table: ForwardTable) -> tuple[int, set[int], int]:
    """Nodes below these, the steps in which they were made, and the number of the newest of these themselves."""
    seen: set[Any] = set()
    passes: set[int] = set()
    stack = list(nodes)
    while stack and len(seen) < _MAX_NODES:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if getattr(node, "variable", None) is None:
            passes.add(table.made_after(node._sequence_nr()))
        stack.extend(child for child, _ in node.next_functions if child is not None)
    return len(seen), passes, max(node._sequence_nr() for node in nodes)
