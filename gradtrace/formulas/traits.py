"""What kind of op a node or a call is: one row an op answers whatever rules, texts and the analysis ask.

The rows stand in `trait_rows`; a test holds them to what torch does with the samples of its op database.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from gradtrace.formulas.trait_kinds import Traits
from gradtrace.formulas.trait_rows import ROWS
from gradtrace.model import Node

_MOST_KNOWN = 4096
"""Custom Functions bring any number of names."""

_UNKNOWN = Traits()
_NUMBERED = re.compile(r"(?:torch::autograd::)?(\w*?[a-zA-Z0-9])Backward\d+(_copy)?")
_NAMESPACE = re.compile(r"(special|linalg|fft)_")


def of(node: Node | str) -> Traits:
    """The traits of a node, or of a node type; of a custom Function, or a type without a row, that nothing is known.

    What torch does in a second derivative is another op: `ThresholdBackwardBackward0` is no ReLU.
    """
    if isinstance(node, str):
        return _of_type(node)
    return _UNKNOWN if node.is_custom else _of_type(node.type)


@lru_cache(maxsize=_MOST_KNOWN)
def _of_type(node_type: str) -> Traits:
    rows = _by_type()
    if node_type in rows:
        return rows[node_type]
    numbered = _NUMBERED.fullmatch(node_type)
    known = rows.get(numbered[1], _UNKNOWN) if numbered else _UNKNOWN
    return known.copying() if numbered and numbered[2] else known


@lru_cache(maxsize=_MOST_KNOWN)
def called(name: str) -> Traits:
    """The traits of what a program calls, or of an op by its name: `log_`, `__truediv__`, `special_xlogy`."""
    return _by_name().get(_plain(_NAMESPACE.sub("", name.strip("_"), count=1)), _UNKNOWN)


@cache
def _by_type() -> dict[str, Traits]:
    """Rows by node type without `Backward0`, or by the whole type where one overload differs from the others."""
    return {row.stem: row for row in ROWS}


@cache
def _by_name() -> dict[str, Traits]:
    rows = [row for row in ROWS if "Backward" not in row.stem]
    aliases = {_plain(alias): row for row in rows for alias in row.aliases}
    return aliases | {_plain(row.stem): row for row in rows}


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def by_operator(operator: str) -> frozenset[str]:
    """What torch calls an operator of Python (`@`): the names of its ops."""
    return _by_operator().get(operator, frozenset())


@cache
def _by_operator() -> dict[str, frozenset[str]]:
    signs = {row.operator for row in ROWS} - {""}
    return {sign: frozenset(row.stem.lower() for row in ROWS if row.operator == sign) for sign in signs}


def products() -> tuple[str, ...]:
    """Beginnings of the node types of products of matrices whose second factor is a weight or may be one."""
    return tuple(f"{row.stem}Backward" for row in ROWS if row.is_product)


def second_factors() -> tuple[str, ...]:
    """Torch's names of the second factors of these, each once."""
    return tuple(dict.fromkeys(row.factors[1] for row in ROWS if row.is_product))
