"""Which earlier round a part of a graph comes from, when backward meets what was freed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradtrace.diagnosis.evidence.lineage import PATTERN, Reason, crossings, revisit
from gradtrace.diagnosis.rules import hidden_not_detached
from gradtrace.model import BackwardPass, Edge, Graph, Location, Node, PassError, ProgramError, Root, Run, Trace

RUN = Run("train.py", (), "3.11", "2.13.0", "0", "cpu")
MESSAGE = f"Trying to {PATTERN} (or directly access saved tensors)"


def at(line: int) -> Location:
    return Location("train.py", line, 1, line, 2, "<module>", "x")


def node(number: int, kind: str, line: int, made_after: int | None, freed_by: int | None = None) -> Node:
    return Node(number, f"{kind}Backward0", kind.lower(), location=at(line), made_after=made_after, freed_by=freed_by)


def second_time(
    nodes: tuple[Node, ...], edges: tuple[tuple[int, int], ...], node: int, lines: tuple[int, int]
) -> Trace:
    """A run whose second pass, with this graph, failed at a node; the first one ran without error."""
    graph = Graph(nodes, tuple(Edge(source, target, 0) for source, target in edges))
    first = BackwardPass(
        1, "Tensor.backward", at(lines[0]), (Root(0),), retain_graph=False, create_graph=False, recorded="full"
    )
    error = PassError("RuntimeError", MESSAGE, node)
    second = replace(first, index=2, location=at(lines[1]), error=error, graph=graph)
    return Trace(replace(RUN, error=ProgramError("RuntimeError", MESSAGE, (at(lines[1]),))), passes=(first, second))


HIDDEN = ((node(0, "Sum", 8, 1), node(1, "Tanh", 7, 1), node(2, "Tanh", 7, 0, 1)), ((0, 1), (1, 2)), 2)
LIST = ((node(0, "Stack", 8, 1), node(1, "Tanh", 7, 1), node(2, "Tanh", 7, 0, 1)), ((0, 1), (0, 2)), 2)
ONCE = ((node(0, "Sum", 8, 1), node(1, "Softplus", 3, 0, 1)), ((0, 1),), 1)
SHARED = ((node(0, "Sum", 8, 0), node(1, "Tanh", 3, 0, 1)), ((0, 1),), 1)
HEADS = (
    (node(0, "Mse", 5, 1), node(1, "Addmm", 4, 0), node(2, "Select", 3, 0, 1), node(3, "Tanh", 3, 0, 1)),
    ((0, 1), (1, 2), (2, 3)),
    3,
)
AGAIN = ((node(0, "Sum", 8, 0, 1), node(1, "Tanh", 3, 0, 1)), ((0, 1),), 0)


@pytest.mark.parametrize(
    ("graph", "lines", "reason"),
    [
        (HIDDEN, (9, 9), Reason.STATE),
        (LIST, (9, 9), Reason.LIST),
        (ONCE, (9, 9), Reason.ONCE),
        (ONCE, (9, 10), Reason.SHARED),
        (SHARED, (9, 10), Reason.SHARED),
        (HEADS, (9, 9), Reason.SHARED),
        (SHARED, (9, 9), Reason.SHARED),
        (AGAIN, (9, 9), Reason.ONCE),
        (AGAIN, (9, 10), Reason.SHARED),
    ],
)
def test_what_the_new_part_makes_anew_names_the_rule(graph: tuple, lines: tuple[int, int], reason: Reason) -> None:
    """A state, a list, a value computed once, and a shared trunk are told apart by who was made when, and where."""
    found = revisit(second_time(*graph, lines))
    assert found is not None
    assert found.reason is reason


def test_the_carried_value_is_where_the_rounds_meet() -> None:
    """The older end of the edge from the new part to the old one."""
    found = revisit(second_time(*HIDDEN, (9, 9)))
    assert found is not None
    assert found.carried.id == 2
    (finding,) = hidden_not_detached.check(second_time(*HIDDEN, (9, 9)))
    assert finding.message == "The result of tanh is carried over from an iteration whose graph is already freed"
    assert [one.message for one in finding.related] == [
        "pass 1 ran through it here and freed it, and the next pass fails"
    ]


def test_crossings_leave_out_leaves() -> None:
    """A leaf has no age."""
    graph = Graph(
        (node(0, "Sum", 1, 2), node(1, "Tanh", 1, 1), node(2, "Accumulate", 1, None)), (Edge(0, 1, 0), Edge(0, 2, 1))
    )
    assert crossings(graph, 2) == [Edge(0, 1, 0)]


def test_what_is_shared_is_the_first_freed_value_on_the_way() -> None:
    """The heads are made once as well, but each has one pass of its own."""
    found = revisit(second_time(*HEADS, (9, 9)))
    assert found is not None
    assert found.carried.id == 2
