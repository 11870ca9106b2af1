"""Slips in an expression are told before anything runs."""

import pytest

from gradtrace.errors import TargetError
from gradtrace.launch.expression import parse_expression


def _error(source, *words, **options):
    with pytest.raises(TargetError) as caught:
        parse_expression(source, words, **options)
    return str(caught.value)


def test_a_syntax_error_has_a_caret_under_the_place():
    """The text is shown and marked."""
    assert _error("w * * y", "w=1") == "the expression cannot be read: invalid syntax\n    w * * y\n        ^"


def test_a_missing_end_is_marked_behind_the_text():
    """There the next word should stand."""
    assert _error("w*w", "w=2+").endswith("the value of w cannot be read: invalid syntax\n    2+\n      ^")


def test_the_right_line_of_several_is_shown():
    """Statements may stand on lines of their own."""
    assert _error("x = w*w\nw * * y").endswith("    w * * y\n        ^")


@pytest.mark.parametrize("source", ["for i in x: pass", "x = 1; del x", "import torch", "a, b = w, w"])
def test_the_last_statement_must_have_a_value(source):
    """A loop or an import cannot be the root."""
    assert _error(source).startswith("the last statement has no value to start backward from")


@pytest.mark.parametrize("source", ["w*w", "x = w*w", "x = w*w; x *= 2", "x: object = w", "a = b = w", "x[0] = w"])
def test_expressions_and_assignments_are_roots(source):
    """Each has a value."""
    assert parse_expression(source, []).source == source


def test_words_that_define_nothing_are_explained():
    """Most often the quotes round the expression are missing."""
    assert "put the whole expression in quotes" in _error("w", "*", "w")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["w="], "'w=' has no value"),
        (["w=1", "w:=2"], "w is defined twice"),
        (["lambda=1"], "lambda is a word of Python itself"),
        (["w==1"], "'w==1' does not define a name"),
        (["2w=1"], "'2w=1' does not define a name"),
        (["w=a=1"], "the value of w cannot be read"),
    ],
)
def test_bad_definitions(words, message):
    """Each says what is wrong with it."""
    assert message in _error("w*w", *words)


def test_values_may_hold_equals_signs():
    """Only the first one separates the name from the value."""
    (binding,) = parse_expression("x.sum()", ["x=randn(2, dtype=torch.float64)"]).bindings

    assert (binding.name, binding.source) == ("x", "randn(2, dtype=torch.float64)")


def test_an_empty_expression_shows_how_one_is_written():
    """Nothing typed is no syntax error."""
    assert "gradtrace explain 'w*w*y' w=0.5 y=2.0" in _error("  ")


def test_the_start_gradient_is_checked_too():
    """--grad-output is an expression as well."""
    assert _error("w", grad_output="1 1").startswith("--grad-output cannot be read")


def test_deep_nesting_is_an_error_and_no_crash():
    """Python's own limits are told like a slip."""
    assert "cannot be read" in _error("(" * 5_000 + "w" + ")" * 5_000)
