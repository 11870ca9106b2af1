import pytest

from gradtrace.formulas.catalogue import CATALOGUE
from gradtrace.formulas.formula import Formula, GradientTo
from gradtrace.formulas.lookup import find, lookup
from gradtrace.formulas.worked_example import ExampleError, Shown, run_examples


def test_every_example_agrees_with_autograd():
    """Each example runs, reaches a node of its entry, and its formulas give what autograd gives, for every input."""
    for formula, example in zip(CATALOGUE, run_examples(CATALOGUE), strict=True):
        if not formula.example:
            continue
        assert [shown.name for shown in example.gradients if not shown.agrees] == [], formula.op
        shown_inputs = {shown.name.partition("[")[0] for shown in example.gradients}
        assert shown_inputs == {gradient.input.removesuffix("*") for gradient in formula.gradients}, formula.op
        assert not formula.node_types or set(formula.node_types) & set(example.nodes), formula.op


def test_example_shows_numbers_and_shapes():
    """What went in, what came out, what arrived and what each input gets, summed where it was broadcast."""
    (example,) = run_examples((lookup("MulBackward0"),))

    assert example.arguments[1] == Shown("other", "f32[3]", [10.0, 20.0, 30.0])
    assert example.results == (Shown("result", "f32[2,3]", [[10.0, 40.0, 90.0], [40.0, 100.0, 180.0]]),)
    assert example.grads == (Shown("grad", "f32[2,3]", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),)
    assert example.gradients[1] == Shown("other", "f32[3]", [17.0, 29.0, 45.0], agrees=True)
    assert example.nodes == ("MulBackward0", "AccumulateGrad")


def test_leaf_has_no_example():
    """An entry without an example stays in its place among the others."""
    assert run_examples((lookup("AccumulateGrad"),)) == (None,)


def test_wrong_formula_is_noticed():
    """A formula that autograd contradicts is shown as such, never as right."""
    wrong = Formula(
        "exp",
        ("ExpBackward0",),
        "x",
        "x",
        (GradientTo("self", "grad", "grad"),),
        "self = tensor([1.0])\nresult = self.exp()",
    )

    (example,) = run_examples((wrong,))

    assert example.gradients[0].agrees is False


def test_example_that_fails_says_why():
    """The error names the op, the reason and the way around."""
    failing = Formula("odd", (), "x", "x", (), "self = tensor([1.0])\nresult = self.nonsense()")

    with pytest.raises(
        ExampleError, match=r"AttributeError in the example of odd: .*nonsense.*Without it: --no-example"
    ):
        run_examples((failing,))


def test_interpreter_that_is_missing_is_named():
    """A wrong --python is an error of its own."""
    with pytest.raises(ExampleError, match="could not be run by no-such-python"):
        run_examples((lookup("MulBackward0"),), "no-such-python")


def test_files_of_the_current_directory_are_not_imported(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A user's own torch.py beside the terminal does not become torch."""
    (tmp_path / "torch.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)

    assert run_examples((find("exp")[0],))[0].gradients[0].agrees
