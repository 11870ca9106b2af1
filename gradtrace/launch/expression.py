"""The words of an expression target: `'w*w*y' w=0.5 y:=2.0`, read but not evaluated."""

import ast
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gradtrace.errors import TargetError
from gradtrace.model.excerpt import excerpt
from gradtrace.model.format import EXPRESSION_FILE
from gradtrace.model.location import Location

_BINDING = re.compile(r"\s*([^\W\d]\w*)\s*(:?=)(?!=)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Binding:
    """A word `name=value` (a leaf that requires grad) or `name:=value` (a constant)."""

    name: str
    source: str
    is_leaf: bool


@dataclass(frozen=True, slots=True)
class Expression:
    """What is evaluated in the child: statements whose last one gives the root, and the names they use.

    Attributes:
        source: the statements.
        bindings: the names that were defined for them.
        grad_output: the expression of the gradient to start with; 1 when None.
        repeat: how many passes run, each after a zero_grad(); None: one, one more without zeroing, one after zeroing.
        zero: whether zero_grad() is called at all.
    """

    source: str
    bindings: tuple[Binding, ...] = ()
    grad_output: str | None = None
    repeat: int | None = None
    zero: bool = True


def parse_expression(source: str, words: Sequence[str], grad_output: str | None = None) -> Expression:
    """Reads the words and checks their syntax, so that a mistake is reported before anything runs.

    Raises:
        TargetError: with the text and a caret under the place.
    """
    source = source.strip()
    body = _parse(source, "the expression").body
    if not body:
        raise TargetError("the expression is empty: write one such as gradtrace explain 'w*w*y' w=0.5 y=2.0")
    _check_root(body[-1], source)
    bindings = tuple(_parse_binding(word) for word in words)
    names = [binding.name for binding in bindings]
    for name in names:
        if names.count(name) > 1:
            raise TargetError(f"{name} is defined twice: give each name one value")
    if grad_output is not None:
        _parse(grad_output, "--grad-output", mode="eval")
    return Expression(source, bindings, grad_output)


def _parse_binding(word: str) -> Binding:
    match = _BINDING.fullmatch(word)
    if match is None:
        raise TargetError(
            f"{word!r} does not define a name: after an expression come words such as w=0.5 (a leaf that requires grad)"
            " or t:=1.0 (a constant); put the whole expression in quotes"
        )
    name, operator, source = match[1], match[2], match[3].strip()
    if keyword.iskeyword(name):
        raise TargetError(f"{word!r}: {name} is a word of Python itself; choose another name")
    if not source:
        raise TargetError(
            f"{word!r} has no value: write {name}{operator}0.5 or a torch expression, {name}{operator}'randn(2,3)'"
        )
    _parse(source, f"the value of {name}", mode="eval")
    return Binding(name, source, is_leaf=operator == "=")


def _parse(source: str, what: str, mode: str = "exec") -> ast.Module:
    try:
        tree = compile(source, EXPRESSION_FILE, mode, ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError as error:
        raise TargetError(f"{what} cannot be read: {error.msg}\n{excerpt(_location(error, source))}") from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise TargetError(f"{what} cannot be read: {error}") from None
    if isinstance(tree, ast.Expression):
        return ast.Module([ast.Expr(tree.body)], [])
    assert isinstance(tree, ast.Module)  # noqa: S101  the only other tree that these modes give
    return tree


def _location(error: SyntaxError, source: str) -> Location:
    lines = source.split("\n")
    line = min(max(error.lineno or 1, 1), len(lines))
    text = lines[line - 1]
    column = error.offset or len(text) + 1  # 0: the end, where something is missing
    end_line, end_column = error.end_lineno or line, max(error.end_offset or 0, column + 1)
    return Location(EXPRESSION_FILE, line, column, end_line, end_column, text=text)


def _check_root(statement: ast.stmt, source: str) -> None:
    """The last statement must be one that has a value."""
    if isinstance(statement, ast.Expr | ast.AugAssign) or (
        isinstance(statement, ast.AnnAssign) and statement.value is not None
    ):
        return
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name | ast.Attribute | ast.Subscript):
        return
    line = source.split("\n")[statement.lineno - 1]
    before = len(line.encode()[: statement.col_offset].decode())
    place = Location(EXPRESSION_FILE, statement.lineno, before + 1, statement.lineno + 1, 0, text=line)
    raise TargetError(
        "the last statement has no value to start backward from: end with an expression or an assignment to one name\n"
        + excerpt(place)
    )
