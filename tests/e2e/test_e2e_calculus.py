"""What `explain` prints for the exercises of a calculus course, number by number, against gradients derived by hand.

Each exercise names its rule and where courses teach it: "Stewart" is J. Stewart, Calculus: Early Transcendentals (by
section), "Cookbook" is K. B. Petersen and M. S. Pedersen, The Matrix Cookbook, 2012 (by equation). The derivations
were done with pencil and paper; none of the expected numbers comes from torch.
"""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import dataclass, field
from math import cos, cosh, e, exp, log, pi, sin, sinh, tanh
from pathlib import Path

import pytest
import torch

from gradtrace import recorder
from gradtrace.recorder import expression
from gradtrace.recorder.config import Config
from gradtrace.recording import load, merge
from gradtrace.renderers.explain.explanation import Options, render

Numbers = float | list[float]


@dataclass(frozen=True)
class Exercise:
    """An expression at a point.

    Attributes:
        rule: what differentiates it, and where that is taught.
        root: its value.
        slopes: the derivative with respect to each leaf, elements row by row.
        values: forward values on the way, the root's own apart.
        gradients: derivatives of the root with respect to the values on the way, apart from 1 at the root itself.
    """

    source: str
    words: str
    rule: str
    root: float
    slopes: dict[str, Numbers]
    values: list[float] = field(default_factory=list)
    gradients: list[float] = field(default_factory=list)


def _sigma(x: float) -> float:
    return 1 / (1 + exp(-x))


