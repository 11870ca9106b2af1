"""A step of the chain rule is told in words, and only when the measured numbers satisfy it."""

import math
from collections.abc import Callable
from dataclasses import replace

import builders
import pytest
from builders import Tape, scalar, tensor
from tape import Ref, Value

from gradtrace.model import Edge, Graph, Leaf, Location, Node, NodeOutput, SavedTensor, TensorStats
from gradtrace.text.source_maths import maths, operands, short, span
from gradtrace.text.steps.arrays import Array, broadcast
from gradtrace.text.steps.losses import softmax_minus_one_hot
from gradtrace.text.steps.operands import Operands
from gradtrace.text.steps.step import step
from gradtrace.text.steps.untaken import untaken


def _steps(tape: Tape, root: Ref) -> list[str]:
    """The step of every edge, in the graph's order."""
    graph, _, _ = tape.backward(root)
    leaves = tuple(Leaf(i, name, "tensor", value.shape, "float32") for i, (name, value) in tape.leaves.items())
    return [step(_of(graph, leaves, edge), edge) for edge in graph.edges]


def _of(graph: Graph, leaves: tuple[Leaf, ...], edge: Edge) -> Operands:
    edges = tuple(other for other in graph.edges if other.source == edge.source)
    return Operands(graph, leaves, graph.nodes[edge.source], edges)


def _binary(op: str, source: str, values: tuple[float, float], gradients: tuple[float, float]) -> list[str]:
    tape = Tape()
    x, y = tape.leaf("x", scalar(values[0])), tape.leaf("y", scalar(values[1]))
    made = tape.op(
        f"{op.title()}Backward0", op, [(x, "self"), (y, "other")], [scalar(0)],
        lambda _: [scalar(one) for one in gradients],
        saved=[("self", x), ("other", y)], location=builders.at(1, source),
    )  # fmt: skip
    return _steps(tape, made[0])


def test_product() -> None:
    """A product sends the gradient times the other factor, which is named and valued."""
    graph = builders.product_trace().passes[0].graph
    assert graph is not None
    leaves = builders.product_trace().leaves
    texts = [step(_of(graph, leaves, edge), edge) for edge in graph.edges]
    assert texts == ["= 1 × y (2)", "= 1 × w·w (0.25)", "= 2 × w (0.5)", "= 2 × w (0.5)"]


@pytest.mark.parametrize(
    ("op", "source", "gradients", "texts"),
    [
        ("add", "x + y", (1, 1), ["= 1, passed on", "= 1, passed on"]),
        ("sub", "x - y", (1, -1), ["= 1, passed on", "= 1 × −1"]),
        ("div", "x / y", (0.25, -0.1875), ["= 1 ÷ y (4)", "= 1 × −x/y² (-0.1875)"]),
    ],
)
def test_arithmetic(op: str, source: str, gradients: tuple[float, float], texts: list[str]) -> None:
    """Sums pass the gradient on, differences turn it, quotients divide it."""
    assert _binary(op, source, (3, 4), gradients) == texts


@pytest.mark.parametrize(
    ("op", "forward", "slope", "text"),
    [
        ("neg", lambda x: -x, lambda _: -1.0, "= 1 × −1"),
        ("log", math.log, lambda x: 1 / x, "= 1 ÷ x (2)"),
        ("sin", math.sin, math.cos, "= 1 × cos(x) (-0.4161)"),
        ("cos", math.cos, lambda x: -math.sin(x), "= 1 × −sin(x) (-0.9093)"),
        ("exp", math.exp, math.exp, "= 1 × torch.exp(x) (7.389)"),
        ("sqrt", math.sqrt, lambda x: 0.5 / math.sqrt(x), "= 1 ÷ (2·torch.sqrt(x)) (2.828)"),
        ("tanh", math.tanh, lambda x: 1 - math.tanh(x) ** 2, "= 1 × (1 − tanh²) (0.07065)"),
        ("abs", abs, lambda _: 1.0, "= 1 × sign of x (1)"),
    ],
)
def test_elementwise(op: str, forward: Callable[[float], float], slope: Callable[[float], float], text: str) -> None:
    """An elementwise op sends the gradient times its slope."""
    tape = Tape()
    x = tape.leaf("x", scalar(2))
    root = tape.unary(f"{op}Backward0", op, x, forward, slope, location=builders.at(1, f"torch.{op}(x)"))
    assert _steps(tape, root) == [text]


def _powered(exponent: str, slope: Callable[[float], float]) -> list[str]:
    tape = Tape()
    x = tape.leaf("x", scalar(2))
    n = float(exponent)
    arguments = (("exponent", exponent),)
    return _steps(tape, tape.unary("PowBackward0", "pow", x, lambda v: v**n, slope, arguments=arguments))


def test_power() -> None:
    """A power brings its exponent down."""
    assert _powered("2", lambda x: 2 * x) == ["= 1 × 2·x (4)"]
    assert _powered("3", lambda x: 3 * x**2) == ["= 1 × 3·x² (12)"]
    assert _powered("0.5", lambda x: 0.5 * x**-0.5) == ["= 1 × 0.5·x^(0.5 − 1) (0.3536)"]


