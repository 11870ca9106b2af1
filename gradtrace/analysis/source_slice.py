"""Where a number goes, by the source: which names a call's value is assigned to, and which sums take them in.

A call that stands in an f-string, in the arguments of `print` or in a list of logs reaches no sum.
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Iterator

from gradtrace.model import Location

_NUMERIC = frozenset(
    {
        *("float", "int", "complex", "round", "abs", "min", "max", "sum", "pow", "mean", "item"),
        *("map", "list", "tuple", "sorted", "reduce", "fsum", "prod", "sqrt", "exp", "hypot", "std", "var", "norm"),
        *("square", "fabs", "absolute"),
    }
)
"""Functions whose result is made of the numbers that they are given."""
_MADE_NUMBERS = frozenset({"item", "tolist", "numpy", "float"})
_COMPREHENSIONS = re.compile(r"((\.<locals>\.|^)<(genexpr|listcomp|setcomp|dictcomp)>)+$")

_SHOWING = frozenset(
    {
        *("print", "pprint", "info", "debug", "warning", "error", "exception", "write", "format", "log_dict"),
        *("log_metrics", "log_metric", "add_scalar", "add_scalars", "add_histogram", "set_postfix", "set_description"),
    }
)
"""Functions that show what they are given."""

_BRANCH = re.compile(r"^(elif\b|else\s*:|except\b|finally\s*:|case\b)")
_SUMS = (ast.Add, ast.Sub)

Span = tuple[int, int, int, int]
"""First line and offset, last line and offset, as `ast` counts them in the statement's own text."""


@functools.lru_cache(maxsize=2048)
def statements(text: str) -> ast.Module | None:
    """The statements of a source line, or the one that it begins; None where it cannot be read by itself."""
    source = _BRANCH.sub("if True:" if text.lstrip().startswith(("else", "finally")) else "if ", _dedented(text))
    for attempt in (source, f"{source} pass", f"{source}\n pass"):
        try:
            return ast.parse(attempt)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            continue
    return None


def _dedented(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def span_of(place: Location) -> Span | None:
    """The part of its statement that a place marks; None where its columns are not known."""
    lines = place.text.split("\n")
    if not place.end_column or len(lines) <= place.end_line - place.line:
        return None
    margin = len(lines[0]) - len(_dedented(place.text).split("\n", 1)[0])
    first, last = lines[0], lines[place.end_line - place.line]
    start = _n_bytes(first[margin : place.column - 1])
    return 1, start, 1 + place.end_line - place.line, _n_bytes(last[margin : place.end_column - 1])


def _n_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def goes_to(place: Location) -> frozenset[str]:
    """What the value of a call becomes part of: names, attributes and items (`kl`, `self.kl`, `terms['kl']`).

    A value that is returned becomes part of what the function gives (`penalty()`).
    """
    tree = statements(place.text)
    span = span_of(place)
    if tree is None:
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(tree):
        value = getattr(node, "value", None)
        if not isinstance(value, ast.expr) or not _feeds(value, span):
            continue
        if isinstance(node, ast.Assign):
            found.update(name for target in node.targets for name in _targets(target, value, span))
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.NamedExpr):
            found.add(ast.unparse(node.target))
        elif isinstance(node, ast.Return):
            found.add(f"{function_of(place).rpartition('.')[2]}()")
    return frozenset(found)


def function_of(place: Location) -> str:
    """The function whose statement it is: a comprehension is part of one."""
    return _COMPREHENSIONS.sub("", place.function) or "<module>"


def becomes_number(place: Location) -> bool:
    """Whether the statement makes numbers of the value of a call: `x.detach().pow(2).sum().item()`."""
    tree, span = statements(place.text), span_of(place)
    if tree is None or span is None:
        return False
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) in _MADE_NUMBERS]
    return any(_span(call) != span and _feeds(call, span) for call in calls)


