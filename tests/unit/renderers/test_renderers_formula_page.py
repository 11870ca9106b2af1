import pytest

from gradtrace.formulas.derivatives import derivative
from gradtrace.formulas.formula import Formula, GradientTo
from gradtrace.formulas.lookup import lookup
from gradtrace.formulas.worked_example import Shown, WorkedExample
from gradtrace.renderers.reference.formula_page import Entry, Options, render, render_list

SIGMOID = lookup("SigmoidBackward0")

EXAMPLE = WorkedExample(
    arguments=(Shown("self", "f32[3]", [-2.0, 0.0, 4.0]),),
    results=(Shown("result", "f32[3]", [0.1192029, 0.5, 0.9820138]),),
    grads=(Shown("grad", "f32[3]", [1.0, 2.0, 3.0]),),
    gradients=(Shown("self", "f32[3]", [0.10499359, 0.5, 0.05298822], agrees=True),),
    nodes=("SigmoidBackward0", "AccumulateGrad"),
)

PAGE = """\
sigmoid  SigmoidBackward0
  Squeezes every element into (0, 1): 1 / (1 + e⁻ˣ).
  Each element of the gradient is multiplied by y·(1 - y), y being the result:
  at most ¼, near 0 far from x = 0.

  input  gets
  self   grad · result · (1 - result)

  For example, run just now: result = torch.sigmoid(self)

  example          value
  self     f32[3]  [-2, 0, 4]
  result   f32[3]  [0.1192, 0.5, 0.982]
  grad     f32[3]  [1, 2, 3]
  → self   f32[3]  [0.105, 0.5, 0.05299]

  Autograd, asked on the same tensors, gives the same.
"""

DETAILS = """\
  torch      in its own C++
  signature  sigmoid(Tensor self) -> Tensor
  self       sigmoid_backward(grad, result)
"""


def test_page_at_80_columns():
    """Words, maths and numbers, each in its place; with -v also runnable torch and torch's own formula."""
    entry = Entry(SIGMOID, derivative("SigmoidBackward0"), EXAMPLE)

    assert render([entry], Options(width=80)) == PAGE

    verbose = render([entry], Options(width=80, verbose=True))
    assert (
        verbose
        == PAGE.replace("(1 - result)\n\n", "(1 - result)\n         grad * (result * (1 - result)).conj()\n\n")
        + "\n"
        + DETAILS
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("node_type", ["NativeLayerNormBackward0", "ConvolutionBackward0", "LinalgVectorNormBackward0"])
def test_nothing_is_wider_than_the_line(node_type: str, width: int):
    """Long expressions are continued on the next line, whole."""
    page = render([Entry(lookup(node_type), derivative(node_type))], Options(width=width, verbose=True))

    assert max(map(len, page.splitlines())) <= width
    assert "…" not in page


def test_disagreement_is_an_alarm():
    """Should torch change a formula, the page says so itself."""
    other = WorkedExample((), (), (), (Shown("self", "f32[]", 1.0, agrees=False),), ())

    page = render([Entry(SIGMOID, None, other)], Options())

    assert "warning: autograd gives something else for self: please report this." in page
    assert "gives the same" not in page


def test_op_without_words_shows_torchs_formula_once():
    """What only torch describes is not said twice."""
    page = render(
        [Entry(lookup("NestedFromPaddedBackward0"), derivative("NestedFromPaddedBackward0"))], Options(verbose=True)
    )

    assert page.count("_nested_from_padded_backward(") == 1


def test_markdown_keeps_expressions_whole():
    """A page for notes has no line ends inside code."""
    page = render([Entry(SIGMOID, derivative("SigmoidBackward0"), EXAMPLE)], Options(markdown=True))

    assert page.startswith("### sigmoid  SigmoidBackward0\n")
    assert "| self | grad · result · \\(1 \\- result\\) |" in page


def test_list_has_one_line_an_entry():
    """On a terminal nothing is wider than the line; a pipe gets everything, node types too."""
    terminal = render_list([SIGMOID, lookup("AddmmBackward0")], Options(width=60)).splitlines()
    pipe = render_list([SIGMOID, lookup("AddmmBackward0")], Options()).splitlines()

    assert len(terminal) == len(pipe) == 3
    assert max(map(len, terminal)) <= 60
    assert pipe[1].split("  ")[1] == "sigmoid"
    assert pipe[1].endswith("SigmoidBackward0")


def test_hostile_text_is_inert():
    """An op registered under an evil name cannot write to the terminal."""
    evil = Formula("\x1b[31m[red]\n", ("\x07",), "\u202e.", "</script>.", (GradientTo("\x00", "\r", "\x1b"),))

    page = render([Entry(evil)], Options(color=False))

    assert not any(char in page for char in "\x1b\x07\x00\r\u202e")
