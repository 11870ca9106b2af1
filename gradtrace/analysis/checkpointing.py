"""How much less a graph would keep if calls of a module were checkpointed: computed anew in the backward pass.

A checkpoint keeps the inputs of a call, and no longer what was saved inside of it: unless somebody outside saved it.
What came into a call as a constant, and what nobody knows the origin of, is taken for an input: it stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from gradtrace.analysis.blocks import Block, BlockTree, block_tree
from gradtrace.analysis.memory_groups import alike
from gradtrace.analysis.saved_memory import KeptStorage, Makers, Origin, SavedMemory
from gradtrace.model import Graph
from gradtrace.model.tensors import n_bytes


@dataclass(frozen=True, slots=True)
class Checkpointing:
    """What it would save to checkpoint each call of a module, or of modules that are alike.

    Attributes:
        path: the module; `*` stands for the numbers of those that are alike.
        module_type: its class, if it is known.
        n_modules: how many modules that are.
        n_calls: how often they are called in all.
        saved: how many bytes of what is kept now were saved in them.
        less: how many bytes less would be kept.
    """

    path: str
    module_type: str | None
    n_modules: int
    n_calls: int
    saved: int
    less: int


@dataclass(frozen=True, slots=True)
class _Call:
    """A stretch of the forward order."""

    start: int
    end: int


def checkpointing(memory: SavedMemory) -> tuple[Checkpointing, ...]:
    """What each module would save, the most first; modules for which it would save nothing are left out."""
    tree = block_tree(memory.graph)
    paths: dict[str, list[Block]] = {}
    for block in tree.blocks[1:]:
        paths.setdefault(block.path, []).append(block)
    families: dict[tuple[str, str | None], dict[str, list[Block]]] = {}
    for path, blocks in paths.items():
        kind = next((block.module_type for block in blocks if block.module_type), None)
        families.setdefault((alike(path), kind), {})[path] = blocks
    estimate = _Estimate(memory, tree)
    found = []
    for (pattern, kind), members in families.items():
        blocks = [block for each in members.values() for block in each]
        calls = [call for block in blocks for call in estimate.calls(block)]
        less = memory.bytes - estimate.kept(calls)
        path = pattern if len(members) > 1 else next(iter(members))
        if less > 0:
            found.append(Checkpointing(path, kind, len(members), len(calls), estimate.saved_in(calls), less))
    return tuple(sorted(found, key=lambda one: (-one.less, one.path)))


class _Estimate:
    """Counts what would be kept."""

    def __init__(self, memory: SavedMemory, tree: BlockTree) -> None:
        self._memory = memory
        self._graph: Graph = memory.graph
        self._tree = tree
        self._makers = Makers(memory.graph)
        self._by_output: dict[tuple[int, int], KeptStorage] = {
            (one.maker.id, one.maker_output): one for one in memory.storages if one.maker is not None
        }
        self._not_counted = {node.id for node in memory.graph.nodes if node.leaf is not None}

    def calls(self, block: Block) -> list[_Call]:
        """The calls of a module that stand in a block: several, where nothing lies between one and the next.

        Calls are taken to be there where the nodes repeat from some position on; before it may stand a call with fewer,
        whose input takes no gradient. A loop inside of one call looks the same: then more inputs are taken to stay.
        """
        n_nodes, stack = 0, [block]
        while stack:
            for child in stack.pop().children:
                if isinstance(child, int):
                    n_nodes += 1
                else:
                    stack.append(child)
        nodes = [self._graph.nodes[node] for node in self._tree.order[block.start : block.start + n_nodes]]
        places = [place for place, node in enumerate(nodes) if node.leaf is None]
        period = _period([(nodes[place].op, nodes[place].module, nodes[place].location) for place in places])
        starts = [0] if period is None else sorted({0, *(places[at] for at in range(len(places) - period, 0, -period))})
        ends = [*starts[1:], n_nodes]
        return [_Call(block.start + start, block.start + end) for start, end in zip(starts, ends, strict=True)]

    def kept(self, calls: Sequence[_Call]) -> int:
        """How many bytes are kept when these calls are checkpointed."""
        inside = self._inside(calls)
        held = {one.number: one.bytes for one in self._memory.storages if self._stays(one, inside)}
        inputs: dict[tuple[int, int], int] = {}
        for edge in self._graph.edges:
            call = inside[edge.source]
            if not call or inside[edge.target] == call:
                continue
            maker = self._makers.behind_views(edge.target, edge.output)
            if maker[0] in self._not_counted:
                continue
            known = self._by_output.get(maker)
            if known is not None:
                held[known.number] = known.bytes
            else:
                inputs[maker] = self._size(*maker)
        return sum(held.values()) + sum(inputs.values())

    def saved_in(self, calls: Sequence[_Call]) -> int:
        """How many bytes of what is kept now were first saved inside these calls."""
        inside = self._inside(calls)
        return sum(one.bytes for one in self._memory.storages if inside[one.first.node.id])

    def _inside(self, calls: Sequence[_Call]) -> list[int]:
        """Of each node the number of the call that it stands in, from 1; 0 for none."""
        inside = [0] * len(self._graph.nodes)
        for number, call in enumerate(calls, start=1):
            for node in self._tree.order[call.start : call.end]:
                inside[node] = number
        return inside

    def _stays(self, storage: KeptStorage, inside: Sequence[int]) -> bool:
        """Whether a storage is kept although calls are checkpointed."""
        calls = {inside[node] for node in storage.nodes}
        if 0 in calls:
            return True
        if storage.maker is not None:
            return calls != {inside[storage.maker.id]}
        return storage.origin is not Origin.INTERNAL

    def _size(self, node: int, output: int) -> int:
        """How many bytes an output has that nobody saves so far."""
        for one in self._graph.nodes[node].outputs:
            if one.index == output:
                return n_bytes(prod(one.shape), one.dtype)
        return 0


def _period(keys: Sequence[object]) -> int | None:
    """After how many symbols a sequence repeats, from its end back to its beginning or one period behind it."""
    for period in range(1, len(keys) // 2 + 1):
        first = len(keys) - period
        while first > 0 and keys[first - 1] == keys[first - 1 + period]:
            first -= 1
        n_whole = (len(keys) - first) // period
        if n_whole > 1 and len(keys) - n_whole * period <= period:
            return period
    return None
