"""What passes refer to: shapes, descriptions of nodes, and their columns of whole numbers, each checked once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gradtrace.model import CompiledRegion, Effect, Location, SavedTensor
from gradtrace.recording.columns import Columns, Rows
from gradtrace.recording.damage import Damage


class Spec(NamedTuple):
    """A shape and a dtype."""

    shape: tuple[int, ...]
    dtype: str
    numel: int


class OutputKind(NamedTuple):
    """`NodeOutput` without what is measured."""

    number: int
    shape: tuple[int, ...]
    dtype: str
    device: str
    name: str | None
    retains_grad: bool
    hooks: tuple[Location, ...]


class NodeKind(NamedTuple):
    """`Node` without what is measured."""

    type: str
    op: str
    name: str | None
    module: str | None
    module_type: str | None
    call: str | None
    location: Location | None
    outputs: tuple[OutputKind, ...]
    saved: tuple[SavedTensor, ...]
    is_custom: bool
    backward_location: Location | None
    arguments: tuple[tuple[str, str], ...]
    inputs: tuple[str, ...]
    region: CompiledRegion | None = None


class GraphTable:
    """The columns of a graph; raises `Damage` where they contradict one another."""

    def __init__(self, columns: Columns, n_nodes: int, n_edges: int) -> None:
        self.kinds = columns.get("kind", [])
        self.sources = columns.get("source", [])
        self.targets = columns.get("target", [])
        self.slots = columns.get("slot", [])
        self.outputs = columns.get("output", [])
        if len(self.kinds) != n_nodes:
            raise Damage(f"the graph has {len(self.kinds)} nodes, where it says {n_nodes}")
        for column in (self.sources, self.targets, self.slots, self.outputs):
            if len(column) != n_edges:
                raise Damage(f"the graph has {len(column)} edges, where it says {n_edges}")
        for ends in (self.sources, self.targets):
            if ends and max(ends) >= n_nodes:
                raise Damage(f"an edge names node {max(ends)} of {n_nodes}")


class StateTable:
    """The columns of what is known before a pass runs."""

    def __init__(self, columns: Columns) -> None:
        self.specs, self.forms = _described(columns)
        self.leaves = Rows(columns, "leaf", 2)
        self.values = Rows(columns, "value", 3)
        self.saved = Rows(columns, "saved", 3)
        self.saved_leaves = Rows(columns, "saved_leaf", 3)
        self.storages = columns.get("storage")
        self.leaf_storages = columns.get("leaf_storage", [])
        self.makers = Rows(columns, "maker", 3)
        self.made = Rows(columns, "made", 2)
        self.freed = Rows(columns, "freed", 2)
        self.calls = Rows(columns, "call", 2)


class FlowTable:
    """The columns of what moved, and where it landed."""

    def __init__(self, columns: Columns, effects: Sequence[Effect]) -> None:
        self.specs, self.forms = _described(columns)
        self.order = columns.get("order", [])
        self.received = Rows(columns, "received", 3)
        self.arrived = Rows(columns, "arrived", 3)
        self.sent = Rows(columns, "sent", 2)
        self.saved = Rows(columns, "saved", 3)
        self.inside = Rows(columns, "inside", 3)
        self.accumulations = [(*row[:4], _effect(effects, row[4])) for row in Rows(columns, "accumulation", 5)]


def _described(columns: Columns) -> tuple[Sequence[int], Sequence[int]]:
    specs, forms = columns.get("spec", []), columns.get("form", [])
    if len(specs) != len(forms):
        raise Damage(f"{len(specs)} tensors have {len(forms)} forms")
    return specs, forms


def _effect(effects: Sequence[Effect], number: int) -> Any:
    if not 0 <= number < len(effects):
        raise Damage(f"there is no effect {number}")
    return effects[number]