def test_wrong_numbers_are_not_told() -> None:
    """Where the numbers do not fit the rule, nothing is said."""
    assert _binary("mul", "x * y", (3, 4), (4, 3.5)) == ["= 1 × y (4)", ""]


def test_alpha_is_not_told() -> None:
    """`add` with a scale on its second operand is another rule."""
    tape = Tape()
    x, y = tape.leaf("x", scalar(1)), tape.leaf("y", scalar(1))
    made = tape.op("AddBackward0", "add", [(x, "self"), (y, "other")], [scalar(3)],
                   lambda _: [scalar(1), scalar(2)], arguments=(("alpha", "2"),))  # fmt: skip
    assert _steps(tape, made[0]) == ["", ""]


def test_broadcast_is_summed() -> None:
    """What was broadcast receives the sum over the broadcast dimensions."""
    tape = Tape()
    x, b = tape.leaf("x", tensor([1, 2, 3])), tape.leaf("b", scalar(2))
    made = tape.op(
        "MulBackward0", "mul", [(x, "self"), (b, "other")], [tensor([2, 4, 6])],
        lambda _: [tensor([2, 2, 2]), scalar(6)], saved=[("self", x), ("other", b)],
    )  # fmt: skip
    assert _steps(tape, tape.sum(made[0])) == [
        "= 1, to each of 3 elements",
        "= [1, 1, 1] × b (2)",
        "= [1, 1, 1] × x ([1, 2, 3]), summed over all elements, because b was broadcast",
    ]


def test_constants_are_named_by_the_source() -> None:
    """A factor without gradient has no edge; the source tells what it is, on whichever side it stands."""
    for source, text in (("w * 3", "= 1 × 3"), ("3 * w", "= 1 × 3"), ("w * scale", "= 1 × scale (3)")):
        tape = Tape()
        w = tape.leaf("w", scalar(2))
        root = tape.mul(w, tape.constant(scalar(3)), location=builders.at(1, source))
        assert _steps(tape, root) == [text]


def test_matrices() -> None:
    """A product of matrices sends the gradient times the other one, transposed; a bias gets the sum over the batch."""
    trace = builders.linear_trace()
    graph = trace.passes[0].graph
    assert graph is not None
    texts = [step(_of(graph, trace.leaves, edge), edge) for edge in graph.edges]
    assert texts == [
        "= 1, to each of 6 elements",
        "= gradient, summed over the batch, because b was broadcast",
        "= (left factor)ᵀ @ gradient",
        "= [[9, 9], [12, 12]]ᵀ",
    ]


def test_mean() -> None:
    """A mean shares the gradient out."""
    tape = Tape()
    x = tape.leaf("x", tensor([1, 3]))
    made = tape.op("MeanBackward0", "mean", [(x, "self")], [scalar(2)], lambda _: [tensor([0.5, 0.5])])
    assert _steps(tape, made[0]) == ["= 1 ÷ 2, to each of 2 elements"]


def test_nothing_without_values() -> None:
    """A step is not told of tensors whose elements were not recorded, nor of ops that are not known."""
    tape = Tape()
    x = tape.leaf("x", Value((20,), (1.0,) * 20))
    assert _steps(tape, tape.relu(x)) == [""]
    y = tape.leaf("y", scalar(1))
    assert _steps(tape, tape.unary("MysteryBackward0", "mystery", y, lambda v: v, lambda _: 1.0)) == [""]


def test_complex_gradients_are_left_alone() -> None:
    """A complex number is text in a recording, and no arithmetic is done on it."""
    graph = builders.product_trace().passes[0].graph
    assert graph is not None
    edge = replace(graph.edges[0], sent=TensorStats((), "complex64", 1, value="1+2j"))
    assert step(_of(graph, builders.product_trace().leaves, edge), edge) == ""


def test_array_reads_values() -> None:
    """Nested lists become an array; what is ragged or not a real number does not."""
    assert Array.read([[1, 2], [3, 4]]) == Array((2, 2), (1, 2, 3, 4))
    assert Array.read(2.0) == Array((), (2.0,))
    assert Array.read([]) == Array((0,), ())
    assert Array.read([[1], [2, 3]]) is None
    assert Array.read(["1+2j"]) is None
    assert Array((2, 2), (1, 2, 3, 4)).nested == [[1, 2], [3, 4]]