EXERCISES = [
    Exercise("w*w*y", "w=0.5 y=2.0", "product rule, Stewart 3.2", 0.5, {"w": 2.0, "y": 0.25}, [0.25], [2]),
    Exercise("x**3", "x=2.0", "power rule, Stewart 3.1", 8, {"x": 12}),
    Exercise("3*x**2 - 5*x + 4", "x=2.0", "sums of powers, Stewart 3.1", 6, {"x": 6 * 2 - 5}, [4, 12, 10, 2], [3, -1]),
    Exercise("a*b", "a=3.0 b=-2.0", "product rule, Stewart 3.2", -6, {"a": -2, "b": 3}),
    Exercise("a/b", "a=3.0 b=2.0", "quotient rule, Stewart 3.2", 1.5, {"a": 1 / 2, "b": -3 / 4}),
    Exercise("1/x", "x=4.0", "power rule with exponent -1, Stewart 3.1", 0.25, {"x": -1 / 16}),
    Exercise("sqrt(x)", "x=9.0", "power rule with exponent 1/2, Stewart 3.1", 3, {"x": 1 / 6}),
    Exercise("exp(2*x)", "x=0.5", "exponential and chain rule, Stewart 3.4", e, {"x": 2 * e}, [1], [e]),
    Exercise("log(x)", "x=2.5", "logarithm, Stewart 3.6", log(2.5), {"x": 0.4}),
    Exercise("sin(x)", "x=1.0", "sine, Stewart 3.3", sin(1), {"x": cos(1)}),
    Exercise("cos(x)", "x=1.0", "cosine, Stewart 3.3", cos(1), {"x": -sin(1)}),
    Exercise("tan(x)", "x=0.5", "tangent, Stewart 3.3", sin(0.5) / cos(0.5), {"x": 1 / cos(0.5) ** 2}),
    Exercise(
        "sin(x)*cos(x)",
        "x=0.7",
        "product rule and the double angle, Stewart 3.3",
        sin(0.7) * cos(0.7),
        {"x": cos(1.4)},
        [sin(0.7), cos(0.7)],
        [sin(0.7), cos(0.7)],
    ),
    Exercise("sin(x**2)", "x=1.5", "chain rule, Stewart 3.4", sin(2.25), {"x": 3 * cos(2.25)}, [2.25], [cos(2.25)]),
    Exercise(
        "exp(-x**2/2)",
        "x=1.0",
        "chain rule, the bell curve, Stewart 3.4",
        exp(-0.5),
        {"x": -exp(-0.5)},
        [-0.5, -1, 1],
        [exp(-0.5), exp(-0.5) / 2, -exp(-0.5) / 2],
    ),
    Exercise(
        "log(sin(x))",
        "x=1.0",
        "logarithm of a function, Stewart 3.6",
        log(sin(1)),
        {"x": cos(1) / sin(1)},
        [sin(1)],
        [1 / sin(1)],
    ),
    Exercise("x*exp(x)", "x=1.0", "product rule, Stewart 3.2", e, {"x": 2 * e}, [e]),
    Exercise("atan(x)", "x=2.0", "inverse tangent, Stewart 3.5", math.atan(2), {"x": 1 / 5}),
    Exercise("asin(x)", "x=0.6", "inverse sine, Stewart 3.5", math.asin(0.6), {"x": 1 / 0.8}),
    Exercise("tanh(x)", "x=0.5", "hyperbolic tangent, Stewart 3.11", tanh(0.5), {"x": 1 / cosh(0.5) ** 2}),
    Exercise("sinh(x)", "x=1.0", "hyperbolic sine, Stewart 3.11", sinh(1), {"x": cosh(1)}),
    Exercise("sigmoid(x)", "x=0.3", "logistic function, Stewart 9.4", _sigma(0.3), {"x": _sigma(0.3) * _sigma(-0.3)}),
    Exercise(
        "x**y", "x=2.0 y=3.0", "powers and logarithmic differentiation, Stewart 3.6", 8, {"x": 12, "y": 8 * log(2)}
    ),
    Exercise("2**x", "x=3.0", "exponential to another base, Stewart 3.4", 8, {"x": 8 * log(2)}),
    Exercise(
        "sqrt(x**2 + y**2)",
        "x=3.0 y=4.0",
        "partial derivatives, Stewart 14.3",
        5,
        {"x": 3 / 5, "y": 4 / 5},
        [25, 9, 16],
        [1 / 10],
    ),
    Exercise(
        "log(x**2 + y**2)/2",
        "x=1.0 y=2.0",
        "partial derivatives, Stewart 14.3",
        log(5) / 2,
        {"x": 1 / 5, "y": 2 / 5},
        [log(5), 5, 1, 4],
        [1 / 2, 1 / 10],
    ),
    Exercise("abs(x)", "x=-3.0", "absolute value, Stewart 2.8", 3, {"x": -1}),
    Exercise(
        "s = x*y; s**2 + s",
        "x=2.0 y=3.0",
        "chain rule in several variables, Stewart 14.5",
        42,
        {"x": 13 * 3, "y": 13 * 2},
        [36, 6],
        [12, 13],
    ),
    Exercise(
        "r = 2.0; u = r*cos(t); u*u",
        "t=0.7",
        "chain rule through a substitution, Stewart 3.4",
        4 * cos(0.7) ** 2,
        {"t": -4 * sin(1.4)},
        [2 * cos(0.7), cos(0.7)],
        [2 * cos(0.7), 4 * cos(0.7), 8 * cos(0.7)],
    ),
    Exercise("a @ x", "a:=[1.,2.,3.] x=[4.,5.,6.]", "linear form, Cookbook 69", 32, {"x": [1, 2, 3]}),
    Exercise(
        "x @ B @ x",
        "x=[1.,2.] B:=[[1.,2.],[3.,4.]]",
        "quadratic form: (B + Bᵀ)x, Cookbook 81",
        27,
        {"x": [12, 21]},
        [7, 10],
        [1, 2, 5, 11],
    ),
    Exercise(
        "a @ X @ b",
        "a:=[1.,2.] X=[[1.,0.],[0.,1.]] b:=[3.,4.]",
        "bilinear form: abᵀ, Cookbook 70",
        11,
        {"X": [3, 4, 6, 8]},
        [1, 2],
        [3, 4],
    ),
    Exercise(
        "((p - t)**2).mean()",
        "p=[1.,2.,4.] t:=[0.,2.,2.]",
        "mean of squares: 2(p - t)/n, Stewart 14.3",
        5 / 3,
        {"p": [2 / 3, 0, 4 / 3]},
        [1, 0, 4, 2],
        [1 / 3, 2 / 3, 0, 4 / 3],
    ),
]


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The explanation of each exercise, all made in this process."""
    patch = pytest.MonkeyPatch()
    patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    torch.set_default_dtype(torch.float64)
    try:
        return {one.source: _explained(one, tmp_path_factory.mktemp("calculus"), patch) for one in EXERCISES}
    finally:
        torch.set_default_dtype(torch.float32)
        patch.undo()


def _explained(one: Exercise, session: Path, patch: pytest.MonkeyPatch) -> str:
    words = tuple(one.words.split())
    pairs = [word.partition("=") for word in words]
    bindings = [[name.rstrip(":"), value, not name.endswith(":")] for name, _, value in pairs]
    spec = {"bindings": bindings, "grad_output": None}
    (session / "config.json").write_text(json.dumps({"expression": one.source, "expression_spec": spec}))
    patch.setenv("GRADTRACE_SESSION", str(session))
    recorder.start(Config(session, target=one.source, argv=words, expression=one.source, level="full"))
    try:
        assert expression.main() == 0
    finally:
        recorder.stop()
    merge(session, target=session / "run.gtrace", status=0)
    return render(load(session / "run.gtrace"), Options(width=400))


_NUMBER = r"-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)"
_TENSOR = rf"{_NUMBER}|\[[^a-z]*?\](?= |$)"


def _numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(_NUMBER, text)]


def _flat(numbers: Numbers) -> list[float]:
    return numbers if isinstance(numbers, list) else [numbers]


def _near(expected: list[float]) -> object:
    return pytest.approx(expected, rel=1e-3, abs=1e-9)


def _block(text: str, start: str) -> list[str]:
    """The lines from the one that begins so to the next empty one."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip().startswith(start))
    end = next((i for i in range(first, len(lines)) if not lines[i]), len(lines))
    return lines[first:end]


