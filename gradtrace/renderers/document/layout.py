"""From structs to the text of a document, piece by piece.

A document is laid out so that a person can read it and line tools can search it: a `Section` has one key a line, `Rows`
one item a line, and everything else is one line.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar, overload

import msgspec
from msgspec import UNSET

from gradtrace.text.strict_json import one_line

_INDENT = "  "

Item = TypeVar("Item")
Source = TypeVar("Source")


class Part(msgspec.Struct, kw_only=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """An object of a document: one line, wherever it stands."""


class Section(Part, frozen=True, kw_only=True):
    """An object of a document that is written with one key a line."""


class Rows(Sequence[Item], Generic[Item]):
    """A list whose items are made when they are written, one a line: a large document is never held whole."""

    def __init__(self, make: Callable[[Source], Item], sources: Sequence[Source]) -> None:
        self._make: Callable[[Source], Item] = make
        self._sources = sources

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[Item]:
        return map(self._make, self._sources)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return Rows(self._make, self._sources[index])
        return self._make(self._sources[index])


def pieces(document: Section) -> Iterator[str]:
    """The text of a whole document with a line break at its end: several times as large as the graph it shows."""
    return chain(_section(document, 0), ("\n",))


def _section(section: Section, depth: int) -> Iterator[str]:
    kind = type(section)
    yield "{"
    separator = start = "\n" + _INDENT * (depth + 1)
    for name, key in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        value = getattr(section, name)
        if value is not UNSET:
            yield f'{separator}"{key}": '
            yield from _written(value, depth + 1)
            separator = f",{start}"
    yield f"\n{_INDENT * depth}}}"


def _written(value: object, depth: int) -> Iterable[str]:
    if isinstance(value, Section):
        return _section(value, depth)
    if isinstance(value, Rows):
        return _rows(value, depth)
    return (one_line(value),)


def _rows(rows: Rows[Any], depth: int) -> Iterator[str]:
    yield "["
    separator = start = "\n" + _INDENT * (depth + 1)
    for row in rows:
        if isinstance(row, Section):
            yield separator
            yield from _section(row, depth + 1)
        else:
            yield separator + one_line(row)
        separator = f",{start}"
    yield f"\n{_INDENT * depth}]" if len(rows) else "]"