def test_array_broadcasting() -> None:
    """Shapes fit as torch fits them."""
    assert broadcast((2, 1), (3,)) == (2, 3)
    assert broadcast((2,), (3,)) is None
    row, column = Array((2,), (1.0, 10.0)), Array((2, 1), (2.0, 3.0))
    assert row.times(column) == Array((2, 2), (2.0, 20.0, 3.0, 30.0))
    assert Array((2, 2), (1, 2, 3, 4)).summed_to((2, 1)) == Array((2, 1), (3.0, 7.0))
    assert Array((2, 2), (1, 2, 3, 4)).summed_to((3,)) is None
    assert Array((2, 1), (1, 2)).matmul(Array((1, 2), (3, 4))) == Array((2, 2), (3, 4, 6, 8))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("w * w * y", "w·w·y"),
        ("(a + b) * c", "(a + b)·c"),
        ("a - (b - c)", "a − (b − c)"),
        ("a / (b * c)", "a/(b·c)"),
        ("x ** 2", "x²"),
        ("x ** -1.5", "x^(−1.5)"),
        ("(x + 1) ** 12", "(x + 1)¹²"),
        ("-x ** 2", "−x²"),
        ("(-x) ** 2", "(−x)²"),
        ("z = x @ W + b", "x @ W + b"),
        ("torch.exp(x * y)", "torch.exp(x * y)"),
        ("not python(", "not python("),
        ("", ""),
    ],
)
def test_maths(source: str, text: str) -> None:
    """Arithmetic is written as maths, with the brackets that it needs; other text stays."""
    assert maths(source) == text


def test_operands() -> None:
    """The operands of the outermost operation are found, if it is the one that is meant."""
    assert operands("w * w * y", "mul") == ("w * w", "y")
    assert operands("x.pow(2)", "pow") == ("x", "2")
    assert operands("torch.pow(x, 2)", "pow") == ("x", "2")
    assert operands("x.add_(y)", "add") == ("x", "y")
    assert operands("self.scale(x)", "mul") == ()
    assert operands("x + y", "mul") == ()
    assert operands("-x", "neg") == ("x",)


def test_span_and_short() -> None:
    """A place gives its source text; a long chain of calls is told by its last one."""
    assert span(Location("a.py", 1, 5, 1, 10, "", "z = w * w * y")) == "w * w"
    assert span(Location("a.py", 1, 5, 2, 3, "", "z = (w *")) == ""
    assert span(None) == ""
    assert short("x.gather(1, i).squeeze(1)") == "….squeeze(1)"
    assert short("x.squeeze(1)") == "x.squeeze(1)"
    assert short("torch.nn.functional.softmax(x, 1)") == "torch.nn.functional.softmax(x, 1)"


@pytest.mark.parametrize(
    ("op", "arrived", "sent", "expected"),
    [
        ("gather", [1.0, 1.0], [1.0, 0.0, 1.0], "; 1 of 3 elements get exactly 0: never taken"),
        ("clamp_", [1.0, 1.0, 1.0], [0.0, 1.0, 0.0], "; 2 of 3 elements get exactly 0: outside the limits"),
        ("relu", [1.0, 0.0, 1.0], [0.0, 0.0, 1.0], "; 2 of 3 elements get exactly 0"),
        ("relu", [1.0, 1.0], [1.0, 1.0], ""),
        ("mul", [1.0, 1.0], [1.0, 0.0], ""),
    ],
)
def test_elements_without_a_gradient_are_counted(
    op: str, arrived: list[float], sent: list[float], expected: str
) -> None:
    """Where an op chooses, the elements that get nothing are counted; why is said only when it is certain."""
    received, brought = builders.stats(tensor(arrived)), builders.stats(tensor(sent))
    kind = op.strip("_").title() + "Backward0"
    node = Node(0, kind, op, outputs=(NodeOutput(0, (len(arrived),), "float32", received=received),))
    assert untaken(node, Edge(0, 1, 0, sent=brought)) == expected


def _cross_entropy(**changes: object) -> Graph:
    """A loss of four rows, and the log_softmax below it."""
    one = builders.stats(scalar(1))
    saved = (
        SavedTensor("target", (4,), "int64", 32, value=[0, 1, 2, 3]),
        SavedTensor("total_weight", (), "float32", 4, value=changes.get("total", 4.0)),
        *([SavedTensor("weight", (5,), "float32", 20)] if changes.get("weight") else []),
    )
    source = "F.cross_entropy(scores, t)"
    loss = Node(
        0, "", "nll_loss", outputs=(NodeOutput(0, (), "float32", received=one),), saved=saved,
        arguments=(("ignore_index", "-100"), ("reduction", str(changes.get("reduction", "1")))),
        location=builders.at(1, source),
    )  # fmt: skip
    return Graph((loss, Node(1, "", "log_softmax", outputs=(NodeOutput(0, (4, 5), "float32"),))), (Edge(0, 1, 0),))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "= (softmax − one-hot of t) ÷ 4"),
        ({"reduction": "2"}, "= (softmax − one-hot of t)"),
        ({"weight": True, "total": 7.5}, "= weight[t] · (softmax − one-hot of t) ÷ 7.5"),
        ({"total": 3.0}, "= (softmax − one-hot of t) ÷ 3, 0 where t is -100"),
        ({"reduction": "0"}, "= gradient · (softmax − one-hot of t)"),
        ({"reduction": "4"}, ""),
    ],
)
def test_softmax_minus_one_hot(changes: dict[str, object], expected: str) -> None:
    """Both ops are told as one step, with weights and without the rows that were left out."""
    graph = _cross_entropy(**changes)
    assert softmax_minus_one_hot(graph, graph.nodes[1]) == expected