@pytest.mark.parametrize("one", EXERCISES, ids=lambda one: one.source)
def test_leaf_table(one: Exercise, explained: dict[str, str]) -> None:
    """Each leaf gets what was derived by hand; what a second pass and zeroing do follows from it."""
    text = explained[one.source]
    measured = " ".join(_block(text, "Run backward() again"))
    _, *rows = _block(text, "leaf  ")
    assert [row.split()[0] for row in rows] == list(one.slopes)
    for name, slope in one.slopes.items():
        row = next(row for row in rows if row.split()[0] == name)
        found = re.search(rf" None  +({_TENSOR})(?: = .*?)?  +({_TENSOR})(?=  |$)", row)
        assert found is not None, row
        assert _numbers(found[1]) == _near(_flat(slope))
        assert _numbers(found[2]) == _near(_flat(slope))
        again = re.search(rf"{name}\.grad ({_NUMBER}|\[[^a-z]*?\]) → ({_TENSOR})", measured)
        zeroed = re.search(rf"{name}\.grad None → ({_TENSOR})", measured)
        assert again is not None, measured
        assert zeroed is not None, measured
        assert _numbers(again[1]) == _near(_flat(slope))
        assert _numbers(again[2]) == _near([2 * x for x in _flat(slope)])
        assert _numbers(zeroed[1]) == _near(_flat(slope))


@pytest.mark.parametrize("one", EXERCISES, ids=lambda one: one.source)
def test_tree(one: Exercise, explained: dict[str, str]) -> None:
    """Every value and gradient on the way was derived by hand, and what comes to a leaf adds up to its derivative."""
    head, _, tree, *_ = explained[one.source].split("\n", 3)
    assert _numbers(head.split("  backward starts")[0].rsplit(" = ", 1)[1]) == _near([one.root])
    brought = {name: [0.0] * len(_flat(slope)) for name, slope in one.slopes.items()}
    lines = explained[one.source].split("\n\n")[1].splitlines()
    assert lines[0] == tree
    for line in lines:
        for kind, known in (("value", [one.root, *one.values]), ("gradient", [1.0, *one.gradients])):
            for shown in re.findall(rf"  {kind} ({_TENSOR})", line):
                for number in _numbers(shown):
                    assert any(number == pytest.approx(x, rel=1e-3, abs=1e-9) for x in known), (kind, number, line)
        leaf = re.search(rf"─ (\w+)  leaf.*?  adds ({_TENSOR})", line)
        if leaf is not None:
            brought[leaf[1]] = [a + b for a, b in zip(brought[leaf[1]], _numbers(leaf[2]), strict=True)]
    assert {name: _near(_flat(slope)) for name, slope in one.slopes.items()} == brought


@pytest.mark.parametrize("one", EXERCISES, ids=lambda one: one.source)
def test_steps(one: Exercise, explained: dict[str, str]) -> None:
    """Each product of the chain rule that is written out is right: arriving gradient times factor is what was sent."""
    for line in explained[one.source].split("\n\n")[1].splitlines():
        step = re.search(rf"= ({_NUMBER}) ([×÷]) [^=]*\(({_NUMBER})\)(?:;|$)", line)
        if step is None:
            continue
        arrived, factor = float(step[1]), float(step[3])
        before = line[: step.start()].rstrip()
        (sent,) = re.findall(rf"({_NUMBER})$", before)
        assert float(sent) == pytest.approx(arrived * factor if step[2] == "×" else arrived / factor, rel=2e-3), line


@pytest.mark.parametrize(
    "one", [one for one in EXERCISES if not any(isinstance(slope, list) for slope in one.slopes.values())],
    ids=lambda one: one.source,
)  # fmt: skip
def test_closed_form(one: Exercise, explained: dict[str, str]) -> None:
    """The formula of each derivative, worked out at the point, gives the number derived by hand."""
    point = {name: float(value) for name, _, value in (word.partition("=") for word in one.words.split())}
    for name, slope in one.slopes.items():
        formula = re.search(rf"∂\w+/∂{name} = (.*)", explained[one.source])
        assert formula is not None, explained[one.source]
        assert _worked_out(formula[1], point) == pytest.approx(slope, rel=1e-6)


def _worked_out(formula: str, point: dict[str, float]) -> float:
    """A formula as it is printed, as Python computes it."""
    signs = {"·": "*", "−": "-", "^": "**"} | {sign: f"**{n}" for n, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
    source = "".join(signs.get(sign, sign) for sign in formula)
    known = {name: getattr(math, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "cosh", "sinh")}
    known |= {"σ": _sigma, "sign": lambda x: math.copysign(1, x), "pi": pi}
    return float(eval(source, known, dict(point)))


def test_enough_exercises() -> None:
    """At least thirty, each with its rule and a source."""
    assert len(EXERCISES) >= 30
    assert all(re.search(r"(Stewart|Cookbook) \d", one.rule) for one in EXERCISES)
