"""What a block shows: its children, with repetitions and runs of views as one part each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from gradtrace.analysis.blocks import Block
from gradtrace.analysis.repeats import Run, find_runs
from gradtrace.analysis.structure import LevelEdge, Structure
from gradtrace.formulas import traits
from gradtrace.model import Node

_LEAST_SAVING = 4
"""A repetition is folded when at least so many nodes need not be drawn."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to show inside a block.

    Attributes:
        kind: `child` (a node or a block), `leaf` (one of the block's shared leaves), `chain` (nodes shown as one),
            `repeat` (`count` times `length` children, shown once as `body`), `stretch` (`body` shown as one item).
        start: position of its first child; for `leaf` the position in `Block.shared`.
        length: how many children one repetition has.
    """

    kind: str
    start: int
    length: int = 1
    count: int = 1
    body: tuple[Part, ...] = ()


def plain_parts(block: Block, first_uses: dict[int, int]) -> tuple[Part, ...]:
    """Every child by itself; `first_uses` says before which child each shared leaf stands."""
    return _with_leaves(tuple(Part("child", index) for index in range(len(block.children))), first_uses)


def folded_parts(block: Block, structure: Structure, first_uses: dict[int, int]) -> tuple[Part, ...]:
    """The children with repetitions and runs of views folded."""
    return _with_leaves(_Folding(block, structure).parts(0, len(block.children)), first_uses)


def _with_leaves(parts: tuple[Part, ...], first_uses: dict[int, int]) -> tuple[Part, ...]:
    """Put each shared leaf before the part that uses it first."""
    if not first_uses:
        return parts
    waiting = sorted(first_uses, key=lambda leaf: (first_uses[leaf], leaf), reverse=True)
    full: list[Part] = []
    for part in parts:
        end = part.start + part.length * part.count
        while waiting and first_uses[waiting[-1]] < end:
            full.append(Part("leaf", waiting.pop()))
        full.append(part)
    full.extend(Part("leaf", leaf) for leaf in reversed(waiting))
    return tuple(full)


class _Folding:
    """Folds the children of one block."""

    def __init__(self, block: Block, structure: Structure) -> None:
        self._block = block
        self._structure = structure
        self._symbols = structure.symbols(block)
        self._edges: dict[int, list[LevelEdge]] = {
            child: list(edges) for child, edges in groupby(structure.level_edges(block), key=lambda edge: edge.child)
        }

    def parts(self, start: int, end: int) -> tuple[Part, ...]:
        """The parts of a stretch of children."""
        parts: list[Part] = []
        runs = [Run(start + run.start, run.period, run.count) for run in find_runs(self._symbols[start:end])]
        for run in runs:
            for same in self._same_connections(run):
                if (same.count - 1) * self._n_nodes(same.start, same.start + same.period) < _LEAST_SAVING:
                    continue
                parts.extend(self._chains(start, same.start))
                body = self.parts(same.start, same.start + same.period)
                parts.append(Part("repeat", same.start, same.period, same.count, body))
                start = same.end
        parts.extend(self._chains(start, end))
        return tuple(parts)

    def _same_connections(self, run: Run) -> Iterator[Run]:
        """Cut a repetition where the connections inside one block differ from those in the next."""
        starts = range(run.start, run.end, run.period)
        for _, blocks in groupby(starts, key=lambda start: self._connections(start, run.period)):
            same = list(blocks)
            if len(same) > 1:
                yield Run(same[0], run.period, len(same))

    def _connections(self, start: int, length: int) -> list[LevelEdge]:
        """The edges inside a stretch of children, with children counted from its start."""
        return [
            edge._replace(child=edge.child - start, producer=edge.producer - start)
            for child in range(start, start + length)
            for edge in self._edges.get(child, ())
            if edge.producer >= start
        ]

    def _n_nodes(self, start: int, end: int) -> int:
        """How many nodes a stretch of children has, up to what matters here."""
        children = self._block.children[start:end]
        return sum(1 if isinstance(child, int) else _LEAST_SAVING for child in children)

    def _chains(self, start: int, end: int) -> Iterator[Part]:
        """Single children, with runs of views and casts as one part."""
        while start < end:
            length = 1
            while start + length < end and self._continues(start + length):
                length += 1
            yield Part("chain", start, length) if length > 1 else Part("child", start)
            start += length

    def _continues(self, index: int) -> bool:
        """Whether this child and the one before it are views, the one feeding the other and nothing else."""
        tree = self._structure.tree
        before, here = self._block.children[index - 1 : index + 1]
        if not (isinstance(before, int) and isinstance(here, int)):
            return False
        if not all(_is_shape_op(tree.graph.nodes[node]) for node in (before, here)):
            return False
        uses = [tree.graph.edges[edge].source for edge in tree.adjacency.arriving_at(before)]
        return uses == [here]


def _is_shape_op(node: Node) -> bool:
    """Whether a node only gives another shape, place or dtype to the same elements."""
    op = traits.of(node)
    return op.passes_all and (op.is_view or op.is_copy)
