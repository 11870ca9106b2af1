"""`why` answers for every name of the programs of an introduction, and denies none."""

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import forked_runs
import pytest

from gradtrace.analysis.reasons import why
from gradtrace.diagnosis.examine import examine
from gradtrace.diagnosis.selection import Selection
from gradtrace.model import Trace
from gradtrace.renderers.why import reason

ANSWERS = re.compile(
    r"has (no \.grad|a gradient)|with a gradient|gets no gradient|No tensor|is a (parameter|variable) of|self is"
)
PROGRAMS = Path(__file__).parents[1] / "programs" / "introduction"


@functools.cache
def traces() -> dict[str, Trace]:
    """What was recorded of each program, with its findings."""
    paths = sorted(PROGRAMS.glob("*.py"))
    found = {}
    for path, trace in zip(paths, forked_runs.record(paths), strict=True):
        named = replace(trace, run=replace(trace.run, target=str(path)))
        found[path.stem] = examine(named, Selection(), sources=[PROGRAMS])
    return found


def names(path: Path) -> Iterator[str]:
    """What the program assigns, what its functions take, and whose `.grad` it reads."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield ast.unparse(node)
        elif isinstance(node, ast.Attribute) and node.attr == "grad":
            yield ast.unparse(node.value)


def answered(program: str, name: str) -> str:
    """The answer without its line breaks."""
    return " ".join(reason.render(why(traces()[program], name, [PROGRAMS]), reason.Options()).split())


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_every_name_of_a_program_has_an_answer(path):
    """Whatever it stands for: a name that is denied would raise."""
    asked = dict.fromkeys(names(path))
    assert len(asked) > 1
    for name in asked:
        assert ANSWERS.search(answered(path.stem, name)), name


@pytest.mark.parametrize(
    ("program", "name", "words"),
    [
        (
            "without_requires_grad",
            "x",
            "no .grad at without_requires_grad.py:8 because it was made without requires_grad",
        ),
        ("first_gradient", "n", "a Python number (int, 5 at first), no tensor"),
        ("first_gradient", "labels", "it holds no floating point numbers"),
        (
            "add_and_numpy",
            "s",
            "s (f32[2,2]) has no .grad because it was made without requires_grad at add_and_numpy.py:7",
        ),
        ("add_and_numpy", "a", "a numpy array, no tensor"),
        ("numpy_of_a_result", "y", "the program ended before, with a RuntimeError at numpy_of_a_result.py:5"),
        ("numpy_of_a_result", "y", "detach().numpy() gives the values alone"),
        ("manual_update", "w.data", "w has a gradient: pass 1"),
        ("manual_update", "w", "Over the run: accumulates over passes 1-12 and is never zeroed."),
        ("network", "net", "8 tensors with a gradient"),
        ("network", "self.conv1", "conv1.weight has a gradient"),
        ("network", "net.conv1", "conv1.weight has a gradient"),
        ("network", "bn.running_mean", "bn.running_mean (f32[16]) has no .grad because it is no parameter"),
        ("network", "net.bn.running_mean", "bn.running_mean (f32[16]) has no .grad because it is no parameter"),
        ("network", "bn.num_batches_tracked", "it holds no floating point numbers"),
        ("trainer", "self.scale", "self.scale (f32[1]) has no .grad because it is no parameter"),
        ("trainer", "trainer.model.linear", "linear.weight has a gradient"),
        ("trainer", "self.loss_fn", "a module (MSELoss) without parameters"),
        ("trainer", "output", "output is a variable of evaluate() at trainer.py:37"),
        ("network", "params[0]", "conv1.weight has a gradient"),
        ("network", "params", "8 tensors with a gradient"),
        ("network", "net.*", "8 tensors with a gradient"),
        ("classifier", "net[0].weight", "0.weight has a gradient"),
        ("classifier", "optimizer.param_groups", "an optimizer (SGD), no tensor"),
        ("shapes", "scores[0]", "scores has a gradient"),
        ("network", "f", "bn.bias has a gradient"),
        ("network", "criterion", "a module (MSELoss) without parameters"),
        ("training_function", "opt", "an optimizer (Adam), no tensor"),
        (
            "training_function",
            "x",
            "x is a parameter of model() at training_function.py:4",
        ),
        ("shapes", "unused", "unused (f32[3]) has no .grad at shapes.py:14 because nothing that pass 1"),
    ],
)
def test_the_answer_says_what_the_name_stands_for(program, name, words):
    """In the words of the program."""
    assert words in answered(program, name)
