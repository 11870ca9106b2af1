"""Source text with carets under it."""

from gradtrace.model import Location
from gradtrace.model.excerpt import excerpt


def _carets(text, column, end_column, end_line=1):
    return excerpt(Location("f", 1, column, end_line, end_column, text=text)).split("\n")


def test_carets_stand_under_the_span():
    """Columns count from 1, the end is exclusive."""
    assert _carets("a + bc", 5, 7) == ["    a + bc", "        ^^"]


def test_an_empty_span_has_one_caret():
    """Also behind the end of the line."""
    assert _carets("w*", 3, 3) == ["    w*", "      ^"]


def test_a_span_over_several_lines_is_marked_on_the_first():
    """To its end."""
    assert _carets("f(\n1)", 1, 2, end_line=2) == ["    f(", "    ^^"]


def test_control_characters_are_inert_and_take_one_place():
    """An escape sequence cannot move the cursor away from the carets."""
    assert _carets("\x1b[31m\tw", 7, 8) == ["    ?[31m w", "          ^"]


def test_a_long_line_is_cut_around_the_span():
    """The marked part stays visible and marked."""
    line, carets = _carets("x" * 5_000 + "HERE" + "y" * 5_000, 5_001, 5_005)

    assert len(line) < 120
    assert line[carets.index("^") : carets.rindex("^") + 1] == "HERE"
