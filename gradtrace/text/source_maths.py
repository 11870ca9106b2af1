"""Source text as maths: `w * w` becomes `w·w`, `x ** 2` becomes `x²`."""

import ast

from gradtrace.formulas import traits
from gradtrace.model import Location

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

_OPERATORS: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: (" + ", 1),
    ast.Sub: (" − ", 1),
    ast.Mult: ("·", 2),
    ast.Div: ("/", 2),
    ast.MatMult: (" @ ", 2),
}
"""Sign and how tightly it binds."""

_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}
"""As Python writes them."""

_ATOM = 9
_POWER = 4
_LONGEST_SOURCE = 400


def span(location: Location | None) -> str:
    """The source text of a place; empty when it is not known or spans several lines.

    Where the place is a target that is unpacked or written to, the statement: `a, b = x` for the place `a, b`, and
    `h[0] = 7` for `h[0]`.
    """
    if location is None or not location.text or location.end_line > location.line:
        return ""
    end = max(location.end_column - 1, 0)
    source, rest = location.text[location.column - 1 : end].strip(), location.text[end:].lstrip()
    is_target = ("," in source or source.endswith("]")) and rest.startswith("=") and not rest.startswith("==")
    return _statement(f"{source} {rest.rstrip()}") or source if is_target else source


def _statement(text: str) -> str:
    """A statement without the comment behind it; empty where it goes on in the next line."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return ""
    return ast.get_source_segment(text, body[0]) or "" if len(body) == 1 else ""


def short(source: str) -> str:
    """A long method call without what it is called on, which has a line of its own: `….squeeze(1)`."""
    tree = parsed(source) if len(source) > _LONG_CALL else None
    if (
        isinstance(tree, ast.Call)
        and isinstance(tree.func, ast.Attribute)
        and ast.unparse(tree.func.value) not in _NAMESPACES
    ):
        receiver = tree.func.value
        if not isinstance(receiver, ast.Name):
            inner = ast.get_source_segment(source, receiver) or ""
            start = source.find(inner)
            return f"…{source[start + len(inner) :].lstrip(')')}" if inner and start >= 0 else source
    return source


_LONG_CALL = 16


def maths(source: str, *, spaced: bool = False) -> str:
    """An expression in mathematical signs; what is no arithmetic stays as it was written.

    Args:
        source: one Python expression (or a statement that assigns one).
        spaced: put spaces around products: `w · w · y`.
    """
    tree = parsed(source)
    if tree is None:
        return source.strip()
    text, _ = _print(tree, source.strip(), spaced)
    return text


def parsed(source: str) -> ast.expr | None:
    """The expression, or the one that a statement assigns; None when the source is neither."""
    source = source.strip()
    if not source or len(source) > _LONGEST_SOURCE:
        return None
    try:
        statement = ast.parse(source).body[-1]
    except (SyntaxError, ValueError, RecursionError, IndexError):
        return None
    return statement.value if isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign) else None


def operands(source: str, op: str) -> tuple[str, ...]:
    """The source text of each operand when the outermost operation of `source` is `op`; empty when it is another.

    `w * w * y` is a `mul` of `w * w` and `y`; the object of a method call is its first operand.
    """
    source = source.strip()
    tree = parsed(source)
    found: list[ast.expr] = []
    if isinstance(tree, ast.BinOp) and _makes(tree.op, op):
        found = [tree.left, tree.right]
    elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) and op == "neg":
        found = [tree.operand]
    elif isinstance(tree, ast.Call):
        found = _arguments(tree, op)
    return tuple(ast.get_source_segment(source, item) or "" for item in found)


def _makes(sign: ast.operator, op: str) -> bool:
    """Whether an operator of Python calls an op; `@` is a matmul, of which torch makes one op or several."""
    return op in traits.by_operator(_SIGNS.get(type(sign), "")) or (op == "matmul" and isinstance(sign, ast.MatMult))


def _arguments(call: ast.Call, op: str) -> list[ast.expr]:
    function = call.func
    name = (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )
    if name.removesuffix("_") != op or any(isinstance(argument, ast.Starred) for argument in call.args):
        return []
    is_method = isinstance(function, ast.Attribute) and ast.unparse(function.value) not in _NAMESPACES
    return [function.value, *call.args] if is_method and isinstance(function, ast.Attribute) else list(call.args)


_NAMESPACES = frozenset({"torch", "F", "nn.functional", "torch.nn.functional", "torch.linalg", "torch.special"})
"""What stands before a dot and is no tensor."""


def _print(tree: ast.expr, source: str, spaced: bool) -> tuple[str, int]:
    """The text of a subexpression and how tightly it binds."""
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow):
        return _power(tree, source, spaced)
    if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATORS:
        sign, binding = _OPERATORS[type(tree.op)]
        left, right = _print(tree.left, source, spaced), _print(tree.right, source, spaced)
        # What stands on the right of - and / needs brackets also where it binds just as tightly.
        tight = binding if isinstance(tree.op, ast.Add | ast.Mult) else binding + 1
        sign = f" {sign.strip()} " if spaced else sign
        return f"{_bracketed(left, binding)}{sign}{_bracketed(right, tight)}", binding
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return f"−{_bracketed(_print(tree.operand, source, spaced), 3)}", 3
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and len(tree.args) == 1 and not tree.keywords:
        argument, _ = _print(tree.args[0], source, spaced)
        return f"{tree.func.id}({argument})", _ATOM
    return ast.get_source_segment(source, tree) or ast.unparse(tree), _ATOM


def _power(tree: ast.BinOp, source: str, spaced: bool) -> tuple[str, int]:
    base = _bracketed(_print(tree.left, source, spaced), _POWER + 1)
    if isinstance(tree.right, ast.Constant) and isinstance(tree.right.value, int):
        return base + str(tree.right.value).translate(_SUPERSCRIPTS), _POWER
    return f"{base}^{_bracketed(_print(tree.right, source, spaced), _ATOM)}", _POWER


def _bracketed(part: tuple[str, int], least: int) -> str:
    text, binding = part
    return f"({text})" if binding < least else text
