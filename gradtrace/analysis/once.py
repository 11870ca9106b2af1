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

    Equality would not do: to compare two graphs is to compare all of their nodes. What is found must not hold the
    object, or both would live for ever; only where it is the object itself, that is remembered without holding it.
    """
    known: dict[int, _V] = {}
    itself: set[int] = set()

    @functools.wraps(function)
    def call(subject: _K) -> _V:
        key = id(subject)
        if key in known:
            return known[key]
        found = function(subject) if key not in itself else subject
        if found is not subject:
            known[key] = found  # type: ignore[assignment]
            weakref.finalize(subject, known.pop, key, None)
        elif key not in itself:
            itself.add(key)
            weakref.finalize(subject, itself.discard, key)
        return found  # type: ignore[return-value]

    return call
