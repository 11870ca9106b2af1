"""The last resort for graphs without modules or repetitions: neighbours are shown as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from gradtrace.analysis.blocks import Block, BlockTree
from gradtrace.analysis.parts import Part

_COARSEST = 20
"""Source lines say too little when there are this many times fewer than could be shown."""


def fitting_stretches(tree: BlockTree, block: Block, parts: Sequence[Part], most: int) -> tuple[Part, ...]:
    """Put neighbouring parts of a block together until at most `most` are left.

    Those of the same source line, in pieces where there is room for them, if that gives a reasonable number; else
    stretches of equal length.
    """
    if len(parts) <= most:
        return tuple(parts)
    leaves = [part for part in parts if _is_leaf(tree, block, part)]
    if len(leaves) * 2 <= most:  # they take no part in a cycle, wherever they stand before their uses
        ops = [part for part in parts if not _is_leaf(tree, block, part)]
        return (*leaves, *_stretches(tree, block, ops, most - len(leaves)))
    return _stretches(tree, block, parts, most)


def _is_leaf(tree: BlockTree, block: Block, part: Part) -> bool:
    if part.kind == "leaf":
        return True
    child = block.children[part.start]
    if part.kind != "child" or not isinstance(child, int):
        return False
    node = tree.graph.nodes[child]
    return node.leaf is not None or node.is_rest


def _stretches(tree: BlockTree, block: Block, parts: Sequence[Part], most: int) -> tuple[Part, ...]:
    by_line = [list(same) for _, same in groupby(parts, key=_SourceLine(tree, block))]
    if most <= len(by_line) * _COARSEST <= most * _COARSEST:
        return tuple(piece for line in by_line for piece in _pieces(line, most * len(line) // len(parts)))
    size = -(-len(parts) // max(1, most))
    return tuple(_joined(list(parts[start : start + size])) for start in range(0, len(parts), size))


def _pieces(parts: Sequence[Part], n_pieces: int) -> list[Part]:
    """Neighbouring parts in so many pieces, at least one, of nearly equal length."""
    n_pieces = max(1, n_pieces)
    bounds = [len(parts) * piece // n_pieces for piece in range(n_pieces + 1)]
    return [_joined(list(parts[start:end])) for start, end in pairwise(bounds)]


def _joined(parts: list[Part]) -> Part:
    return parts[0] if len(parts) == 1 else Part("stretch", parts[0].start, body=tuple(parts))


class _SourceLine:
    """The source line of a part's first op; leaves belong to the line before them, so that they do not cut it."""

    def __init__(self, tree: BlockTree, block: Block) -> None:
        self._tree = tree
        self._block = block
        self._latest: tuple[str, int] | None = None

    def __call__(self, part: Part) -> tuple[str, int] | None:
        child: int | Block = self._block.children[part.start] if part.kind != "leaf" else -1
        while isinstance(child, Block):
            child = child.children[0]
        if child >= 0 and self._tree.graph.nodes[child].leaf is None:
            location = self._tree.graph.nodes[child].location
            self._latest = location.source_line if location is not None else None
        return self._latest
