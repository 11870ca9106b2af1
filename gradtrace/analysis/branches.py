"""Modules that are shown open although what stands around them is folded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from gradtrace.analysis.blocks import Block, BlockTree
from gradtrace.errors import RenderError
from gradtrace.suggest import close_names

_SUGGESTIONS = 4


@dataclass(frozen=True, slots=True)
class Branches:
    """What is open.

    Attributes:
        apart: the named modules and all around them: they are never one of several that are shown once.
        opened: these, and all modules inside the named ones.
    """

    apart: frozenset[Block] = frozenset()
    opened: frozenset[Block] = frozenset()


def branches(tree: BlockTree, names: Collection[str]) -> Branches:
    """Find the modules that bear one of the names (`encoder.layers.3`), every call of them.

    Raises:
        RenderError: no node was made in a module of that name; says which names come close.
    """
    apart: set[Block] = set()
    inside: set[Block] = set()
    missing = dict.fromkeys(names)
    for block in tree.blocks[1:] if names else ():
        name = next((name for name in names if f"{block.path}.".startswith(f"{name}.")), None)
        if name is None:
            continue
        missing.pop(name, None)
        inside.add(block)
        outer = block
        while outer.parent is not None and block.around not in inside:
            apart.add(outer)
            outer = outer.parent
    for name in missing:
        raise RenderError(f"nothing was computed in a module called {name!r}{_hint(tree, name)}")
    return Branches(frozenset(apart), frozenset(apart | inside))


def _hint(tree: BlockTree, name: str) -> str:
    known = dict.fromkeys(block.path for block in tree.blocks[1:])
    close = close_names(name, known, _SUGGESTIONS, 0.5)
    if close:
        return f"; there are {', '.join(close)}"
    return "" if known else "; the graph has no modules at all"
