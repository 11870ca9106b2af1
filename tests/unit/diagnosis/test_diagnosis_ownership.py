"""Who owns which leaves, and which gradients reach."""

import pytest

from gradtrace.diagnosis.evidence.ownership import above, called, is_named, lost, orphans, owners, received, zero_leaves
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Edge,
    Event,
    Graph,
    Leaf,
    Node,
    OptimizerInfo,
    PassError,
    Run,
    TensorStats,
    Trace,
)


def leaf(number: int, name: str, kind: str = "parameter") -> Leaf:
    return Leaf(number, name, kind, (), "float32")


def stats(norm: float) -> TensorStats:
    return TensorStats((), "float32", 1, norm=norm)


def run(*events: Event, given: dict[int, float], leaves: tuple[Leaf, ...], error: PassError | None = None) -> Trace:
    sums = tuple(Accumulation(number, None, stats(norm), stats(norm), "created") for number, norm in given.items())
    return Trace(
        Run("x.py", (), "3", "2", "0", "cpu"),
        leaves=leaves,
        optimizers=(OptimizerInfo(0, "SGD", "opt"),),
        passes=(BackwardPass(1, "Tensor.backward", None, (), False, False, "full", error, accumulations=sums),),
        events=events,
    )


PAIR = (leaf(0, "first.weight"), leaf(1, "second.weight"))


def test_an_optimizer_owns_what_it_zeroes() -> None:
    """Ownership is told by the leaf or shown by the optimizer's events."""
    trace = run(Event(0, "zero_grad", 0, (0, 1), optimizer=0), given={0: 1.0}, leaves=PAIR)

    assert owners(trace) == {0: frozenset({0}), 1: frozenset({0})}
    assert list(received(trace)) == [0]


def test_an_owned_leaf_that_gets_nothing_is_lost() -> None:
    """Only what an optimizer is to train is expected to get a gradient."""
    owned = run(Event(0, "zero_grad", 0, (0, 1), optimizer=0), given={0: 1.0}, leaves=PAIR)
    free = run(Event(0, "zero_grad", 0, (0,), optimizer=0), given={0: 1.0}, leaves=PAIR)

    assert [one.name for one in lost(owned)] == ["second.weight"]
    assert lost(free) == ()


def test_a_failed_pass_loses_nothing() -> None:
    """After an error nobody knows what would have come."""
    error = PassError("RuntimeError", "no")
    trace = run(Event(0, "zero_grad", 0, (0, 1), optimizer=0), given={0: 1.0}, leaves=PAIR, error=error)

    assert lost(trace) == ()


def test_a_parameter_with_a_gradient_and_no_optimizer_is_an_orphan() -> None:
    """While another is trained; a step must follow."""
    trace = run(Event(0, "step", 1, (0,), optimizer=0), given={0: 1.0, 1: 1.0}, leaves=PAIR)

    assert [one.name for one in orphans(trace)] == ["second.weight"]


def test_a_program_that_trains_only_a_tensor_leaves_its_model_alone() -> None:
    """An image that is optimized through a fixed network."""
    leaves = (leaf(0, "image", "tensor"), leaf(1, "vgg.weight"))

    trace = run(Event(0, "step", 1, (0,), optimizer=0), given={0: 1.0, 1: 1.0}, leaves=leaves)

    assert orphans(trace) == ()


@pytest.mark.parametrize("kind", ["grad_cleared", "grad_modified"])
def test_gradients_that_the_program_handles_itself_are_no_orphans(kind: str) -> None:
    """Clearing or changing `.grad` by hand is a use of it."""
    events = (Event(0, kind, 1, (1,), call="zero_"), Event(1, "step", 1, (0,), optimizer=0))

    assert orphans(run(*events, given={0: 1.0, 1: 1.0}, leaves=PAIR)) == ()


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["w"], "w"),
        (["w", "b"], "w and b"),
        (["net.a.weight", "net.a.bias", "net.b.weight"], "net.* (3 parameters)"),
        (["a", "b", "c"], "a and 2 others"),
        (["leaf 0"], "an unnamed parameter"),
        (["leaf 0", "leaf 1"], "2 unnamed parameters"),
    ],
)
def test_a_group_of_leaves_is_called_by_what_they_share(names: list[str], text: str) -> None:
    """Few are listed, many are called by their module."""
    assert called(leaf(number, name) for number, name in enumerate(names)) == text


def test_a_leaf_without_a_name_is_known_by_its_number_only() -> None:
    """`leaf 3` is what we say when nothing is known."""
    assert not is_named(leaf(3, "leaf 3"))
    assert is_named(leaf(3, "leaves"))


def test_leaves_above_a_node_are_found_through_everything_in_between() -> None:
    """And no others."""
    nodes = (
        Node(0, "AddBackward0", "add"),
        Node(1, "MulBackward0", "mul"),
        Node(2, "AccumulateGrad", "leaf", leaf=0),
        Node(3, "AccumulateGrad", "leaf", leaf=1),
    )
    graph = Graph(nodes, (Edge(0, 1, 0), Edge(0, 3, 1), Edge(1, 2, 0)))

    assert above(graph, 0) == {0, 1}
    assert above(graph, 1) == {0}


def test_leaves_of_zeros_got_something_and_only_zeros() -> None:
    """A leaf that got nothing at all is another matter."""
    assert zero_leaves(run(given={0: 0.0}, leaves=PAIR)) == {0}
    assert zero_leaves(run(given={0: 0.5}, leaves=PAIR)) == set()
