"""What the graph of a pass keeps in memory for its backward: each storage once, for the first call that saved it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import prod

from gradtrace.analysis.choose_pass import with_graph
from gradtrace.analysis.constants import is_argument
from gradtrace.analysis.topology import forward_order
from gradtrace.formulas import traits
from gradtrace.model import BackwardPass, Graph, Leaf, LeafKind, Node, SavedTensor, Trace
from gradtrace.model.format import CHECKPOINT, CONTEXT, PACKED
from gradtrace.model.tensors import n_bytes


class Origin(StrEnum):
    """Where a storage comes from, as far as a recording tells."""

    OUTPUT = "output"
    """An operation of the graph made it."""
    INTERNAL = "internal"
    """The operation that saved it made it for its own backward: a mask, a mean, indices."""
    INPUT = "input"
    """It came into the graph as a constant."""
    UNKNOWN = "unknown"


_OWN_OUTPUTS = frozenset({"result", "output", "out", "result0", "self_output"})
"""Torch's names of what a node saves of its own result."""


@dataclass(frozen=True, slots=True)
class Saver:
    """A saved tensor with the node that saves it."""

    node: Node
    saved: SavedTensor


@dataclass(frozen=True, slots=True)
class KeptStorage:
    """Memory that is kept until the backward pass has run.

    Attributes:
        number: tells it from others of the graph.
        bytes: of the whole storage.
        savers: the saved tensors that lie in it, in the order of the forward pass.
        origin: where it comes from.
        maker: the node whose output it is, for an output.
        maker_output: which output of that node.
    """

    number: int
    bytes: int
    savers: tuple[Saver, ...]
    origin: Origin
    maker: Node | None = None
    maker_output: int = 0

    @property
    def first(self) -> Saver:
        """The tensor that it is counted for."""
        return self.savers[0]

    @property
    def nodes(self) -> set[int]:
        """Ids of the nodes that have saved it."""
        return {one.node.id for one in self.savers}

    @property
    def owner(self) -> str | None:
        """What the program calls it, if it holds it too."""
        return next((one.saved.owner for one in self.savers if one.saved.owner is not None), None)

    @property
    def device(self) -> str:
        """Where it lies."""
        return self.first.saved.device


@dataclass(frozen=True, slots=True)
class Apart:
    """Memory that exists without the graph: its tensors and their bytes."""

    count: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class SavedMemory:
    """What one pass keeps.

    Attributes:
        storages: what is kept for the backward alone, or by the program too, but not by its model; in forward order.
        parameters: the leaves of the graph.
        saved_parameters: storages that nodes have saved and that leaves, frozen parameters or buffers have anyway.
        gradients: the `.grad`s after the pass, as far as they were recorded.
        n_recomputed: saved tensors that a checkpoint computes anew when they are needed.
        n_unknown: saved tensors that some hook has put away where nobody can look.
        n_unsized: saved tensors whose memory could not be told.
    """

    backward: BackwardPass
    graph: Graph
    storages: tuple[KeptStorage, ...]
    parameters: Apart
    saved_parameters: Apart
    gradients: Apart
    n_recomputed: int
    n_unknown: int
    n_unsized: int

    @property
    def bytes(self) -> int:
        """All that is kept."""
        return sum(one.bytes for one in self.storages)


def saved_memory(backward: BackwardPass, leaves: Mapping[int, Leaf]) -> SavedMemory | None:
    """What the graph of a pass keeps; None for a pass without a graph that tells.

    Args:
        backward: the pass.
        leaves: those of the trace, by id.
    """
    graph = backward.graph
    if graph is None or graph.storages is None:
        return None
    savers, packed = _savers(graph)
    held = set(graph.storages.leaves.values())
    makers = Makers(graph)
    storages: list[KeptStorage] = []
    saved_parameters: list[KeptStorage] = []
    for number, found in savers.items():
        kept = makers.storage(number, found)
        is_held = number in held or any(one.saved.owner_kind in _OF_MODEL for one in found)
        (saved_parameters if is_held else storages).append(kept)
    n_recomputed, n_unknown = _packed(packed)
    return SavedMemory(
        backward,
        graph,
        tuple(storages),
        _leaves(graph, leaves),
        Apart(len(saved_parameters), sum(one.bytes for one in saved_parameters)),
        _gradients(backward),
        n_recomputed,
        n_unknown,
        sum(one.first.saved.bytes == 0 and prod(one.first.saved.shape or (1,)) > 0 for one in storages),
    )


_OF_MODEL = (LeafKind.PARAMETER, LeafKind.BUFFER)


def memories(trace: Trace) -> dict[int, SavedMemory]:
    """What each pass keeps, by index; passes without a graph, or of which nothing is told, are left out."""
    leaves = {leaf.id: leaf for leaf in trace.leaves}
    found = ((one.index, saved_memory(one, leaves)) for one in with_graph(trace))
    return {index: memory for index, memory in found if memory is not None}


