"""The derivatives of a scalar expression as formulas: `∂root/∂w = 2*w*y` for `w*w*y`.

What is found here is shown only after it has been compared with a recorded gradient: a formula that does not hold for
the numbers of the run is never shown.
"""

import ast
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_MOST_OPERATIONS = 60
"""Larger derivatives take seconds to simplify, and nobody reads them."""

_LARGEST_POWER = 12
"""To factor a sum it is expanded, and larger powers have too many terms."""

_LONGEST_SOURCE = 300
_NUMBER = re.compile(r"\s*[-+]?[\d._]+(e[-+]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_STRANGERS = (ast.Subscript, ast.Lambda, ast.comprehension, ast.MatMult, ast.Starred, ast.FunctionDef, ast.For, ast.If)
"""Syntax that no formula of scalars has; where it occurs, SymPy need not be imported."""


@dataclass(frozen=True, slots=True)
class Derivative:
    """A derivative with respect to one leaf.

    Attributes:
        root: what the value is called: `z` of `z = w*w`, else `root`.
        source: the formula in Python's signs, `2*w*y`.
        constants: the names that stand for numbers, with these.
    """

    root: str
    leaf: str
    source: str
    expression: Any
    constants: tuple[tuple[str, float], ...] = ()

    def at(self, values: dict[str, float]) -> float | None:
        """Its value at a point; None where it has none among the real numbers."""
        values = {**values, **dict(self.constants)}
        known = {symbol: values[symbol.name] for symbol in self.expression.free_symbols if symbol.name in values}
        try:
            number = complex(self.expression.evalf(subs=known))
        except (TypeError, ValueError, ArithmeticError):
            return None
        return number.real if number.imag == 0 and math.isfinite(number.real) else None


def closed_forms(source: str, words: tuple[str, ...]) -> tuple[Derivative, ...]:
    """The derivatives with respect to all leaves; nothing where the source is no arithmetic of scalars.

    Args:
        source: the statements of an expression target.
        words: the words that define its names: `w=0.5`, `c:=2`.
    """
    return _found(source, words) if _may_be_scalar(source, words) else ()


def look_ahead(source: str, words: tuple[str, ...]) -> None:
    """Finds the derivatives where the names are numbers as they stand, so that `closed_forms` has them at hand.

    Only values of the run tell whether others are scalars; formulas of what is not would be worked out for nothing.
    """
    if all(_NUMBER.fullmatch(word.partition("=")[2]) for word in words):
        closed_forms(source, words)


def _may_be_scalar(source: str, words: tuple[str, ...]) -> bool:
    """Whether it is worth a look: no lists, no indices, nothing random, nothing long."""
    texts = [source, *(word.partition("=")[2] for word in words)]
    if sum(map(len, texts)) > _LONGEST_SOURCE:
        return False
    try:
        trees = [ast.parse(text.strip()) for text in texts]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return not any(isinstance(node, (*_STRANGERS, ast.List, ast.Tuple)) for node in nodes)


@lru_cache(maxsize=8)
def _found(source: str, words: tuple[str, ...]) -> tuple[Derivative, ...]:
    import sympy  # noqa: PLC0415  half a second, for expressions of scalars alone

    from gradtrace.formulas.symbolic import Unreadable, read  # noqa: PLC0415

    names: dict[str, Any] = {}
    leaves: list[str] = []
    constants: list[tuple[str, float]] = []
    try:
        for word in words:
            left, _, value = word.partition("=")
            name = left.strip().removesuffix(":").strip()
            names[name] = sympy.Symbol(name, real=True)
            if left.strip().endswith(":"):
                constants.append((name, float(read(value.strip(), {})[1])))
            else:
                leaves.append(name)
        root, expression = read(source, names)
        inner = {symbol.name for symbol in expression.free_symbols} - {*leaves, *dict(constants)}
        root = root if root and root not in (*leaves, *inner) else "root"
        return tuple(_derivative(root, leaf, expression, tuple(constants)) for leaf in (*leaves, *sorted(inner)))
    except (Unreadable, RecursionError, ArithmeticError, TypeError, ValueError, AttributeError):
        return ()


def _derivative(root: str, leaf: str, expression: Any, constants: tuple[tuple[str, float], ...]) -> Derivative:
    """Of several ways to write it, the one with the fewest operations."""
    import sympy  # noqa: PLC0415

    raw = sympy.diff(expression, sympy.Symbol(leaf, real=True))
    forms = [raw]
    powers = [abs(power.exp) for power in raw.atoms(sympy.Pow) if power.exp.is_number]
    if 2 < raw.count_ops() < _MOST_OPERATIONS and max(powers, default=0) < _LARGEST_POWER:  # noqa: PLR2004
        forms += [sympy.powsimp(raw), sympy.factor(raw)]  # no more: simplify() makes 1/cosh² of 1 - tanh²
    best = min(forms, key=lambda form: (form.count_ops(), len(str(form))))
    return Derivative(root, leaf, str(best), best, constants)
