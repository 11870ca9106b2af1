"""The program behind an expression: what it computes, and how it says what is wrong."""

import builtins
import json
import sys

import pytest
import torch

from gradtrace.recorder import expression, program_end


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs an expression with definitions as on the command line; gives its names."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setenv("GRADTRACE_SESSION", str(tmp_path))

    def run(source, *words, grad_output=None, status=0, **options):
        bindings = [_binding(word) for word in words]
        spec = {"bindings": bindings, "grad_output": grad_output, **options}
        (tmp_path / "config.json").write_text(json.dumps({"expression": source, "expression_spec": spec}))
        assert expression.main() == status
        return vars(sys.modules["__main__"])

    return run


@pytest.fixture
def refusal(run, tmp_path):
    """Runs an expression that is refused; gives the text."""

    def refusal(source, *words, **options):
        with pytest.raises(SystemExit, match="2"):
            run(source, *words, **options)
        return (tmp_path / "refused").read_text(encoding="utf-8")

    return refusal


def _binding(word):
    name, _, source = word.partition("=")
    return [name.rstrip(":"), source, not name.endswith(":")]


def test_the_third_pass_comes_after_zero_grad(run):
    """So one pass's gradient is left, not three."""
    names = run("w*w*y", "w=0.5", "y=2.0")

    assert (names["w"].grad.item(), names["y"].grad.item()) == (2.0, 0.25)


def test_zeroing_is_done_by_torchs_own_module(run, monkeypatch):
    """Once, before the last pass, and for every leaf."""
    zeroed = []
    original = torch.nn.Module.zero_grad

    def zero_grad(module, set_to_none=True):
        zeroed.append([leaf.grad.item() for leaf in module.parameters()])
        original(module, set_to_none)

    monkeypatch.setattr(torch.nn.Module, "zero_grad", zero_grad)
    run("w*y", "w=0.5", "y=2.0")

    assert zeroed == [[4.0, 1.0]]


def test_numbers_become_float_leaves(run):
    """Ints too; a list is a tensor, an explicit dtype stays."""
    names = run("(a + b.sum() + c.sum()).double() + d", "a=3", "b=[1,2]", "c=ones(2)", "d=ones(()).double()")

    assert [names[name].dtype for name in "abcd"] == [torch.float32] * 3 + [torch.float64]
    assert all(names[name].is_leaf and names[name].requires_grad for name in "abcd")


def test_a_leaf_may_be_computed_from_others_and_is_its_own(run):
    """Its definition is not part of the graph."""
    names = run("v*1", "w=2.0", "v=w*3")

    assert (names["v"].item(), names["v"].is_leaf, names["w"].grad) == (6.0, True, None)


def test_constants_keep_their_type(run):
    """A float is a tensor without gradient, an int can be a dimension."""
    names = run("x.sum(d) @ y + z", "x=ones(2,2)", "d:=1", "y:=[1.,2.]", "z:=0.5")

    assert (names["d"], names["y"].requires_grad, names["z"].ndim) == (1, False, 0)
    assert names["x"].grad.tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_chance_is_the_same_in_every_pass(run, monkeypatch):
    """Dropout falls on the same elements, so that the passes can be compared."""
    grads = []
    monkeypatch.setattr(
        torch.nn.Module, "zero_grad", lambda module: grads.extend(leaf.grad.clone() for leaf in module.parameters())
    )
    names = run("F.dropout(x, 0.5)", "x=randn(64)")

    assert torch.equal(names["x"].grad, grads[0] / 2 * 3)


def test_modules_and_leaves_made_in_statements_are_made_once(run):
    """They too accumulate, and are zeroed with the others."""
    names = run("m = nn.Linear(2, 1); k = tensor(3., requires_grad=True); y = m(x) * k; y.sum()", "x=ones(1,2)")

    assert names["m"].bias.grad.tolist() == [3.0]
    assert names["k"].grad.item() == pytest.approx(names["m"](names["x"]).item())


def test_the_users_names_are_those_of_the_main_program(run):
    """A result has the name that the statement gave it."""
    names = run("h = w*w; h.retain_grad(); out = h*2", "w=3.0")

    assert (names["__name__"], names["h"].grad.item(), names["out"].item()) == ("__main__", 2.0, 18.0)


