"""Remembers what was found out about a graph or a trace for as long as that lives."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


def once(function: Callable[[_K], _V]) -> Callable[[_K], _V]:
    """A function of one immutable object that looks at each object once, told apart by identity.

    Equality would not do: to compare two graphs is to compare all of their nodes.
    """
    known: dict[int, _V] = {}

    @functools.wraps(function)
    def call(subject: _K) -> _V:
        key = id(subject)
        if key not in known:
            known[key] = function(subject)
            weakref.finalize(subject, known.pop, key, None)
        return known[key]

    return call
