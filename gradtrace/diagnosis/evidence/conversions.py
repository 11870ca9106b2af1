"""Calls that failed because a tensor cannot be made what is wanted of it: an array, a number, a message."""

from __future__ import annotations

import ast

from gradtrace.analysis.source_slice import statements
from gradtrace.diagnosis.evidence.errors import Failure
from gradtrace.model import Location

_LONGEST = 30
_METHODS = frozenset({"numpy", "item", "tolist", "__array__", "__float__", "__int__"})


def converted(found: Failure) -> str | None:
    """How the line that failed writes the tensor that it converts: `y` of `y.numpy()`, `float(y)`, `np.array(y)`."""
    call = _call(found.place)
    if call is None:
        return None
    if isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS:
        text = ast.unparse(call.func.value)
    elif len(call.args) == 1 and not isinstance(call.args[0], ast.Starred):
        text = ast.unparse(call.args[0])
    else:
        return None
    return text if len(text) <= _LONGEST else None


def called_with(found: Failure) -> str | None:
    """The function that converts: `float`, `numpy`."""
    call = _call(found.place)
    if call is None:
        return None
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)


def _call(place: Location | None) -> ast.Call | None:
    """The call that a place marks."""
    if place is None or place.end_line not in (0, place.line):
        return None
    first = place.text.split("\n", 1)[0]
    tree = statements(first[place.column - 1 : place.end_column - 1 if place.end_column else None])
    body = tree.body[0] if tree is not None and tree.body else None
    value = body.value if isinstance(body, ast.Expr) else None
    return value if isinstance(value, ast.Call) else None
