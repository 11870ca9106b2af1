"""Numbers apart from the text around them: what stays the same from step to step is text, and is written once."""

from __future__ import annotations

import functools
from array import array
from typing import Any

import torch

from gradtrace.recorder.readings import Reading
from gradtrace.recorder.stream import encode

_NUMBER = "{}"
"""Stands for a number in a form; JSON has it for nothing else there."""
_MOST_EXACT = 2**53
"""Whole numbers up to this one are doubles without loss."""


class Elements:
    """All elements of a tensor, in order; every one of them is finite."""

    __slots__ = ("numbers", "shape")

    def __init__(self, numbers: list[float], shape: torch.Size) -> None:
        self.numbers = numbers
        self.shape = shape


class Numerals:
    """The numbers that belong into a form, in order; each method returns what stands for them there."""

    def __init__(self) -> None:
        self.numbers = array("d")

    def number(self, reading: Reading | None) -> str:
        """A number that was measured."""
        return self.rate(None if reading is None else reading.value)

    def rate(self, value: Any) -> str:
        """A number, a truth value, None, or what else JSON can hold."""
        kind = type(value)
        if kind is float or (kind is int and -_MOST_EXACT <= value <= _MOST_EXACT):
            self.numbers.append(value)
            return _NUMBER
        return encode(value)

    def elements(self, value: Any) -> str:
        """The elements of a tensor, or nested lists of them as JSON can hold them."""
        if value is None:
            return "null"
        if type(value) is Elements:
            self.numbers.extend(value.numbers)
            return _nested(value.shape)
        if type(value) is list:
            return f"[{','.join(map(self.elements, value))}]"
        return self.rate(value)


@functools.lru_cache(maxsize=1_000)
def _nested(shape: torch.Size) -> str:
    text = _NUMBER
    for extent in reversed(shape):
        text = f"[{','.join([text] * extent)}]"
    return text
