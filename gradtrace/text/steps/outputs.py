"""The outputs of an op that has several: what each is called, and the gradient that arrived at it."""

import ast
import math
import re

from gradtrace.formulas import traits
from gradtrace.model import Edge, Location, Node, NodeOutput
from gradtrace.text import wording
from gradtrace.text.source_maths import span

_MOST_OUTPUTS = 4
_LONGEST = 36
_TARGET = re.compile(r"\s*(?P<target>[^=]+?)\s*=\s*")


def is_several(node: Node) -> bool:
    """Whether gradients may arrive at different outputs, which then do not add up."""
    return len(node.outputs) > 1 or any(output.index > 0 for output in node.outputs)


def target(location: Location | None) -> str:
    """What the result of a whole right side is assigned to: `q, k, v`; empty where it is not a whole right side."""
    if location is None or not location.text or location.end_line > location.line:
        return ""
    before, after = location.text[: location.column - 1], location.text[location.end_column - 1 :]
    found = _TARGET.fullmatch(before)
    return found["target"] if found is not None and not after.split("#")[0].strip() else ""


def name_of(node: Node, index: int) -> str:
    """What the program calls an output; else its number, `output 1`."""
    known = next((output.name for output in node.outputs if output.index == index and output.name), None)
    if known:
        return known
    names = _names(target(node.location) or span(node.location).partition(" = ")[0]) if _parts(node) else ()
    return names[index] if index < len(names) else f"output {index}"


def _parts(node: Node) -> bool:
    return traits.of(node).gives_parts


def _names(text: str) -> tuple[str, ...]:
    """The names of `q, k, v`; nothing where it is anything else."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    items = tree.elts if isinstance(tree, ast.Tuple | ast.List) else ()
    names = tuple(item.id for item in items if isinstance(item, ast.Name))
    return names if len(names) == len(items) else ()


def gradients(node: Node) -> str:
    """What arrived at each output: `gradient [8, 5] at a, [1, 2] at b`; of very many the norm over all."""
    reached = [output for output in node.outputs if output.received is not None]
    norms = [output.received.norm for output in reached if output.received is not None]
    if len(reached) > _MOST_OUTPUTS and all(norm is not None for norm in norms):
        whole = wording.number(math.hypot(*(norm for norm in norms if norm is not None)))
        return f"|g| = {whole} over {len(reached):,} outputs"
    names = [name_of(node, output.index) for output in reached]
    said = ", ".join(f"{wording.gradient(one.received)} at {name}" for one, name in zip(reached, names, strict=True))
    if ("|g|" not in said and len(said) <= _LONGEST) or any(norm is None for norm in norms):
        return f"gradient {said}"
    numbers = [wording.number(norm) for norm in norms]
    return f"|g| = {', '.join(f'{number} at {name}' for number, name in zip(numbers, names, strict=True))}"


def received_at(node: Node, index: int | None) -> NodeOutput | None:
    """The output of this number; the first at which anything arrived where none is named."""
    if index is not None:
        return next((output for output in node.outputs if output.index == index), None)
    return next((output for output in node.outputs if output.received is not None), None)


def along(node: Node, edge: Edge) -> str:
    """Behind what an edge brings to one of several outputs: ` to b`."""
    return f" to {name_of(node, edge.output)}" if is_several(node) else ""
