"""The examples run, say what their docstrings promise, and cannot tell that they are traced."""

import ast

import example_runs
import pytest

LAST_LINES = {
    "accumulate": "loss after 3 steps of 4 batches",
    "adam_loop": "of the points are classified correctly",
    "char_rnn": "it writes: row, row, row your boat, gently down the stream",
    "in_place": "w.grad through sigmoid, out of place: [0.25, 0.1966, 0.105]",
    "manual_update": "slope 3.05 (made with 3), offset 1.02 (made with 1)",
    "numpy_bridge": "in torch alone it would be 1.5 * sqrt(w)",
    "product": "after clearing: w.grad 2.0  y.grad 0.25",
    "q_learning": "the trained player reaches the goal in 6 moves",
    "sgd_loop": "learned weight [1.50, -1.98, 0.49] (made with 1.50, -2.00, 0.50), bias 0.31",
    "shapes": "rows.grad [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]",
    "tensors": "later.grad          tensor([ 8., 10., 12.])",
    "transformer": "72 parameters with a gradient",
    "two_layer_net": "third pass, after zero_grad",
}


def test_every_example_is_checked() -> None:
    """A new example needs a line here."""
    assert set(LAST_LINES) == set(example_runs.NAMES)


@pytest.mark.parametrize("name", example_runs.NAMES)
def test_runs_bare(name: str) -> None:
    """Each example ends well, warns of nothing, and ends with the line that makes its point."""
    run = example_runs.bare(name)
    assert (run.status, run.stderr) == (0, "")
    assert LAST_LINES[name] in run.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", example_runs.NAMES)
def test_prints_the_same_when_traced(name: str) -> None:
    """Tracing changes neither what an example prints nor its status."""
    bare, traced = example_runs.bare(name), example_runs.traced(name)
    assert (traced.status, traced.stdout, traced.stderr) == (bare.status, bare.stdout, bare.stderr)


@pytest.mark.parametrize("name", example_runs.NAMES)
def test_says_what_it_teaches_and_what_to_try(name: str) -> None:
    """The docstring of an example has a section on what it teaches and a command that names the example."""
    docstring = ast.get_docstring(ast.parse((example_runs.EXAMPLES / f"{name}.py").read_text("utf-8")))
    assert docstring is not None
    assert "\nWhat it teaches\n" in docstring
    assert (
        f"    gradtrace explain examples/{name}.py" in docstring or f"gradtrace render examples/{name}.py" in docstring
    )


def test_conflict_fails_the_same_when_traced() -> None:
    """Asked for its conflict, `in_place.py` dies of torch's own error, traced or not."""
    bare, traced = example_runs.bare("in_place", "conflict"), example_runs.traced("in_place", "conflict")
    assert bare.status == traced.status == 1
    assert "modified by an inplace operation" in bare.stderr
    assert bare.stderr.splitlines()[-1] in traced.stderr
