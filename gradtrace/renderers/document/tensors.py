"""Numbers of tensors, and places in the source."""

from math import isfinite
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from gradtrace.model import Location as SourceLocation
from gradtrace.model import TensorStats
from gradtrace.model.location import cell_of
from gradtrace.renderers.document.layout import Part
from gradtrace.text.strict_json import number, values

Number = float | Literal["nan", "inf", "-inf"]
"""A number, or the text for one that JSON cannot hold."""

Values = Annotated[Any, Meta(extra_json_schema={"$ref": "#/$defs/Values"})]
"""Numbers in nested lists; see `schema`."""


class Location(Part, frozen=True, kw_only=True):
    """A span of the user's source: the innermost line of the user's own, in a file of no installed package.

    Attributes:
        file: its path.
        line: the first line, from 1.
        column: the first column, from 1.
        end_line: the last line.
        end_column: the column after the last one.
        function: the function that the line stands in.
        text: the source line, or lines; empty when the source cannot be read.
        via: where a library called torch for this line: the library's own place, else null.
        cell: in a notebook, the number of the cell, from 1, those of text included; the lines count in it.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    function: str
    text: str
    via: "Location | None"
    cell: int | UnsetType = UNSET


class Statistics(Part, frozen=True, kw_only=True):
    """What was measured of a tensor at one moment. What was not measured is null; it is never a guess.

    Attributes:
        shape: its shape.
        dtype: its dtype, without `torch.`: `float32`.
        numel: how many elements it has.
        norm: the 2-norm.
        min: the least element.
        max: the greatest element.
        mean: the mean of the elements.
        nan: how many elements are NaN.
        inf: how many elements are infinite.
        zero: how many elements are zero.
        value: all elements, as nested lists, where there are at most 16; a complex number is text such as `1+2j`.
    """

    shape: tuple[int, ...]
    dtype: str
    numel: int
    norm: Number | None
    min: Number | None
    max: Number | None
    mean: Number | None
    nan: int | None
    inf: int | None
    zero: int | None
    value: Values | None


def location(place: SourceLocation | None) -> Location | None:
    """A place as the document has it."""
    if place is None:
        return None
    cell = cell_of(place.file)
    return Location(
        file=place.file if cell is None else cell[0],
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        function=place.function,
        text=place.text,
        via=None if place.via is None else location(place.via),
        cell=UNSET if cell is None else cell[1],
    )


def locations(places: tuple[SourceLocation, ...]) -> list[Location]:
    """Several of them."""
    return [found for found in map(location, places) if found is not None]


def statistics(stats: TensorStats | None) -> Statistics | None:
    """Statistics as the document has them: special numbers as text."""
    if stats is None:
        return None
    norm, least, greatest, mean, value = stats.norm, stats.min, stats.max, stats.mean, stats.value
    # A sum is finite only if all its terms are.
    is_plain = isfinite((norm or 0.0) + (least or 0.0) + (greatest or 0.0) + (mean or 0.0))
    if not is_plain or (value is not None and (stats.nan != 0 or stats.inf != 0)):
        norm, least, greatest, mean, value = number(norm), number(least), number(greatest), number(mean), values(value)
    return Statistics(
        shape=stats.shape,
        dtype=stats.dtype,
        numel=stats.numel,
        norm=norm,
        min=least,
        max=greatest,
        mean=mean,
        nan=stats.nan,
        inf=stats.inf,
        zero=stats.zero,
        value=value,
    )