@pytest.mark.parametrize(("grad_output", "grad"), [(None, [2.0, 4.0]), ("[1., 10.]", [2.0, 40.0]), ("3", [6.0, 12.0])])
def test_what_a_root_with_several_elements_starts_with(run, grad_output, grad):
    """Ones, by summing it; or what was asked for."""
    names = run("x*x", "x=[1., 2.]", grad_output=grad_output)

    assert names["x"].grad.tolist() == grad


def test_a_pass_that_fails_is_told_and_is_the_programs_failure(run, capsys, tmp_path, monkeypatch):
    """The recording up to there is kept, so this is no refusal; the launcher says it."""
    monkeypatch.setattr(program_end, "ended_by", None)
    run("y = w.exp(); y.add_(1); y.sum()", "w=1.0", status=1)

    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "backward_failed").read_text().startswith("RuntimeError: one of the variables needed")
    assert isinstance(program_end.ended_by, RuntimeError)


NO_GRAD = "but it does not require grad:"
ONE_TENSOR = "but backward starts from one tensor:"
UNKNOWN_NAME = """\
there is no name 'sigmod'; did you mean sigmoid?
define it behind the expression: sigmod=0.5 (a leaf) or sigmod:=0.5 (a constant)
    w * sigmod(z)
        ^^^^^^"""
WRONG_SHAPE = """\
RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)
    a = x @ x; a.sum()
        ^^^^^"""
CUT = f"the value is 2.0, {NO_GRAD} nothing connects it to w (detach, no_grad, item and integers cut the way)"
INTEGER = f"the value is 1, {NO_GRAD} int64 numbers have no gradient; end with a floating point value"


@pytest.mark.parametrize(
    ("source", "words", "text"),
    [
        ("w * sigmod(z)", ["w=1"], UNKNOWN_NAME),
        ("a = x @ x; a.sum()", ["x=randn(2,3)"], WRONG_SHAPE),
        ("w", ["w=1/0"], "ZeroDivisionError: division by zero\n    1/0\n    ^^^"),
        ("w", ["w='abc'"], "w='abc' is a Python str, which is no tensor: a constant is written w:='abc'"),
        (
            "w*2",
            ["w:=1.5"],
            f"the value is 3.0, {NO_GRAD} nothing in it does; a leaf is written w=1.5, with = and not :=",
        ),
        ("w.detach()*2", ["w=1"], CUT),
        ("w.long()", ["w=1"], INTEGER),
        (
            "x.max(dim=0)",
            ["x=[1.,2.]"],
            f"the value is a max, {ONE_TENSOR} end with one of its parts: .values or .indices",
        ),
        ("3", [], f"the value is a Python int, {ONE_TENSOR} end with one"),
    ],
)
def test_what_cannot_be_run_is_told_with_its_place(refusal, source, words, text):
    """In words that say what to write instead; never a traceback."""
    assert refusal(source, *words) == text


def test_a_start_gradient_of_another_shape_is_refused(refusal):
    """With both shapes."""
    text = refusal("x*x", "x=[1.,2.]", grad_output="ones(3)")

    assert text == "--grad-output has the shape (3,), and the root has (2,): they must be equal"


def test_nothing_in_scope_hides_a_builtin():
    """Sum, max and abs mean what they mean in Python."""
    scope = expression._scope()

    assert not {name for name in scope if not name.startswith("__")} & set(dir(builtins))


@pytest.mark.parametrize(
    ("options", "gradient"),
    [
        ({"repeat": 4, "zero": True}, 2.0),
        ({"repeat": 4, "zero": False}, 8.0),
        ({"repeat": 1, "zero": True}, 2.0),
        ({"repeat": None, "zero": False}, 6.0),
    ],
)
def test_repeated(run, options, gradient):
    """So many passes run, zeroed in between or never; alone, no zeroing lets the three passes add up."""
    assert run("w*w*y", "w=0.5", "y=2.0", **options)["w"].grad.item() == gradient


def test_a_name_may_be_used_again(run):
    """A statement that gives a constant's name to a result finds the constant again in the next pass."""
    names = run("x = w*x; x*x", "w=1.0", "x:=3.0")

    assert names["w"].grad.item() == 18.0
