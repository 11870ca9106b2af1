"""What a program died of, and which rule names an overwritten tensor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradtrace.diagnosis.evidence.errors import failure, innermost, node_name, notes
from gradtrace.diagnosis.evidence.overwrites import Reason, overwrite
from gradtrace.diagnosis.rules import inplace_saved_output, int_requires_grad, nonscalar_backward
from gradtrace.model import (
    BackwardPass,
    Conflict,
    Edge,
    Graph,
    Location,
    Node,
    NodeOutput,
    PassError,
    ProgramError,
    Root,
    Run,
    TensorStats,
    Trace,
    Write,
)

RUN = Run("train.py", (), "3.11", "2.13.0", "0", "cpu")
INPLACE = "one of the variables needed for gradient computation has been modified by an inplace operation: [T [4]]"


def at(line: int, text: str = "", function: str = "<module>") -> Location:
    return Location("train.py", line, 1, line, 1 + len(text), function, text)


def died(message: str, *passes: BackwardPass, frames: tuple[Location, ...] = (at(9),)) -> Trace:
    return Trace(replace(RUN, error=ProgramError("RuntimeError", message, frames)), passes=passes)


def failed_pass(
    message: str, graph: Graph, conflict: Conflict | None = None, index: int = 1, **rest: bool
) -> BackwardPass:
    error = PassError("RuntimeError", message, 0, conflict)
    defaults = {"retain_graph": False, "create_graph": False}
    return BackwardPass(
        index,
        "Tensor.backward",
        at(9),
        (Root(0, "loss"),),
        recorded="full",
        error=error,
        graph=graph,
        **{**defaults, **rest},
    )


def conflict(saved: str, call: str, text: str, function: str = "<module>") -> Conflict:
    return Conflict(None, (4,), "FloatTensor", 0, saved, 0, 1, (Write(call, at(5, text, function), 1),))


def test_a_caught_exception_is_no_failure() -> None:
    """A pass that failed in a program that went on explains nothing."""
    backward = failed_pass(INPLACE, Graph((Node(0, "SigmoidBackward0", "sigmoid"),), ()))
    assert failure(Trace(RUN, passes=(backward,)), "inplace") is None


def test_the_innermost_frame_of_the_user_is_the_place() -> None:
    """Frames inside libraries are passed over, unless there is nothing else."""
    library = Location("/usr/lib/python3.11/copy.py", 172)
    assert innermost((at(3), at(4), library)) == at(4)
    assert innermost((library,)) == library
    assert innermost(()) is None


def test_a_failure_finds_its_pass() -> None:
    """The pass with the same text, its place and the node at which it stopped."""
    graph = Graph((Node(0, "SigmoidBackward0", "sigmoid", location=at(4)),), ())
    found = failure(died(INPLACE, failed_pass(INPLACE, graph)), "inplace")
    assert found is not None
    assert found.place == at(9)
    assert found.node == graph.nodes[0]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (conflict("result", "mul_", "gate *= mask"), Reason.OUTPUT),
        (conflict("result", "forward", "y = act(h) + h"), Reason.ACTIVATION),
        (conflict("result", "__iadd__", "out += shortcut"), Reason.ACTIVATION),
        (conflict("self", "relu_", "F.relu_(h)"), Reason.ACTIVATION),
        (conflict("self", "add_", "state.add_(1)"), Reason.INPUT),
        (conflict("self", "__setitem__", "self.bank[0] = z", "Net.forward"), Reason.MODULE_STATE),
        (conflict("mat2", "SGD.step", "opt.step()"), Reason.STEP),
    ],
)
def test_the_write_and_what_was_saved_name_the_rule(found: Conflict, reason: Reason) -> None:
    """Who wrote, into what, tells one cause from the other."""
    graph = Graph((Node(0, "SigmoidBackward0", "sigmoid", location=at(4), made_after=0),), ())
    one = overwrite(died(INPLACE, failed_pass(INPLACE, graph, found)))
    assert one is not None
    assert one.reason is reason


def test_an_assignment_into_a_tracked_buffer_is_a_recurrence() -> None:
    """Torch names the operation when the tensor has a graph of its own."""
    message = INPLACE + ", which is output 0 of AsStrided"
    found = conflict("self", "__setitem__", "out[t] = a * out[t - 1]")
    before = Node(1, "CopySlices", "copy_slices", location=found.writes[0].location)
    graph = Graph((Node(0, "MulBackward0", "mul"), before), (Edge(0, 1, 0),))
    one = overwrite(died(message, failed_pass(message, graph, found)))
    assert one is not None
    assert one.reason is Reason.RECURRENCE


def test_a_step_into_a_kept_graph_of_an_earlier_round() -> None:
    """`retain_graph=True` at the same line and a node older than the newest: the graph of another iteration."""
    nodes = (Node(0, "AddmmBackward0", "addmm", made_after=0), Node(1, "TanhBackward0", "tanh", made_after=1))
    kept = replace(failed_pass("", Graph(nodes, ()), retain_graph=True), error=None)
    last = failed_pass(INPLACE, Graph(nodes, ()), conflict("mat2", "step", "opt.step()"), index=2)
    one = overwrite(died(INPLACE, kept, last))
    assert one is not None
    assert one.reason is Reason.KEPT_GRAPH


def test_a_write_that_nobody_saw_is_not_said_to_be_at_the_line_of_backward() -> None:
    """The place is that of the pass, which overwrites nothing."""
    graph = Graph((Node(0, "SigmoidBackward0", "sigmoid", location=at(4, "gate = w.sigmoid()")),), ())
    unseen = replace(conflict("result", "mul_", "gate *= mask"), writes=())
    (found,) = inplace_saved_output.check(died(INPLACE, failed_pass(INPLACE, graph, unseen)))
    assert found.message == "A write that was not seen overwrites the output of sigmoid, which backward still needs"
    assert found.location is not None
    assert found.location.line == 9


def test_the_finding_shows_both_lines() -> None:
    """The write is the place; the saver and the pass are related, with the versions."""
    graph = Graph((Node(0, "SigmoidBackward0", "sigmoid", location=at(4, "gate = w.sigmoid()")),), ())
    trace = died(INPLACE, failed_pass(INPLACE, graph, conflict("result", "mul_", "gate *= mask")))
    (found,) = inplace_saved_output.check(trace)
    assert found.message == "This line overwrites the output of sigmoid, which backward still needs"
    assert found.location == at(5, "gate *= mask")
    assert [(one.location.line, one.message) for one in found.related] == [
        (4, "`sigmoid` saved its own output here for its backward"),
        (9, "backward needs it here: version 0 is needed, the tensor is at version 1"),
    ]


def test_a_failure_outside_of_any_pass() -> None:
    """The user's line and torch's text are enough."""
    message = "Only Tensors of floating point and complex dtype can require gradients"
    (found,) = int_requires_grad.check(died(message))
    assert (found.location, found.message) == (at(9), "A tensor of integers cannot require grad")


def test_backward_of_a_vector_shows_where_the_vector_was_made() -> None:
    """The root of the pass that never began."""
    value = TensorStats((14,), "float32", 14)
    node = Node(0, "MulBackward0", "mul", name="loss", location=at(7), outputs=(NodeOutput(0, (14,), "float32"),))
    backward = BackwardPass(
        1,
        "none",
        None,
        (Root(0, "loss", value),),
        retain_graph=False,
        create_graph=False,
        recorded="full",
        graph=Graph((node,), ()),
    )
    message = "grad can be implicitly created only for scalar outputs"
    (found,) = nonscalar_backward.check(died(message, backward, frames=(at(9, "loss.backward()"),)))
    assert found.message == "backward() needs a single number, but loss has shape (14,)"
    assert found.location == at(7)


def test_places_are_told_once() -> None:
    """Unknown places and repetitions are dropped."""
    assert [one.message for one in notes((None, "a"), (at(1), "b"), (at(1), "c"))] == ["b"]


def test_a_node_without_a_name_is_called_by_its_operation() -> None:
    """The name comes first."""
    assert node_name(Node(0, "MulBackward0", "mul", name="h")) == "h"
    assert node_name(Node(0, "MulBackward0", "mul")) == "The result of mul"
