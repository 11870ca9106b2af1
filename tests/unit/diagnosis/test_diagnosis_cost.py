"""What the rules cost: visits of nodes, edges, passes and events are counted, and grow as these do, not faster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from tape import filled, stats

from gradtrace.diagnosis.registry import RULES
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Cut,
    Edge,
    Event,
    Graph,
    Leaf,
    Location,
    Node,
    NodeOutput,
    OptimizerInfo,
    ParameterChange,
    ParameterGroup,
    Root,
    Run,
    SavedTensor,
    StepFact,
    Trace,
)

_T = TypeVar("_T")

RUN = Run("train.py", (), "3.11", "2.13.0", "0", "cpu")
SMALL = 2_000
FACTOR = 4
LARGE = 100_000
"""Nodes of a recurrence of some thousand steps."""
SLACK = 1.2
"""Four times the nodes may cost so much more than four times the visits: the parts that do not grow count too."""

KINDS = (
    *("AddBackward0", "SoftmaxBackward0", "ViewBackward0", "ViewBackward0", "SubBackward0", "RoundBackward0"),
    *("ReluBackward0", "ClampBackward1", "MmBackward0", "TanhBackward0", "DivBackward0", "PowBackward0"),
    *("SigmoidBackward0", "LogBackward0", "MulBackward0", "WhereBackward0", "TBackward0"),
)
ONES, ZEROS = stats(filled((4, 4), 1.0, 0.0)), stats(filled((4, 4), 0.0, 0.0))


class Counted(tuple[_T, ...]):
    """A tuple that counts how often one of its members is looked at."""

    __slots__ = ()
    visits = 0

    def __iter__(self) -> Iterator[_T]:
        for member in super().__iter__():
            Counted.visits += 1
            yield member

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        Counted.visits += len(found) if isinstance(key, slice) else 1
        return found


def recurrence(n_nodes: int, *, has_places: bool) -> Graph:
    """A chain in which every node also sends past the next one: of ways through it there are ever so many."""
    places = [Location("train.py", 3 + i, function="<module>", text="target = x") for i in range(len(KINDS))]
    nodes = [
        Node(
            i,
            KINDS[i % len(KINDS)],
            KINDS[i % len(KINDS)].partition("Backward")[0].lower(),
            name="target" if i % 3 else None,
            location=places[i % len(KINDS)] if has_places else None,
            outputs=(NodeOutput(0, (4, 4), "float32", received=ONES, value=ONES),),
            saved=(SavedTensor("mat2", (4, 4), "float32", 64, stats=ZEROS),),
            arguments=(("dim", "1"),),
            order=i,
            made_after=i % 2,
        )
        for i in range(n_nodes)
    ]
    leaf = n_nodes
    nodes.append(
        Node(
            leaf,
            "AccumulateGrad",
            "leaf",
            leaf=0,
            outputs=(NodeOutput(0, (4, 4), "float32", received=ZEROS),),
            order=leaf,
        )
    )
    edges = [
        Edge(i, min(target, leaf), slot, sent=ZEROS, input="mat1" if slot == 0 else "target")
        for i in range(n_nodes)
        for slot, target in enumerate((i + 1, i + 2))
    ]
    return Graph(Counted(nodes), Counted(edges))


def traced(graphs: list[Graph]) -> Trace:
    """A run of such passes, with an optimizer that steps after each, and a cut."""
    place = Location("train.py", 40, function="<module>", text="loss.backward()")
    row = Accumulation(0, ONES, ZEROS, ONES, "accumulated")
    passes = tuple(
        BackwardPass(
            i + 1, "Tensor.backward", place, (Root(0, "loss", ONES, gradient=ONES),), True, False, "full",
            graph=graph, accumulations=(row, Accumulation(1, None, ZEROS, ZEROS, "created")),
        )
        for i, graph in enumerate(graphs)
    )  # fmt: skip
    events: list[Event] = []
    steps: list[StepFact] = []
    for i in range(len(graphs)):
        changes = (ParameterChange(0, 0, 1.0, 1.0 + i, 1.0, True, 2.0), ParameterChange(2, 0, 1.0, 1.0, 0.0, False))
        steps.append(StepFact(i, i + 1, i + 1, 0, "SGD.step", place, (ParameterGroup((("lr", 0.1),)),), changes))
        events += [
            Event(len(events), "backward", i + 1, (0, 1), place),
            Event(len(events) + 1, "grad_modified", i + 1, (1,), place, call="mul_"),
            Event(len(events) + 2, "step", i + 1, (0, 1), place, optimizer=0, call="SGD.step", step=steps[-1]),
        ]
    leaves = tuple(Leaf(i, f"w{i}", "parameter", (4, 4), "float32", optimizers=(0,)) for i in range(3))
    cut = Cut(0, "item", "item", location=place, leaves=(2,), passes=(1,))
    return Trace(
        RUN, leaves, (OptimizerInfo(0, "SGD", "opt"),), Counted(passes), Counted(events), cuts=(cut,),
        steps=Counted(steps),
    )  # fmt: skip


def visits(trace: Trace) -> dict[str, int]:
    """By rule: how often it looked at a member; what rules share is counted for the first of them."""
    found = {}
    for rule in RULES:
        Counted.visits = 0
        list(rule.check(trace))
        found[rule.name] = Counted.visits
    return found


def grown_too_fast(small: Trace, large: Trace, factor: int = FACTOR) -> list[str]:
    few, many = visits(small), visits(large)
    return [name for name in few if many[name] > SLACK * factor * few[name] + SMALL]


def test_no_rule_visits_a_node_again_and_again() -> None:
    """Four times the nodes are four times the visits, however many ways lead through them."""
    small, large = (traced([recurrence(n, has_places=False)] * 2) for n in (SMALL, FACTOR * SMALL))
    assert grown_too_fast(small, large) == []


def test_a_hundred_thousand_nodes_cost_as_much_each_as_a_few() -> None:
    """No bound on the way up is passed beyond which a rule looks at everything again."""
    small, large = (traced([recurrence(n, has_places=True)]) for n in (SMALL, LARGE))
    assert grown_too_fast(small, large, LARGE // SMALL) == []


def test_no_rule_visits_a_pass_again_and_again() -> None:
    """Four times the passes are four times the visits of passes and events."""
    graph = recurrence(3, has_places=True)
    assert grown_too_fast(traced([graph] * SMALL), traced([graph] * (FACTOR * SMALL))) == []


def test_the_counter_counts() -> None:
    """Most rules that look at nodes at all look at each, so that the tests above can fail."""
    counted = visits(traced([recurrence(SMALL, has_places=True)]))
    assert counted["vanishing-sigmoid"] > SMALL
    assert sum(number >= SMALL for number in counted.values()) > 8
