"""Derivatives of scalar expressions as formulas."""

import subprocess
import sys

import pytest

from gradtrace.formulas.closed_form import closed_forms


def forms(source: str, *words: str) -> dict[str, str]:
    """The formula for each leaf."""
    return {one.leaf: one.source for one in closed_forms(source, words)}


@pytest.mark.parametrize(
    ("source", "words", "expected"),
    [
        ("w*w*y", ("w=0.5", "y=2.0"), {"w": "2*w*y", "y": "w**2"}),
        ("x = w*w; x.retain_grad(); z = x*y", ("w=0.5", "y=2.0"), {"w": "2*w*y", "y": "w**2"}),
        ("torch.log(x.sin())", ("x=1",), {"x": "cos(x)/sin(x)"}),
        ("tanh(x)", ("x=1",), {"x": "1 - tanh(x)**2"}),
        ("x**0.5", ("x=4",), {"x": "1/(2*sqrt(x))"}),
        ("F.relu(w)*2", ("w=1",), {"w": "2*[w > 0]"}),
        ("(a - b)**2", ("a=1", "b=2"), {"a": "2*(a - b)", "b": "-2*a + 2*b"}),
        ("x += 1; x*x", ("x=1",), {"x": "2*x + 2"}),
        ("w = torch.tensor(0.5, requires_grad=True); w*w", (), {"w": "2*w"}),
    ],
)
def test_derivative(source: str, words: tuple[str, ...], expected: dict[str, str]) -> None:
    """A formula for each leaf, as short as it gets; names given to intermediate values are filled in."""
    assert forms(source, *words) == expected


def test_constant_keeps_its_name() -> None:
    """A constant stands in the formula by its name, and has its number where the formula is worked out."""
    (only,) = closed_forms("c*x*x", ("x=3", "c:=2*pi/pi"))
    assert only.source == "2*c*x"
    assert only.at({"x": 3.0}) == pytest.approx(12.0)


def test_root_is_called_by_its_name() -> None:
    """The last assignment names the value; without one it is the root."""
    assert closed_forms("z = w*w", ("w=1",))[0].root == "z"
    assert closed_forms("w*w", ("w=1",))[0].root == "root"


@pytest.mark.parametrize(
    "source",
    ["x[0]", "x @ x", "x.detach()*x", "len(x)", "x.item()*x", "open('f')", "x if x > 0 else -x", "9**9**9**9*x"],
)
def test_what_is_no_formula_has_none(source: str) -> None:
    """Whatever is more than arithmetic of scalars is left alone, and nothing of it is run."""
    assert forms(source, "x=1") == {}


@pytest.mark.parametrize("words", [("x=[1,2]",), ("x=randn(3)",), ("x=(",)])
def test_strange_values_are_told_by_numbers_alone(words: tuple[str, ...]) -> None:
    """Values are not looked at here; a definition that cannot be scalar, or read, ends the search at once."""
    found = forms("x*x", *words)
    assert found == ({"x": "2*x"} if words == ("x=randn(3)",) else {})


def test_no_value_outside_the_domain() -> None:
    """Where a formula has no real value it has none."""
    (only,) = closed_forms("x**0.5", ("x=-1",))
    assert only.at({"x": -1.0}) is None


@pytest.mark.parametrize(
    ("call", "is_loaded"),
    [
        ("closed_forms('x[0]', ('x=[1,2]',))", False),
        ("look_ahead('x*x', ('x=randn(3)',))", False),
        ("look_ahead('c*x*x', ('x=-1.5e-3', 'c:=2'))", True),
    ],
)
def test_sympy_is_loaded_for_scalars_alone(call: str, is_loaded: bool) -> None:
    """SymPy is imported where a formula is looked for, ahead of time only where it is sure that all are numbers."""
    code = f"import sys; from gradtrace.formulas.closed_form import *; {call}; print('sympy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(is_loaded)
