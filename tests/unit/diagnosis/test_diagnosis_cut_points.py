"""Which cuts cost a leaf its gradient, and which rule names each."""

from dataclasses import replace

import pytest

from gradtrace.diagnosis.evidence.cut_points import NO_GRAPH, Reason, added, complaint, losses
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
    PassError,
    Root,
    Run,
    TensorStats,
    Trace,
)

ONE = TensorStats((), "float32", 1, norm=1.0)
HERE = Location("x.py", 3, function="train", text="code = encoder(x).detach()")
THERE = Location("x.py", 5, function="train", text="loss = loss + code")


def trace(*cuts: Cut, given: tuple[int, ...] = (1,), error: PassError | None = None) -> Trace:
    sums = tuple(Accumulation(number, None, ONE, ONE, "created") for number in given)
    backward = BackwardPass(
        1, "Tensor.backward", THERE, (Root(None, "loss"),), False, False, "full", error, accumulations=sums
    )
    return Trace(
        Run("x.py", (), "3", "2", "0", "cpu"),
        leaves=tuple(Leaf(number, name, "parameter", (), "float32") for number, name in enumerate(("enc", "dec"))),
        optimizers=(OptimizerInfo(0, "SGD", "opt"),),
        passes=(backward,),
        events=(Event(0, "zero_grad", 0, (0, 1), optimizer=0),),
        cuts=cuts,
    )


def cut(kind: str = "detach", call: str = "detach", *, passes: tuple[int, ...] = (1,), text: str = HERE.text) -> Cut:
    return Cut(0, kind, call, replace(HERE, text=text), leaves=(0,), reentry=THERE, passes=passes)


@pytest.mark.parametrize(
    ("kind", "call", "text", "reason"),
    [
        ("detach", "detach", "", Reason.DETACHED),
        ("data", "data", "", Reason.DATA),
        ("tolist", "tolist", "", Reason.PYTHON_VALUES),
        ("new_tensor", "tensor", "", Reason.REMADE),
        ("number", "__float__", "torch.Tensor([a])", Reason.REMADE),
        ("parameter", "Parameter", "", Reason.REWRAPPED),
        ("no_grad", "linear", "", Reason.NO_GRAD),
        ("no_grad", "normal", "z = dist.sample()", Reason.SAMPLED),
        ("not_differentiable", "gt", "", Reason.THRESHOLD),
        ("not_differentiable", "argmax", "", Reason.PICKED),
    ],
)
def test_a_cut_above_a_lost_leaf_is_named_by_its_kind(kind: str, call: str, text: str, reason: Reason) -> None:
    """The leaf is owned, the cut came back into the graph, and nothing else reaches the leaf."""
    (found,) = losses(trace(cut(kind, call, text=text)))

    assert found.reason is reason
    assert [leaf.name for leaf in found.leaves] == ["enc"]
    assert complaint(found) == "no gradient reaches enc"


def test_a_leaf_that_another_path_serves_is_not_lost() -> None:
    """A detached copy beside a path with a gradient is meant."""
    assert losses(trace(cut(), given=(0, 1))) == ()


def test_a_cut_that_never_came_back_explains_nothing() -> None:
    """A detached value that is only logged costs nobody anything."""
    assert losses(trace(cut(passes=()))) == ()


def test_a_failed_backward_is_explained_by_the_last_real_cut() -> None:
    """An item() is a look at a value, whatever came after it."""
    look = replace(cut("item", "item", passes=()), id=1)
    error = PassError("RuntimeError", f"element 0 of tensors {NO_GRAPH}")

    (found,) = losses(trace(cut("not_differentiable", "gt", passes=()), look, error=error))

    assert found.reason is Reason.PICKED
    assert complaint(found) == "loss has no graph"


def test_a_number_that_is_added_to_a_scalar_is_found_by_its_name() -> None:
    """`reg` is set in one line and added in another of the same function."""
    number = replace(cut("item", "item", text="reg = w.norm().item()"), reentry=None, name="reg")
    place, told = number.location, trace()
    assert place is not None
    line = Location("x.py", 9, function="train", text="    loss = mse + 0.1 * reg")
    nodes = (
        Node(0, "AddBackward0", "add", location=line, outputs=(NodeOutput(0, (), "float32"),)),
        Node(1, "MseLossBackward0", "mse_loss"),
    )
    backward = replace(trace().passes[0], graph=Graph(nodes, (Edge(0, 1, 0),)))
    both = replace(backward, graph=Graph(nodes, (Edge(0, 1, 0), Edge(0, 1, 1))))

    assert list(added(told, backward, number)) == [line]
    assert list(added(told, both, number)) == []
    assert list(added(told, backward, replace(number, location=replace(place, text="other = w.norm().item()")))) == []
