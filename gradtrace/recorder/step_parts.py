"""Which parameters are measured together: each by itself where they are few, else those of one module."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from gradtrace.model.kinds import LeafKind
from gradtrace.recorder.leaves import LeafState

_FEW = 32
"""So many norms a step at most, unless more are asked for."""


Spread = tuple[tuple[int, ...], int] | None
"""Ranks that hold parts of a parameter, and how many of them hold the same; None for a parameter that is whole."""


class Parts(NamedTuple):
    """What is measured of an optimizer's parameters.

    Attributes:
        rows: names of modules, and the leaves below each; one leaf each where there are no modules.
        positions: of each parameter the row that it belongs to; None where each is a row of its own.
        spreads: how the parameters of each row are spread over ranks; empty where none is.
    """

    rows: tuple[tuple[str, tuple[int, ...]], ...]
    positions: tuple[int, ...] | None
    spreads: tuple[Spread, ...] = ()


def parts_of(states: Sequence[LeafState], depth: int, spreads: Sequence[Spread] = ()) -> Parts:
    """The parts of some parameters; what is spread over ranks otherwise is another part, though of the same name.

    Args:
        states: the leaves, in the optimizer's order.
        depth: at least so many levels of module names are told apart; 0: all parameters.
        spreads: how each is spread over ranks; empty where none is.
    """
    if not depth or len(states) <= _FEW:
        return Parts(tuple((state.name, (state.id,)) for state in states), None, tuple(spreads))
    names = [_module(state) for state in states]
    levels = depth
    deepest = max(name.count(".") for name in names) + 1
    while levels < deepest and len({_shortened(name, levels + 1) for name in names}) <= _FEW:
        levels += 1
    rows: dict[tuple[str, Spread], list[int]] = {}
    keys = [(_shortened(name, levels), how) for name, how in zip_longest(names, spreads)]
    for key, state in zip(keys, states, strict=True):
        rows.setdefault(key, []).append(state.id)
    numbers = {key: number for number, key in enumerate(rows)}
    return Parts(
        tuple((name, tuple(leaves)) for (name, _), leaves in rows.items()),
        tuple(map(numbers.__getitem__, keys)),
        tuple(how for _, how in rows) if spreads else (),
    )


def _module(state: LeafState) -> str:
    """The module of a parameter; one that is in none stands for itself."""
    module = state.name.rpartition(".")[0] if state.record.get("kind") != LeafKind.TENSOR else ""
    return module or state.name


def _shortened(name: str, levels: int) -> str:
    return ".".join(name.split(".")[:levels])
