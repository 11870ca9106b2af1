"""What a rule or a picture reads of tensors, so that the recorder measures that and no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Statistic(StrEnum):
    """What can be measured of a tensor (fields of `TensorStats`)."""

    NORM = "norm"
    FINITE = "finite"
    """Whether all of it is finite: `nan` and `inf`."""
    ZEROS = "zeros"
    ALL_ZERO = "all_zero"
    """How many zeros there are (`zero`), but only where there is nothing else."""
    EXTREMES = "extremes"
    """`min` and `max`."""
    MEAN = "mean"
    VALUES = "values"
    """All elements of a small tensor, from which everything else follows."""


class Tensors(StrEnum):
    """Of which tensors something can be measured."""

    GRADIENTS = "gradients"
    """What nodes receive and send."""
    LEAVES = "leaves"
    """The `.grad` of leaves, and what a pass adds to it."""
    ROOTS = "roots"
    """The values at which passes begin."""
    RESULTS = "results"
    """Forward results."""
    SAVED = "saved"
    """What nodes keep for their backward."""
    TROUBLE = "trouble"
    """What stands around a number that is not finite, or a gradient lost to half precision, where one arises."""


ALL = frozenset(Statistic)
USUAL = frozenset({Statistic.NORM, Statistic.FINITE, Statistic.VALUES})


@dataclass(frozen=True, slots=True)
class Need:
    """Some statistics of some tensors.

    Attributes:
        ops: beginnings of the types of nodes at which they are needed, such as `MmBackward`; empty for all.
        names: torch's names of the saved tensors that are meant; empty for all.
    """

    of: Tensors
    statistics: frozenset[Statistic]
    ops: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def is_at(self, op: str, name: str) -> bool:
        """Whether it asks for what a node of this type saved under this name."""
        return (not self.ops or op.startswith(self.ops)) and (not self.names or name in self.names)

    def plain(self) -> list[Any]:
        """As JSON has it."""
        return [self.of, sorted(self.statistics), self.ops, self.names]

    @classmethod
    def read(cls, plain: list[Any]) -> Need:
        """The inverse of `plain`."""
        of, statistics, ops, names = plain
        return cls(Tensors(of), frozenset(map(Statistic, statistics)), tuple(ops), tuple(names))


Needs = tuple[Need, ...]


def need(of: Tensors, *statistics: Statistic, ops: Iterable[str] = (), names: Iterable[str] = ()) -> Need:
    """A need in short."""
    return Need(of, frozenset(statistics), tuple(ops), tuple(names))


USUALLY: Needs = tuple(Need(of, USUAL) for of in (Tensors.GRADIENTS, Tensors.LEAVES, Tensors.RESULTS, Tensors.ROOTS))
"""What pictures and stories show."""


def together(many: Iterable[Needs]) -> Needs:
    """The needs of several, each once, in a fixed order."""
    unique = {one for needs in many for one in needs}
    return tuple(sorted(unique, key=lambda one: (one.of, sorted(one.statistics), one.ops, one.names)))
