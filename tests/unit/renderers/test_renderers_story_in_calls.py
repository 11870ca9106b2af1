"""The story is told in the calls that the program made (`linear`, `matmul`), in the nodes of torch when asked for."""

from dataclasses import replace

import builders
import pytest
from builders import Tape, at, tensor

import gradtrace
from gradtrace.formulas.lookup import describe
from gradtrace.model import Graph, Node, Trace
from gradtrace.renderers.explain.explanation import Options, render
from gradtrace.renderers.tree import tree
from gradtrace.text.steps.calls import formula_in_words, formula_of
from gradtrace.text.steps.operands import Operands
from gradtrace.text.steps.step import step


def _linear() -> Trace:
    """`fc(x)` of one layer, as torch makes it: a transposition and an addmm, of one call."""
    tape = Tape()
    inputs = tape.leaf("x", tensor([[1, -1]]))
    weight, bias = tape.leaf("fc.weight", tensor([[1, 2], [3, 4]])), tape.leaf("fc.bias", tensor([0, 0]))
    place = at(1, "y = fc(x)", "fc(x)")
    made = tape.linear(inputs, weight, bias, location=place, call="linear")
    story = builders.Story(tape, builders.run(), kind="tensor")
    story.backward(tape, tape.sum(made))
    trace = story.trace()
    graph = trace.passes[0].graph
    assert graph is not None
    nodes = tuple(replace(node, call_number=1) if node.call else node for node in graph.nodes)
    return replace(trace, passes=(replace(trace.passes[0], graph=replace(graph, nodes=nodes)), *trace.passes[1:]))


def _words(text: str) -> str:
    return " ".join(word for word in text.split() if word != "│")


def test_what_was_called_is_told() -> None:
    """With what each argument gets, by numbers; torch's own ops are told by `--aten`, and when verbose."""
    said = _words(render(_linear(), Options()))
    assert "└─ linear fc(x)" in said
    assert "fc.weight leaf adds [[1, -1], [1, -1]] = gradientᵀ @ x" in said
    assert "x leaf adds [[4, 6]] = gradient @ fc.weight" in said
    assert "fc.bias leaf adds [1, 1] = [[1, 1]], summed over the batch, because fc.bias was broadcast" in said
    assert not {"addmm", "mat1", "mat2", "self"} & set(said.replace(",", " ").split())
    for options in (Options(aten=True), Options(verbose=True)):
        assert {"addmm", "t"} <= set(render(_linear(), options).split())
    assert {"addmm", "t"} <= set(gradtrace.explain(_linear(), aten=True).split())


def test_a_step_that_the_numbers_deny_is_told_by_its_rule() -> None:
    """A gradient that a hook changed on its way is not what the layer made of it."""
    trace = _linear()
    one = trace.passes[0]
    assert one.graph is not None
    nodes = [
        replace(node, outputs=(replace(node.outputs[0], received=builders.stats(tensor([[5, 7]]))),))
        if node.op == "addmm"
        else node
        for node in one.graph.nodes
    ]
    changed = replace(trace, passes=(replace(one, graph=Graph(tuple(nodes), one.graph.edges)),))
    said = _words(render(changed, Options()))
    assert "@" not in said
    assert "= gradient · fc.weight" in said


def test_the_small_tree_is_the_same() -> None:
    """`render` nests calls as `explain` does."""
    assert "linear" in tree.render(_linear(), tree.Options())
    assert "addmm" not in tree.render(_linear(), tree.Options())
    assert "addmm" in tree.render(_linear(), tree.Options(aten=True))


@pytest.mark.parametrize("name", [None, ""])
def test_an_edge_without_a_name_is_no_factor_of_a_matrix(name: str | None) -> None:
    """A node of which torch names no arguments (`CopySlices`) has no step, and fails nothing."""
    trace = _linear()
    graph = trace.passes[0].graph
    assert graph is not None
    first = replace(graph.nodes[0], type="CopySlices", op="copy_slices")
    edge = replace(graph.edges[0], input=name)
    assert step(Operands(graph, trace.leaves, first, (edge,)), edge) == ""


def test_formulas_of_calls() -> None:
    """The page of the call, of the op that it is called like, of a custom Function; else what torch makes it of."""
    einsum = formula_of(Node(0, "PermuteBackward0 BmmBackward0", "einsum"))
    custom = formula_of(Node(0, "MineBackward ViewBackward0", "Mine", is_custom=True))

    assert formula_of(Node(0, "TBackward0 AddmmBackward0", "linear")).op == "linear"
    assert formula_of(Node(0, "AsStridedBackward0 MulBackward0", "mul")) == describe(Node(0, "MulBackward0", "mul"))
    assert einsum.backward == "torch makes it of permute and bmm; --verbose shows the gradient at each."
    assert custom.source == "custom"
    assert formula_in_words(Node(0, "MulBackward0", "mul", call="dropout", call_number=1)).op == "dropout"
    assert formula_in_words(Node(0, "MulBackward0", "mul", call="mul", call_number=1)).op == "mul"
