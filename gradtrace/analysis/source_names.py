"""Where the sources of a run give a value to a name: for names that stand for no tensor that was seen."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from gradtrace.analysis.sources import read_source
from gradtrace.model import Location, Trace

_MOST_FILES = 50


def named_at(trace: Trace, name: str, folders: Sequence[Path]) -> Location | None:
    """The first place at which a source of the run gives a value to this name: an assignment, a loop, a parameter."""
    for file in _files(trace):
        source = read_source(file, folders)
        if source is not None and name.rpartition(".")[2] in source:
            place = next(_places(file, source, name), None)
            if place is not None:
                return place
    return None


def _files(trace: Trace) -> list[str]:
    """The program itself first, then the files of which the trace names a line."""
    found: dict[str, None] = {trace.run.target: None}
    found.update((frame.file, None) for frame in (trace.run.error.frames if trace.run.error is not None else ()))
    found.update((one.location.file, None) for one in trace.passes if one.location is not None)
    found.update((leaf.location.file, None) for leaf in trace.leaves if leaf.location is not None)
    graphs = (one.graph for one in trace.passes if one.graph is not None)
    for graph in graphs:
        found.update((node.location.file, None) for node in graph.nodes if node.location is not None)
    return list(found)[:_MOST_FILES]


def _places(file: str, source: str, name: str) -> Iterator[Location]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return
    lines = source.splitlines()
    for node, function in _within(tree, ""):
        if _gives(node, name):
            start, end = node.lineno, node.end_lineno or node.lineno  # type: ignore[attr-defined]
            text = lines[start - 1] if start <= len(lines) else ""
            column, end_column = node.col_offset + 1, (node.end_col_offset or 0) + 1  # type: ignore[attr-defined]
            yield Location(file, start, column, end, end_column, function, text)


def _within(tree: ast.AST, function: str) -> Iterator[tuple[ast.AST, str]]:
    """All nodes in the order of the source, each with the name of the function around it."""
    stack = [(tree, function)]
    while stack:
        node, inside = stack.pop()
        yield node, inside
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = node.name
        stack.extend((child, inside) for child in reversed(list(ast.iter_child_nodes(node))))


def _gives(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.arg):
        return node.arg == name
    if isinstance(node, ast.Name):
        return node.id == name and isinstance(node.ctx, ast.Store)
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        try:
            return ast.unparse(node) == name
        except (ValueError, RecursionError):
            return False
    return False