def _called(call: ast.Call) -> str:
    """The name of the function or method that is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def is_shown(place: Location | None) -> bool:
    """Whether a value is made only to be looked at: it stands in an f-string, or in a call that prints or logs."""
    tree = statements(place.text) if place is not None else None
    span = span_of(place) if place is not None else None
    if tree is None or span is None:
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and _is_within(span, node):
            return True
        if isinstance(node, ast.Call) and _shows(node) and any(_is_within(span, part) for part in _arguments(node)):
            return True
    return False


def _shows(call: ast.Call) -> bool:
    name = _called(call)
    if name == "log":  # a logger's, and not the logarithm
        return any(isinstance(one, ast.Dict | ast.Constant | ast.JoinedStr) for one in _arguments(call))
    return name in _SHOWING


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _targets(target: ast.expr, value: ast.expr, span: Span | None) -> Iterator[str]:
    """The names of a target that get the value: of `a, b = x.item(), y.item()` one each."""
    if not isinstance(target, ast.Tuple | ast.List):
        yield ast.unparse(target)
    elif isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
        for one, part in zip(target.elts, value.elts, strict=True):
            if _feeds(part, span):
                yield from _targets(one, part, span)
    else:
        for one in target.elts:
            yield from _targets(one, value, None)


def _feeds(value: ast.expr, span: Span | None) -> bool:
    """Whether the call at the span is a part of which the value is computed; without a span any part will do."""
    if span is None or _span(value) == span:
        return True
    if not _is_within(span, value):
        return False
    return any(_feeds(part, span) for part in _parts(value))


def _parts(value: ast.expr) -> Iterator[ast.expr]:
    """The expressions of which another is computed as a number."""
    if isinstance(value, ast.Call):
        yield from value.args if _called(value) in _NUMERIC else ()
        if isinstance(value.func, ast.Attribute):
            yield value.func.value
    elif isinstance(value, ast.Compare | ast.JoinedStr | ast.Lambda):
        return
    elif isinstance(value, ast.IfExp):
        yield from (value.body, value.orelse)
    elif isinstance(value, ast.Subscript):
        yield value.value
    else:
        yield from (part for part in ast.iter_child_nodes(value) if isinstance(part, ast.expr))


def _span(node: ast.expr) -> Span:
    return node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0


def _is_within(span: Span, node: ast.expr) -> bool:
    first, start, last, end = _span(node)
    return (first, start) <= span[:2] and span[2:] <= (last, end)


def sums_of(place: Location) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The operands of every sum and difference in a statement, those of `loss += reg` included."""
    tree = statements(place.text)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.BinOp) and isinstance(node.op, _SUMS):
            yield node.left, node.right
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, _SUMS):
            yield node.target, node.value


def takes_in(place: Location, names: frozenset[str], span: Span | None, tensor: str | None) -> bool:
    """Whether a sum adds a number of these names, or the call at the span, to a tensor.

    The tensor is on the other side of the sum: its name, where that is known, is not on the number's side alone, and
    what is on that side is more than a constant.
    """
    for pair in sums_of(place):
        for side, other in (pair, pair[::-1]):
            own, others = _reads(side), _reads(other)
            is_number = bool(own & names) or (span is not None and _feeds(side, span) and _is_within(span, side))
            is_tensor = (
                bool(others) and not others & names and (tensor is None or tensor not in own or tensor in others)
            )
            if is_number and is_tensor:
                return True
    return False


def _reads(value: ast.expr) -> frozenset[str]:
    """The names, attributes, items and calls that an expression is computed from as a number."""
    found: set[str] = set()
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, ast.Name | ast.Attribute | ast.Subscript):
            found.add(ast.unparse(one))
        if isinstance(one, ast.Call):
            found.add(f"{ast.unparse(one.func).rpartition('.')[2]}()")
        stack += _parts(one)
    return frozenset(found)


def assigned(text: str) -> frozenset[str]:
    """The names to which a statement gives a new value."""
    tree = statements(text)
    found = [one for one in tree.body if isinstance(one, ast.Assign)] if tree is not None else []
    targets = [target for one in found for target in one.targets]
    parts = [part for target in targets for part in (getattr(target, "elts", None) or [target])]
    return frozenset(ast.unparse(part) for part in parts)
