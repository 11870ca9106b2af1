"""The tensor at which a pass was to start."""

from __future__ import annotations

import ast

from gradtrace.analysis.source_slice import statements
from gradtrace.model import BackwardPass, Location, Node, PassCall, Root, Trace
from gradtrace.model.location import same_place

_LONGEST = 30
"""Characters of source text that are fit to be a name."""


def root_of(trace: Trace, place: Location | None) -> tuple[Root | None, Node | None]:
    """The root of the pass that was asked for at a place (also when it never began), and its node."""
    named = trace.passes[::-1]
    tried = [one for one in named if one.error is not None and same_place(one.location, place)]
    for backward in (*tried, *(one for one in named if one.is_drawn_only)):
        for root in backward.roots:
            if root.value is not None and root.value.numel == 1:
                continue
            text = place.text if place is not None else ""
            if backward.is_drawn_only and root.name is not None and root.name not in text:
                continue
            node = backward.graph.nodes[root.node] if backward.graph is not None and root.node is not None else None
            return root, node
    return None, None


def root_name(backward: BackwardPass, default: str = "the loss") -> str:
    """What a person calls the tensor at which a pass begins: its name, else how its line writes it."""
    named = next((root.name for root in backward.roots if root.name), None)
    written = named or _written(backward)
    if written is None:
        return "the tensor" if backward.call is PassCall.AUTOGRAD_GRAD else default
    return written if written.replace("_", "").replace(".", "").isalnum() else f"`{written}`"


def _written(backward: BackwardPass) -> str | None:
    tree = statements(backward.location.text) if backward.location is not None else None
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        is_tensors = node.func.attr == "backward" and backward.call is PassCall.TENSOR_BACKWARD
        is_functions = node.func.attr == "grad" and backward.call is PassCall.AUTOGRAD_GRAD and node.args
        root = node.func.value if is_tensors else node.args[0] if is_functions else None
        if root is not None and len(text := ast.unparse(root)) <= _LONGEST:
            return text
    return None
