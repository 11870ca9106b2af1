"""The numbers of an optimizer: those of its param groups, and what it keeps of each parameter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from gradtrace.model.format import VALUE_LIMIT
from gradtrace.recorder.looking import copied, is_tensor
from gradtrace.recorder.measure import plain_values
from gradtrace.recorder.numerals import Numerals
from gradtrace.recorder.parameter_changes import Change
from gradtrace.recorder.readings import Reading, Readings, may_read
from gradtrace.recorder.stream import encode, plain_text

_MOST_MOMENTS = 12
_MOST_RATES = 40
_LARGEST_INTEGER = 2**63

Rates = list[tuple[str, Any]]
"""By name, the numbers of a param group: plain ones, readings, lists of these."""


def rates_of(group: dict[str, Any], readings: Readings) -> Rates:
    """The numbers of a param group, by name: plain ones, tensors of one element, pairs of these."""
    found: Rates = []
    for name, value in group.items():
        if type(name) is not str or name == "params":
            continue
        rate = _rate(value, readings)
        if rate is None and type(value) in (tuple, list):
            parts = [_rate(one, readings) for one in value]
            rate = parts if parts and all(one is not None for one in parts) else None
        if rate is not None and len(found) < _MOST_RATES:
            found.append((name, rate))
    return found


def _rate(value: Any, readings: Readings) -> Any:
    kind = type(value)
    if kind is bool or kind is float or (kind is int and -_LARGEST_INTEGER <= value < _LARGEST_INTEGER):
        return value
    return readings.number(value) if is_tensor(value) and may_read(value) and value.numel() == 1 else None


def form_of_rates(rates: Rates, numerals: Numerals) -> str:
    """The numbers of a param group, in the form of a step."""

    def form(rate: Any) -> str:
        if type(rate) is list:
            return f"[{','.join(map(form, rate))}]"
        return numerals.rate(rate.value if type(rate) is Reading else rate)

    return f"{{{','.join([f'{encode(plain_text(name))}:{form(rate)}' for name, rate in rates])}}}"


def measure_moments(kept: Any, changes: Iterable[tuple[Change, torch.Tensor]], readings: Readings) -> None:
    """What the optimizer keeps of each parameter: norms of tensors, and single numbers as they are."""
    state = {id(key): one for key, one in dict.items(kept)} if issubclass(type(kept), dict) else {}
    if not state:
        return
    tensors: list[tuple[list[Any], int, torch.Tensor]] = []
    kept_small: list[tuple[Change, Any]] = []
    for change, tensor in changes:
        own = state.get(id(tensor))
        if own is not None and change.after is not None:
            change.moments = _moments(own, tensors)
            if change.value_before is not None:
                kept_small.append((change, own))
    for change, own in kept_small:
        change.value_moments = _values(own)
    norms = [one for one in tensors if one[2].dim() or one[2].is_complex()]
    singles = [one for one in tensors if not (one[2].dim() or one[2].is_complex())]
    for places, measure in ((norms, readings.norms), (singles, readings.singles)):
        measured = measure([tensor for _, _, tensor in places])
        for (found, at, _), reading in zip(places, measured, strict=True):
            found[at] = (found[at], reading)


def _moments(kept: Any, tensors: list[tuple[list[Any], int, torch.Tensor]]) -> list[Any]:
    """Names and numbers; of a tensor the name alone, until it is measured."""
    found: list[Any] = []
    for name, value in copied(kept).items():
        if type(name) is not str or len(found) >= _MOST_MOMENTS:
            continue
        if type(value) in (int, float) and abs(value) < _LARGEST_INTEGER:
            found.append((name, Reading(value)))
        elif is_tensor(value) and may_read(value):
            tensors.append((found, len(found), value))
            found.append(name)
    return found


def _values(kept: Any) -> list[tuple[str, Any]]:
    """The elements of what is kept of a parameter whose own elements are told: as many, or fewer."""
    found: list[tuple[str, Any]] = []
    for name, value in copied(kept).items():
        is_small = type(name) is str and is_tensor(value) and may_read(value) and value.dim() > 0
        if is_small and value.is_cpu and value.layout is torch.strided and value.numel() <= VALUE_LIMIT:
            found.append((name, plain_values(value.detach().tolist())))
    return found[:_MOST_MOMENTS]
