"""Which parameters are measured together: each by itself where they are few, else those of one module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradtrace.model.kinds import LeafKind
from gradtrace.recorder.leaves import LeafState

_FEW = 32
"""So many norms a step at most, unless more are asked for."""


class Parts(NamedTuple):
    """What is measured of an optimizer's parameters.

    Attributes:
        rows: names of modules, and the leaves below each; one leaf each where there are no modules.
        positions: of each parameter the row that it belongs to; None where each is a row of its own.
    """

    rows: tuple[tuple[str, tuple[int, ...]], ...]
    positions: tuple[int, ...] | None


def parts_of(states: Sequence[LeafState], depth: int) -> Parts:
    """The parts of some parameters.

    Args:
        states: the leaves, in the optimizer's order.
        depth: at least so many levels of module names are told apart; 0: all parameters.
    """
    if not depth or len(states) <= _FEW:
        return Parts(tuple((state.name, (state.id,)) for state in states), None)
    names = [_module(state) for state in states]
    levels = depth
    deepest = max(name.count(".") for name in names) + 1
    while levels < deepest and len({_shortened(name, levels + 1) for name in names}) <= _FEW:
        levels += 1
    rows: dict[str, list[int]] = {}
    for name, state in zip(names, states, strict=True):
        rows.setdefault(_shortened(name, levels), []).append(state.id)
    numbers = {name: number for number, name in enumerate(rows)}
    return Parts(
        tuple((name, tuple(leaves)) for name, leaves in rows.items()),
        tuple(numbers[_shortened(name, levels)] for name in names),
    )


def _module(state: LeafState) -> str:
    """The module of a parameter; one that is in none stands for itself."""
    module = state.name.rpartition(".")[0] if state.record.get("kind") != LeafKind.TENSOR else ""
    return module or state.name


def _shortened(name: str, levels: int) -> str:
    return ".".join(name.split(".")[:levels])
