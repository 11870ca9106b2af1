"""Many numbers as JSON, with one call for all of them.

The shortest form of a float, which Python writes by itself, takes several times as long to find as 17 digits, which
tell every double as exactly.
"""

from __future__ import annotations

import functools
from typing import Any

import torch

from gradtrace.recorder.readings import Reading
from gradtrace.recorder.stream import encode

_NUMBER = "%#.17g"


class Elements:
    """All elements of a tensor, in order; every one of them is finite."""

    __slots__ = ("numbers", "shape")

    def __init__(self, numbers: list[float], shape: torch.Size) -> None:
        self.numbers = numbers
        self.shape = shape


class Numerals:
    """The numbers that go into a text, in order; each method returns what stands for them in its template."""

    def __init__(self) -> None:
        self._numbers: list[float] = []

    def number(self, reading: Reading | None) -> str:
        """A number that was measured."""
        if reading is None:
            return "null"
        number = reading.value
        if type(number) is float and number - number == 0:
            self._numbers.append(number)
            return _NUMBER
        return literal(reading.plain())

    def elements(self, value: Any) -> str:
        """The elements of a tensor, or nested lists of them as JSON can hold them."""
        if value is None:
            return "null"
        if type(value) is Elements:
            self._numbers += value.numbers
            return _nested(value.shape)
        return literal(value)

    def text(self, template: str) -> str:
        """The template with all numbers in their places."""
        numbers = tuple(self._numbers)
        text = template % numbers
        if ".," in text or ".]" in text:  # 17 digits and no fraction: JSON wants a digit behind the point
            return template.replace(_NUMBER, "%r") % numbers
        return text


def literal(value: Any) -> str:
    """What stands for a value that JSON can hold."""
    return encode(value).replace("%", "%%")


@functools.lru_cache(maxsize=1_000)
def _nested(shape: torch.Size) -> str:
    text = _NUMBER
    for extent in reversed(shape):
        text = f"[{','.join([text] * extent)}]"
    return text
