"""Which passes are meant by --passes."""

import pytest

from gradtrace.errors import UsageError
from gradtrace.launch import parse_passes


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("1-3", ((1, 3),)),
        ("100", ((100, 100),)),
        ("5-", ((5, None),)),
        ("10-20, 1,5", ((1, 1), (5, 5), (10, 20))),
        ("last", "last"),
        ("all", None),
    ],
)
def test_passes_as_people_write_them(text, passes):
    """Ranges come out in order; all is no limit."""
    assert parse_passes(text) == passes


@pytest.mark.parametrize("text", ["", "x", "3-1", "0", "1--2", "-3", "1,,2", "\u0661"])
def test_anything_else_is_refused_with_examples(text):
    """The error repeats what was given."""
    with pytest.raises(UsageError, match=f"--passes {text}"):
        parse_passes(text)