def _savers(graph: Graph) -> tuple[dict[int, list[Saver]], list[list[Saver]]]:
    """By storage, the tensors that lie in it; and of each node that has any, those that are packed."""
    storages = graph.storages
    assert storages is not None  # noqa: S101
    starts, start = [], 0
    for node in graph.nodes:
        starts.append(start)
        start += len(node.saved)
    found: dict[int, list[Saver]] = {}
    packed: list[list[Saver]] = []
    for number in forward_order(graph):
        node = graph.nodes[number]
        hidden = [Saver(node, one) for one in node.saved if one.packed]
        if hidden:
            packed.append([*hidden, *(Saver(node, one) for one in node.saved if _is_held(one))])
        for position, saved in enumerate(node.saved):
            storage = storages.saved[starts[number] + position]
            if storage:
                found.setdefault(storage, []).append(Saver(node, saved))
    return found, packed


def _is_held(saved: SavedTensor) -> bool:
    return saved.name.startswith((CHECKPOINT, PACKED))


def _packed(nodes: list[list[Saver]]) -> tuple[int, int]:
    """How many packed tensors are computed anew, and how many are somewhere else.

    The inputs of a checkpoint are described at the first of its nodes alone: where there is a checkpoint at all, what
    is packed and not described is recomputed.
    """
    has_checkpoint = any(one.saved.name.startswith(CHECKPOINT) for node in nodes for one in node)
    n_packed = n_shown = 0
    for node in nodes:
        shown = {one.saved.name.removeprefix(PACKED) for one in node if one.saved.name.startswith(PACKED)}
        names = [one.saved.name for one in node if one.saved.packed]
        n_packed += len(names)
        n_shown += sum(name in shown for name in names)
    hidden = n_packed - n_shown
    return (hidden, 0) if has_checkpoint else (0, hidden)


class Makers:
    """Finds out what made the tensors of a graph, behind all views of it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._inputs = {(edge.source, edge.input): (edge.target, edge.output) for edge in graph.edges if edge.input}
        self._operands: dict[int, list[tuple[int, int]]] = {}
        for edge in graph.edges:
            self._operands.setdefault(edge.source, []).append((edge.target, edge.output))

    def storage(self, number: int, savers: list[Saver]) -> KeptStorage:
        """A storage with what is known of its making."""
        size = max(one.saved.bytes for one in savers)
        for one in savers:
            made = self._made(one)
            if made is not None and self._graph.nodes[made[0]].leaf is None:
                return KeptStorage(number, size, tuple(savers), Origin.OUTPUT, self._graph.nodes[made[0]], made[1])
        return KeptStorage(number, size, tuple(savers), _origin(savers))

    def _made(self, saver: Saver) -> tuple[int, int] | None:
        """Node and output that made what is saved, behind all views."""
        node, saved = saver.node, saver.saved
        if saved.name in _OWN_OUTPUTS:
            return self.behind_views(node.id, 0)
        found = self._inputs.get((node.id, saved.name)) or self._recorded(saver)
        return None if found is None else self.behind_views(*found)

    def behind_views(self, node: int, output: int) -> tuple[int, int]:
        """Node and output of which an output is a view; these themselves, where it is none."""
        operands = self._operands
        while traits.of(self._graph.nodes[node]).is_view and len(operands.get(node, ())) == 1:
            node, output = operands[node][0]
        return node, output

    def _recorded(self, saver: Saver) -> tuple[int, int] | None:
        storages = self._graph.storages
        position = next(at for at, one in enumerate(saver.node.saved) if one is saver.saved)
        maker = None if storages is None else storages.makers.get((saver.node.id, position))
        return None if maker is None else (maker, 0)


def _origin(savers: list[Saver]) -> Origin:
    """Where a storage comes from that no operation of the graph made as its output."""
    if any(one.saved.owner is not None for one in savers):
        return Origin.INPUT
    if any(is_mask(one) for one in savers):
        return Origin.INTERNAL
    if any(one.saved.name.startswith((CHECKPOINT, CONTEXT)) or one.node.is_custom for one in savers):
        return Origin.UNKNOWN
    return Origin.INPUT if any(is_argument(one.node, one.saved.name) for one in savers) else Origin.INTERNAL


def is_mask(saver: Saver) -> bool:
    """Whether it is the mask by which dropout, perhaps that of an attention, multiplies."""
    call = saver.node.call or ""
    return "dropout" in call or ("attention" in call and saver.node.op == "mul")


def _leaves(graph: Graph, leaves: Mapping[int, Leaf]) -> Apart:
    known = {node.leaf for node in graph.nodes if node.leaf is not None and node.leaf in leaves}
    sizes = [n_bytes(prod(leaves[leaf].shape), leaves[leaf].dtype) for leaf in known]
    return Apart(len(sizes), sum(sizes))


def _gradients(backward: BackwardPass) -> Apart:
    sizes = [n_bytes(one.after.numel, one.after.dtype) for one in backward.accumulations if one.after is not None]
    return Apart(len(sizes), sum(sizes))
