"""How elementwise ops send a gradient on, as a factor that can be computed from numbers and told in words."""

import math
from collections.abc import Callable
from dataclasses import dataclass

OF_ONE: dict[str, Callable[[float], float]] = {"sin": math.sin, "cos": math.cos, "log": math.log, "abs": abs}
OF_TWO: dict[str, Callable[[float, float], float]] = {"mul": lambda a, b: a * b, "div": lambda a, b: a / b}
"""What an op computes, where it is one number of one or two."""


@dataclass(frozen=True, slots=True)
class Factor:
    """How an elementwise op sends a gradient on: times a factor that depends on some operands.

    Attributes:
        words: the factor, with operands in braces: `× {other}`.
        needs: the operands of which it is computed.
        compute: the factor, element by element.
        show: whose value stands in brackets behind the words, or how it is computed; the factor itself when None.
    """

    words: str
    needs: tuple[str, ...]
    compute: Callable[..., float]
    show: str | Callable[..., float] | None = None


def _sigmoid_slope(result: float) -> float:
    return result * (1 - result)


_PASSED_ON = Factor("", (), lambda: 1.0)

FACTORS: dict[tuple[str, str], Factor] = {
    ("add", "self"): _PASSED_ON,
    ("add", "other"): _PASSED_ON,
    ("sub", "self"): _PASSED_ON,
    ("sub", "other"): Factor("× −1", (), lambda: -1.0),
    ("rsub", "self"): Factor("× −1", (), lambda: -1.0),
    ("mul", "self"): Factor("× {other}", ("other",), lambda other: other),
    ("mul", "other"): Factor("× {self}", ("self",), lambda self: self),
    ("div", "self"): Factor("÷ {other}", ("other",), lambda other: 1 / other, show="other"),
    ("div", "other"): Factor("× −{self}/{other}²", ("self", "other"), lambda self, other: -self / other**2),
    ("neg", "self"): Factor("× −1", (), lambda: -1.0),
    ("exp", "self"): Factor("× {result}", ("result",), lambda result: result),
    ("log", "self"): Factor("÷ {self}", ("self",), lambda self: 1 / self, show="self"),
    ("sin", "self"): Factor("× cos({self})", ("self",), math.cos),
    ("cos", "self"): Factor("× −sin({self})", ("self",), lambda self: -math.sin(self)),
    ("tanh", "self"): Factor("× (1 − tanh²)", ("result",), lambda result: 1 - result**2),
    ("sigmoid", "self"): Factor("× σ·(1 − σ)", ("result",), _sigmoid_slope),
    ("relu", "self"): Factor("× (1 where {self} > 0, else 0)", ("result",), lambda result: float(result > 0)),
    ("sqrt", "self"): Factor(
        "÷ (2·{result})", ("result",), lambda result: 1 / (2 * result), show=lambda result: 2 * result
    ),
    ("abs", "self"): Factor("× sign of {self}", ("self",), lambda self: float((self > 0) - (self < 0))),
    ("pow", "exponent"): Factor(
        "× {result}·log({self})", ("result", "self"), lambda result, self: result * math.log(self)
    ),
}
"""By op and torch's name of the input to which the gradient goes."""
