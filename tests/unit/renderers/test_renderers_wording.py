"""Numbers, counts, tensors and places are said in one way."""

import math

import pytest

from gradtrace.model import Location, TensorStats
from gradtrace.text import wording


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.5, "0.5"),
        (2.0, "2"),
        (-0.0, "0"),
        (2, "2"),
        (0.30000001192092896, "0.3"),
        (1.23449e-5, "1.234e-05"),
        (1234.0, "1234"),
        (12345.678, "12346"),
        (999999.0, "999999"),
        (1234567.0, "1.235e+06"),
        (0.012345678, "0.01235"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        ("1+2j", "1+2j"),
        ("0.333333333-0.6666666666j", "0.3333-0.6667j"),
        ("1+nanj", "1+nanj"),
        ("no number", "no number"),
        (True, "True"),
        (None, "None"),
    ],
)
def test_number(x: object, text: str) -> None:
    """A number is rounded to four significant digits, whole numbers keep theirs, other text stays as it is."""
    assert wording.number(x) == text


def test_number_digits() -> None:
    """More digits can be asked for."""
    assert wording.number(1 / 3, digits=7) == "0.3333333"


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [
        (0, "pass", "0 passes"),
        (1, "pass", "1 pass"),
        (2, "leaf", "2 leaves"),
        (25000, "node", "25,000 nodes"),
        (2, "entry", "2 entries"),
        (2, "day", "2 days"),
        (2, "recorded pass", "2 recorded passes"),
    ],
)
def test_count(n: int, noun: str, text: str) -> None:
    """A count agrees with its noun."""
    assert wording.count(n, noun) == text


def _stats(**kwargs: object) -> TensorStats:
    return TensorStats(**({"shape": (), "dtype": "float32", "numel": 1} | kwargs))


@pytest.mark.parametrize(
    ("stats", "text"),
    [
        (None, "None"),
        (_stats(value=2.0, norm=2.0), "2"),
        (_stats(shape=(3,), numel=3, value=[1.0, 2.0, 3.0], norm=3.7), "[1, 2, 3]"),
        (_stats(shape=(2, 2), numel=4, value=[[1.0, 2.0], [3.0, 4.0]]), "[[1, 2], [3, 4]]"),
        (_stats(shape=(16,), numel=16, value=[0.123456] * 16, norm=0.49382), "|g| = 0.4938"),
        (_stats(shape=(64, 10), numel=640, norm=0.00123456), "|g| = 0.001235"),
        (_stats(shape=(64, 10), numel=640, norm=math.nan, nan=3, inf=1), "|g| = nan (3 NaN, 1 Inf)"),
        (_stats(shape=(64, 10), numel=640), "f32[64,10]"),
        (_stats(shape=(0, 3), numel=0, value=[]), "empty"),
    ],
)
def test_gradient(stats: TensorStats | None, text: str) -> None:
    """A gradient is written out while short, else stands as its norm with non-finite elements counted."""
    assert wording.gradient(stats) == text


def test_value() -> None:
    """A large forward value stands as its norm, with x for the letter."""
    assert wording.value(_stats(shape=(64,), numel=64, norm=3.25)) == "|x| = 3.25"


@pytest.mark.parametrize(
    ("loc", "text"),
    [
        (None, ""),
        (Location("/home/me/train.py", 12), "train.py:12"),
        (Location("C:\\work\\train.py", 3), "train.py:3"),
        (Location("/a/net/__init__.py", 3), "net/__init__.py:3"),
        (Location("<expression>", 1), "<expression>:1"),
    ],
)
def test_location(loc: Location | None, text: str) -> None:
    """A place is the file's name and the line; a file that every package has keeps its folder."""
    assert wording.location(loc) == text
    assert wording.at(loc) == (f" at {text}" if text else "")


def test_spec() -> None:
    """Shape and dtype stand in torch's short form, the device only when it is not the cpu."""
    assert wording.spec((2, 3), "float32") == "f32[2,3]"
    assert wording.spec((), "int64", "cuda:0") == "i64[] cuda:0"
    assert wording.spec(None, None) == ""


def test_lists() -> None:
    """Lists, ordinals and ranges read as a person writes them."""
    assert wording.listing(["a"]) == "a"
    assert wording.listing(["a", "b", "c"]) == "a, b and c"
    assert wording.listing([str(i) for i in range(20)], limit=4) == "0, 1, 2 and 17 more"
    assert wording.listing([]) == ""
    assert [wording.ordinal(n) for n in (1, 2, 3, 4, 11, 22)] == ["1st", "2nd", "3rd", "4th", "11th", "22nd"]
    assert wording.ranges([5, 1, 2, 3, 8, 9]) == "1-3, 5, 8-9"
