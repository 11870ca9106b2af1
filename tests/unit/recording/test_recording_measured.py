"""Statistics that are worked out when they are first asked for."""

from array import array
from dataclasses import replace
from math import inf, isnan, nan

import pytest

from gradtrace.model import TensorStats
from gradtrace.model.format import Form
from gradtrace.recording.damage import Damage
from gradtrace.recording.measured import all_stats, from_values
from gradtrace.recording.tables import Spec

SMALL = Spec((2, 2), "float32", 4)
LARGE = Spec((5, 8), "float32", 40)
NOTHING = Spec((0, 3), "float32", 0)

EVERY_FORM = (
    (SMALL, Form.VALUES, (1.0, -2.0, 0.0, 2.0)),
    (LARGE, Form.UNKNOWN, ()),
    (LARGE, Form.NORM, (3.0,)),
    (LARGE, Form.NORM_ALONE, (inf,)),
    (NOTHING, Form.VALUES, ()),
    (LARGE, Form.FULL, (3.0, -1.0, 2.0, 0.5, 0.0, 0.0, 7.0)),
)
EXPECTED = (
    TensorStats((2, 2), "float32", 4, 3.0, -2.0, 2.0, 0.25, 0, 0, 1, [[1.0, -2.0], [0.0, 2.0]]),
    TensorStats((5, 8), "float32", 40),
    TensorStats((5, 8), "float32", 40, 3.0, nan=0, inf=0),
    TensorStats((5, 8), "float32", 40, inf),
    TensorStats((0, 3), "float32", 0, 0.0, nan=0, inf=0, zero=0, value=[]),
    TensorStats((5, 8), "float32", 40, 3.0, -1.0, 2.0, 0.5, 0, 0, 7),
)


def read(*rows: tuple[Spec, Form, tuple[float, ...]]) -> list[TensorStats]:
    """The statistics of columns that hold these."""
    specs, forms, numbers = zip(*rows, strict=True)
    return all_stats(specs, list(map(int, forms)), array("d", [one for some in numbers for one in some]), ())


def test_each_form_tells_what_it_holds_and_no_more() -> None:
    """The numbers of each begin where those before it end."""
    assert tuple(read(*EVERY_FORM)) == EXPECTED


@pytest.mark.parametrize(("row", "expected"), list(zip(EVERY_FORM, EXPECTED, strict=True)))
def test_what_was_not_asked_for_yet_is_as_good_as_what_was(row, expected: TensorStats) -> None:
    """In copies, in comparisons, as text, and as the key of a dictionary."""
    assert replace(read(row)[0], dtype="float64") == replace(expected, dtype="float64")
    assert repr(read(row)[0]) == repr(expected)
    assert read(row)[0].is_finite == expected.is_finite
    assert read(row)[0].is_whole == expected.is_whole == (expected.value is not None)
    if expected.value is None:
        assert hash(read(row)[0]) == hash(expected)


def test_an_attribute_that_there_is_not_is_an_error() -> None:
    """With the words of Python, also where something is still to be worked out."""
    for one in (read(EVERY_FORM[0])[0], EXPECTED[0]):
        with pytest.raises(AttributeError, match="'TensorStats' object has no attribute 'median'"):
            one.median  # noqa: B018


@pytest.mark.parametrize("values", [[1e308, 1e308], [inf, -inf], [nan, 1.0], [-inf, 1.0]])
def test_numbers_that_are_too_large_have_statistics(values: list[float]) -> None:
    """A sum that is too large for a double damages no recording, and its mean is right."""
    (lazily,) = read((Spec((2,), "float64", 2), Form.VALUES, tuple(values)))
    told = from_values((2,), "float64", 2, values)
    assert repr(lazily) == repr(told)
    if values[0] == 1e308:
        assert told.mean == 1e308
        assert told.norm == pytest.approx(2**0.5 * 1e308)
    if not told.is_finite:
        assert isnan(told.mean) or told.mean == -inf


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [((EVERY_FORM[0],), [1.0]), ((EVERY_FORM[1],), [1.0]), (((LARGE, Form.FULL, ()),), [1.0] * 6 + [inf])],
)
def test_columns_that_contradict_one_another_are_damage(rows, numbers: list[float]) -> None:
    """Too few numbers, too many, or a count that is none."""
    specs, forms, _ = zip(*rows, strict=True)
    with pytest.raises(Damage):
        all_stats(specs, list(map(int, forms)), array("d", numbers), ())
