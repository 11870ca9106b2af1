"""Python source of scalar arithmetic as SymPy expressions: the functions that a calculus course has.

SymPy takes half a second to import, so this module is imported only where a closed form is wanted.
"""

import ast
import math
from collections.abc import Callable
from typing import Any

import sympy


class Unreadable(Exception):  # noqa: N818  it is no error: most programs are no formulas
    """The source is something else than the arithmetic of scalars."""


class Iverson(sympy.Function):  # type: ignore[misc]
    """1 where its argument is positive, else 0: the slope of relu, written `[w > 0]`."""

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002  SymPy's signature
        """The slope of a step, wherever it has one."""
        return sympy.Integer(0)

    def _eval_evalf(self, prec: int) -> Any:  # noqa: ARG002
        return sympy.Float(1.0 if self.args[0] > 0 else 0.0) if self.args[0].is_number else None

    def _sympystr(self, printer: Any) -> str:
        return f"[{printer.doprint(self.args[0])} > 0]"


class Relu(sympy.Function):  # type: ignore[misc]
    """The positive part."""

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002
        """Its slope."""
        return Iverson(self.args[0])

    def _eval_evalf(self, prec: int) -> Any:  # noqa: ARG002
        return sympy.Max(self.args[0], 0) if self.args[0].is_number else None

    def _sympystr(self, printer: Any) -> str:
        return f"relu({printer.doprint(self.args[0])})"


class Sigmoid(sympy.Function):  # type: ignore[misc]
    """The logistic function, written `σ(w)`."""

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002
        """Its slope, as every course writes it."""
        return Sigmoid(self.args[0]) * (1 - Sigmoid(self.args[0]))

    def _eval_evalf(self, prec: int) -> Any:
        return (1 / (1 + sympy.exp(-self.args[0]))).evalf(prec) if self.args[0].is_number else None

    def _sympystr(self, printer: Any) -> str:
        return f"σ({printer.doprint(self.args[0])})"


def _one(x: Any) -> Any:
    return x


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(sympy, name)
        for name in (
            *("exp", "log", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan"),
            *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf"),
        )
    },
    "arcsin": sympy.asin,
    "arccos": sympy.acos,
    "arctan": sympy.atan,
    "sigmoid": Sigmoid,
    "relu": Relu,
    "abs": sympy.Abs,
    "expm1": lambda x: sympy.exp(x) - 1,
    "log1p": lambda x: sympy.log(1 + x),
    "log2": lambda x: sympy.log(x) / sympy.log(2),
    "log10": lambda x: sympy.log(x) / sympy.log(10),
    "square": lambda x: x**2,
    "rsqrt": lambda x: 1 / sympy.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "neg": lambda x: -x,
    "silu": lambda x: x * Sigmoid(x),
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "pow": lambda x, y: x**y,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    # Of a scalar each of these is the scalar itself, or a copy of it.
    **dict.fromkeys(("sum", "mean", "clone", "squeeze", "requires_grad_", "tensor", "float", "double"), _one),
}

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.Div: lambda x, y: x / y,
    ast.Pow: lambda x, y: x**y,
}

_NAMESPACES = frozenset({"torch", "F", "nn.functional", "torch.nn.functional", "torch.special", "math"})
_NUMBERS = {"pi": sympy.pi, "e": sympy.E}
_MAKERS = frozenset({"tensor", "torch.tensor", "torch.as_tensor"})
_LARGEST_EXPONENT = 1000


def read(source: str, names: dict[str, Any]) -> tuple[str, Any]:
    """The name of the last value (empty without one) and what it is, as a SymPy expression.

    Args:
        source: statements, the last one an expression or an assignment.
        names: what stands for each name that is defined already; names that the statements define are added.

    Raises:
        Unreadable: if a part of it is no arithmetic.
    """
    name, value = "", None
    for statement in ast.parse(source).body:
        name, value = _statement(statement, names)
    if value is None:
        raise Unreadable
    return name, value


def _statement(statement: ast.stmt, names: dict[str, Any]) -> tuple[str, Any]:
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(), "retain_grad"), [], [])):
            return "", None  # says where a gradient is kept, and computes nothing
        case ast.Expr(value):
            return (value.id if isinstance(value, ast.Name) else ""), _value(value, names)
        case ast.Assign([ast.Name(name)], value):
            names[name] = sympy.Symbol(name, real=True) if _is_leaf(value) else _value(value, names)
            return name, names[name]
        case ast.AugAssign(ast.Name(name), operator, value) if name in names and type(operator) in _OPERATORS:
            names[name] = _OPERATORS[type(operator)](names[name], _value(value, names))
            return name, names[name]
    raise Unreadable


def _is_leaf(value: ast.expr) -> bool:
    """Whether it makes a tensor that requires grad."""
    return (
        isinstance(value, ast.Call)
        and ast.unparse(value.func) in _MAKERS
        and any(word.arg == "requires_grad" and ast.unparse(word.value) == "True" for word in value.keywords)
    )


def _value(tree: ast.expr, names: dict[str, Any]) -> Any:
    match tree:
        case ast.Constant(int() | float() as number) if not isinstance(number, bool) and math.isfinite(number):
            return sympy.Integer(number) if float(number).is_integer() else sympy.nsimplify(number, rational=True)
        case ast.Name(name) if name in names:
            return names[name]
        case ast.Name(name) if name in _NUMBERS:
            return _NUMBERS[name]
        case ast.Attribute(space, name) if ast.unparse(space) in {"torch", "math"} and name in _NUMBERS:
            return _NUMBERS[name]
        case ast.UnaryOp(ast.USub(), operand):
            return -_value(operand, names)
        case ast.UnaryOp(ast.UAdd(), operand):
            return _value(operand, names)
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
            return _computed(_OPERATORS[type(operator)], [_value(left, names), _value(right, names)])
        case ast.Call(function, arguments, []):
            return _call(function, arguments, names)
    raise Unreadable


def _call(function: ast.expr, arguments: list[ast.expr], names: dict[str, Any]) -> Any:
    match function:
        case ast.Name(name) if name not in names:
            inputs = arguments
        case ast.Attribute(space, name) if ast.unparse(space) in _NAMESPACES:
            inputs = arguments
        case ast.Attribute(receiver, name):
            inputs = [receiver, *arguments]
        case _:
            raise Unreadable
    if name not in _FUNCTIONS:
        raise Unreadable
    return _computed(_FUNCTIONS[name], [_value(item, names) for item in inputs])


def _computed(compute: Callable[..., Any], inputs: list[Any]) -> Any:
    if any(item.is_number and abs(item) > _LARGEST_EXPONENT for item in inputs[1:]):
        raise Unreadable  # 9**9**9 would be worked out exactly
    try:
        return compute(*inputs)
    except (TypeError, ArithmeticError):  # a wrong number of arguments, a division by 0
        raise Unreadable from None
